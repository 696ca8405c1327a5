"""A rule version is a fact about past answers: the database refuses to change one."""

from django.db import migrations

CREATE = """
CREATE FUNCTION personalization_ruleversion_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a rule version never changes; add a new one' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER personalization_ruleversion_immutable BEFORE UPDATE ON personalization_ruleversion
    FOR EACH ROW EXECUTE FUNCTION personalization_ruleversion_immutable();
"""
DROP = """
DROP TRIGGER personalization_ruleversion_immutable ON personalization_ruleversion;
DROP FUNCTION personalization_ruleversion_immutable();
"""


class Migration(migrations.Migration):
    """A trigger; no table changes."""

    dependencies = [("personalization", "0002_default_placements")]
    operations = [migrations.RunSQL(CREATE, DROP)]
