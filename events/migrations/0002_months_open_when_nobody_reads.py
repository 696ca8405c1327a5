"""A month is opened when nobody reads for long; until then its events go to the default partition."""

from typing import ClassVar

from django.db import migrations

OPEN = """
CREATE OR REPLACE FUNCTION events_ensure_month(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    opens timestamptz := date_trunc('month', moment);
    closes timestamptz := opens + interval '1 month';
    month text := 'events_event_' || to_char(opens, 'YYYY_MM');
BEGIN
    IF opens < '2010-01-01' OR opens > now() + interval '2 months' THEN RETURN false; END IF;
    IF to_regclass(month) IS NOT NULL THEN RETURN true; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('events_ensure_month'));
    IF to_regclass(month) IS NOT NULL THEN RETURN true; END IF;
    LOCK TABLE events_event_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE %I (LIKE events_event INCLUDING ALL)', month);
    EXECUTE format('WITH moved AS (DELETE FROM events_event_default WHERE at >= %L AND at < %L RETURNING *) '
                   'INSERT INTO %I SELECT * FROM moved', opens, closes, month);
    EXECUTE format('ALTER TABLE events_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', month, opens, closes);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    -- Who waited longer would hold up every reader behind the lock: another batch tries again. Until this one is
    -- written nobody else opens the month, which the rows on their way to the default partition would no longer fit.
    LOCK TABLE events_event_default IN ROW EXCLUSIVE MODE;
    RETURN to_regclass(month) IS NOT NULL;
END $$;
"""


class Migration(migrations.Migration):
    """Wait for no reader."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("events", "0001_initial")]
    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(OPEN, migrations.RunSQL.noop),
    ]
