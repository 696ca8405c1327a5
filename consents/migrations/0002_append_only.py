"""Deny every change of a proof, to everyone; only erasure may replace the raw id by a pseudonym."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION consents_consentevent_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND current_setting('vitrine.erasing', true) = 'on' AND NEW.raw_id LIKE 'erased:%' THEN
    OLD.raw_id := NEW.raw_id;
    IF OLD IS NOT DISTINCT FROM NEW THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'consents_consentevent is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER consents_consentevent_append_only BEFORE UPDATE OR DELETE ON consents_consentevent
  FOR EACH ROW EXECUTE FUNCTION consents_consentevent_deny();

CREATE FUNCTION consents_purpose_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is never changed: write its next version', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER consents_purpose_immutable BEFORE UPDATE OR DELETE ON consents_purpose
  FOR EACH ROW EXECUTE FUNCTION consents_purpose_deny();
CREATE TRIGGER consents_policytext_immutable BEFORE UPDATE OR DELETE ON consents_policytext
  FOR EACH ROW EXECUTE FUNCTION consents_purpose_deny();
"""

BACKWARD = """
DROP TRIGGER consents_consentevent_append_only ON consents_consentevent;
DROP TRIGGER consents_purpose_immutable ON consents_purpose;
DROP TRIGGER consents_policytext_immutable ON consents_policytext;
DROP FUNCTION consents_consentevent_deny();
DROP FUNCTION consents_purpose_deny();
"""


class Migration(migrations.Migration):
    """Triggers of the append-only tables."""

    dependencies = [("consents", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
