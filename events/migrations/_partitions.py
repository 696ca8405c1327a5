"""The SQL of the partitioned table of events, for the initial migration."""

EVENT = """
CREATE TABLE events_event (
    id uuid NOT NULL,
    message_id text NOT NULL,
    at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    kind varchar(10) NOT NULL,
    name text NOT NULL DEFAULT '',
    user_id text,
    anonymous_id text,
    previous_id text,
    claimed_user_id text,
    sender text NOT NULL DEFAULT '',
    properties jsonb NOT NULL DEFAULT '{}',
    traits jsonb NOT NULL DEFAULT '{}',
    context jsonb NOT NULL DEFAULT '{}',
    consents jsonb NOT NULL DEFAULT '{}',
    allowed text[] NOT NULL DEFAULT '{}',
    source text NOT NULL DEFAULT '',
    shard smallint NOT NULL,
    log_offset bigint NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX events_event_user ON events_event (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX events_event_anonymous ON events_event (anonymous_id, at) WHERE anonymous_id IS NOT NULL;
CREATE INDEX events_event_claimed ON events_event (claimed_user_id) WHERE claimed_user_id IS NOT NULL;
CREATE INDEX events_event_at ON events_event USING brin (at);
CREATE INDEX events_event_offset ON events_event USING brin (log_offset) WITH (autosummarize = on);
CREATE INDEX events_event_segment ON events_event (coalesce(user_id, anonymous_id), at)
    WHERE name IN ('Segment Entered', 'Segment Left');
CREATE TABLE events_event_default PARTITION OF events_event DEFAULT;
"""

# The first event of a month opens its partition. Rows that the default partition already holds for it, because a clock
# ran ahead or a long reader held the lock, move along. SECURITY DEFINER: the app's role may open a month, nothing else.
MONTHS = """
CREATE FUNCTION events_ensure_month(moment timestamptz) RETURNS boolean
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
    -- A longer wait would hold up every reader behind the lock, so another batch tries again. This lock keeps others
    -- from opening the month while this batch still writes its rows into the default partition.
    LOCK TABLE events_event_default IN ROW EXCLUSIVE MODE;
    RETURN to_regclass(month) IS NOT NULL;
END $$;
COMMENT ON FUNCTION events_ensure_month IS 'Open the month of a moment; return whether it has a partition of its own.';
REVOKE ALL ON FUNCTION events_ensure_month FROM PUBLIC;
"""

UNDO = """
DROP FUNCTION events_ensure_month;
DROP TABLE events_event;
"""
