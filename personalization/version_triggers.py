"""Triggers that keep versions of placements and rules, and which version of a rule was current. Pure."""

# Each write of a placement gets the next number, and a copy of the row: past answers were given by one of them.
VERSIONS = """
CREATE FUNCTION personalization_placement_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        NEW.version := OLD.version;
        IF NEW IS NOT DISTINCT FROM OLD THEN RETURN NEW; END IF;
        NEW.version := OLD.version + 1;
    ELSE
        SELECT COALESCE(max(number), 0) + 1 INTO NEW.version FROM personalization_placementversion WHERE key = NEW.key;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER personalization_placement_number BEFORE INSERT OR UPDATE ON personalization_placement
    FOR EACH ROW EXECUTE FUNCTION personalization_placement_number();
CREATE FUNCTION personalization_placement_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO personalization_placementversion (key, number, fields, at)
    VALUES (NEW.key, NEW.version, to_jsonb(NEW), clock_timestamp()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER personalization_placement_keep AFTER INSERT OR UPDATE ON personalization_placement
    FOR EACH ROW EXECUTE FUNCTION personalization_placement_keep();
CREATE FUNCTION personalization_placementversion_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a placement version never changes; save the placement' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER personalization_placementversion_immutable BEFORE UPDATE ON personalization_placementversion
    FOR EACH ROW EXECUTE FUNCTION personalization_placementversion_immutable();
"""
NO_VERSIONS = """
DROP TRIGGER personalization_placementversion_immutable ON personalization_placementversion;
DROP FUNCTION personalization_placementversion_immutable();
DROP TRIGGER personalization_placement_keep ON personalization_placement;
DROP FUNCTION personalization_placement_keep();
DROP TRIGGER personalization_placement_number ON personalization_placement;
DROP FUNCTION personalization_placement_number();
"""
# Which version of a rule was current, and whether the rule was on.
RULE_STATES = """
CREATE FUNCTION personalization_rule_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.active = OLD.active AND NEW.current_id IS NOT DISTINCT FROM OLD.current_id THEN
        RETURN NULL;
    END IF;
    INSERT INTO personalization_rulestate (rule, version, active, xid, at)
    SELECT COALESCE(NEW.id, OLD.id), NEW.current_id, COALESCE(NEW.active, false),
        pg_current_xact_id()::text::bigint, clock_timestamp();
    RETURN NULL;
END $$;
CREATE TRIGGER personalization_rule_keep AFTER INSERT OR UPDATE OR DELETE ON personalization_rule
    FOR EACH ROW EXECUTE FUNCTION personalization_rule_keep();
"""
NO_RULE_STATES = """
DROP TRIGGER personalization_rule_keep ON personalization_rule;
DROP FUNCTION personalization_rule_keep();
"""
# A version of a rule is a fact about past answers.
IMMUTABLE = """
CREATE FUNCTION personalization_ruleversion_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a rule version never changes; add a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER personalization_ruleversion_immutable BEFORE UPDATE ON personalization_ruleversion
    FOR EACH ROW EXECUTE FUNCTION personalization_ruleversion_immutable();
"""
MUTABLE = """
DROP TRIGGER personalization_ruleversion_immutable ON personalization_ruleversion;
DROP FUNCTION personalization_ruleversion_immutable();
"""
