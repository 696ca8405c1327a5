"""The tables of the audit log, its triggers, its monthly partitions, and the function that extends the tree."""

from typing import ClassVar

from django.db import migrations, models

APPEND_ONLY = """
CREATE FUNCTION audit_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

EVENT = """
CREATE TABLE audit_event (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    body bytea NOT NULL,
    category text NOT NULL,
    action text NOT NULL,
    actor text NOT NULL,
    object text NOT NULL,
    subject text,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_actor ON audit_event (actor, at);
CREATE INDEX audit_event_action ON audit_event (action, at);
CREATE INDEX audit_event_object ON audit_event (object, at);
CREATE INDEX audit_event_subject ON audit_event (subject, at) WHERE subject IS NOT NULL;
CREATE TRIGGER audit_event_rows BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
"""

# The search columns come from the body, so that they cannot say anything else than what is hashed. A trigger fills them:
# as generated columns they took 0.3 ms an event. Names are qualified, because whoever inserts chooses the search path.
ADMISSION = """
CREATE FUNCTION audit_admit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    event pg_catalog.jsonb := pg_catalog.convert_from(NEW.body, 'UTF8')::pg_catalog.jsonb;
BEGIN
    IF event ->> 'id' IS DISTINCT FROM NEW.id::text OR (event ->> 'at')::timestamptz IS DISTINCT FROM NEW.at THEN
        RAISE EXCEPTION 'id and time of an audit event must be those in its body' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.at NOT BETWEEN pg_catalog.clock_timestamp() - interval '1 minute'
                      AND pg_catalog.clock_timestamp() + interval '1 minute' THEN
        RAISE EXCEPTION 'the audit log takes events of now alone: % is over a minute from %',
            NEW.at, pg_catalog.clock_timestamp() USING ERRCODE = 'check_violation';
    END IF;
    NEW.category := event ->> 'category';
    NEW.action := event ->> 'action';
    NEW.actor := event ->> 'actor';
    NEW.object := event ->> 'object';
    NEW.subject := event ->> 'subject';
    RETURN NEW;
END $$;
CREATE TRIGGER audit_event_admit BEFORE INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_admit();
"""

# AFTER INSERT, because a row that a conflict keeps out must not wait for a leaf. SECURITY DEFINER: the app's role cannot
# write the outbox by itself, nor insert an event without it.
OUTBOX = """
CREATE FUNCTION audit_enqueue() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.audit_pending (event_id, at) VALUES (NEW.id, NEW.at);
    RETURN NULL;
END $$;
CREATE TRIGGER audit_event_enqueue AFTER INSERT ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_enqueue();
"""

# When the transaction commits. Verifiers refuse events that are over an hour older than those before them.
COMMITTED = """
CREATE FUNCTION audit_committed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.at < clock_timestamp() - interval '1 hour' THEN
        RAISE EXCEPTION 'a transaction with an audit event must end within an hour'
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER audit_pending_committed AFTER INSERT ON audit_pending
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_committed();
"""

TREE = """
CREATE TABLE audit_leaf (
    idx bigint PRIMARY KEY CHECK (idx >= 0), event_id uuid NOT NULL UNIQUE, at timestamptz NOT NULL,
    hash bytea NOT NULL
);
CREATE INDEX audit_leaf_at ON audit_leaf (at, idx);
CREATE TABLE audit_checkpoint (
    size bigint PRIMARY KEY CHECK (size > 0), root bytea NOT NULL, frontier bytea NOT NULL, note text NOT NULL
);
CREATE TRIGGER audit_leaf_rows BEFORE UPDATE OR DELETE ON audit_leaf FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_leaf_truncate BEFORE TRUNCATE ON audit_leaf FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_checkpoint_rows BEFORE UPDATE OR DELETE ON audit_checkpoint
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_checkpoint_truncate BEFORE TRUNCATE ON audit_checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
"""

# The only way from the outbox into the tree: an event leaves the outbox with a leaf, which hashes its stored bytes. An
# event that is gone has no hash, and its leaf is refused.
APPEND = """
CREATE FUNCTION audit_append(most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE size bigint; appended bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('audit_append'));
    SELECT coalesce(max(idx) + 1, 0) INTO size FROM audit_leaf;
    WITH taken AS (
        DELETE FROM audit_pending WHERE seq IN (SELECT seq FROM audit_pending ORDER BY seq LIMIT most)
        RETURNING seq, event_id, at
    )
    INSERT INTO audit_leaf (idx, event_id, at, hash)
    SELECT size + row_number() OVER (ORDER BY taken.seq) - 1, taken.event_id, taken.at, sha256('\\x00'::bytea || event.body)
    FROM taken LEFT JOIN audit_event event ON event.id = taken.event_id AND event.at = taken.at;
    GET DIAGNOSTICS appended = ROW_COUNT;
    RETURN appended;
END $$;
COMMENT ON FUNCTION audit_append IS 'Give events of the outbox their leaves, in its order; return how many.';
REVOKE ALL ON FUNCTION audit_append FROM PUBLIC;
"""

# Attached rather than created as a partition: attaching does not lock out those who are inserting.
# SECURITY DEFINER: the app's role may open a month, and nothing else.
MONTHS = """
CREATE FUNCTION audit_ensure_month(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    opens timestamptz := date_trunc('month', moment);
    closes timestamptz := opens + interval '1 month';
    month text := 'audit_event_' || to_char(opens, 'YYYY_MM');
BEGIN
    IF to_regclass(month) IS NOT NULL THEN RETURN true; END IF;
    PERFORM pg_advisory_xact_lock(hashtext('audit_ensure_month'));
    IF to_regclass(month) IS NOT NULL THEN RETURN true; END IF;
    EXECUTE format('CREATE TABLE %I (LIKE audit_event INCLUDING ALL)', month);
    EXECUTE format('ALTER TABLE audit_event ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', month, opens, closes);
    EXECUTE format('CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION audit_deny()', month);
    RETURN false;
END $$;
COMMENT ON FUNCTION audit_ensure_month IS 'Open the month of a moment; return whether it was open already.';
REVOKE ALL ON FUNCTION audit_ensure_month FROM PUBLIC;
SELECT audit_ensure_month(now()), audit_ensure_month(now() + interval '1 month');
"""

# The only way to destroy a subject's keys: it leaves a row that nobody can remove, and whose event the verification asks
# for. So no key disappears unseen.
DESTROY = """
CREATE TABLE audit_destruction (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL);
CREATE TRIGGER audit_destruction_rows BEFORE UPDATE OR DELETE ON audit_destruction
    FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_destruction_truncate BEFORE TRUNCATE ON audit_destruction
    FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
CREATE FUNCTION audit_destroy(subject bytea, OUT destruction bigint, OUT keys bigint, OUT details bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM audit_detail WHERE key_lookup = subject;
    GET DIAGNOSTICS details = ROW_COUNT;
    DELETE FROM audit_subject_key WHERE lookup = subject;
    GET DIAGNOSTICS keys = ROW_COUNT;
    IF keys + details > 0 THEN
        INSERT INTO audit_destruction (at) VALUES (clock_timestamp()) RETURNING id INTO destruction;
    END IF;
END $$;
REVOKE ALL ON FUNCTION audit_destroy FROM PUBLIC;
"""

UNDO = """
DROP TABLE audit_event, audit_leaf, audit_checkpoint;
DROP FUNCTION audit_ensure_month, audit_deny, audit_admit, audit_enqueue, audit_append;
"""


class Migration(migrations.Migration):
    """Make the audit log."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(APPEND_ONLY + EVENT + ADMISSION + OUTBOX + TREE + APPEND + MONTHS, UNDO),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("category", models.TextField()),
                ("action", models.TextField()),
                ("actor", models.TextField()),
                ("object", models.TextField()),
                ("subject", models.TextField(null=True)),
                ("body", models.BinaryField()),
            ],
            options={
                "verbose_name": "audit event",
                "db_table": "audit_event",
                "ordering": ["-at", "-id"],
                "permissions": [("export_auditevent", "Can export the audit log")],
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="AuditLeaf",
            fields=[
                ("idx", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField(unique=True)),
                ("at", models.DateTimeField()),
                ("hash", models.BinaryField(max_length=32)),
            ],
            options={"db_table": "audit_leaf", "managed": False},
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField(max_length=32)),
                ("frontier", models.BinaryField()),
                ("note", models.TextField()),
            ],
            options={"db_table": "audit_checkpoint", "managed": False},
        ),
        migrations.CreateModel(
            name="AuditPending",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField()),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_pending"},
        ),
        migrations.RunSQL(
            COMMITTED, "DROP TRIGGER audit_pending_committed ON audit_pending; DROP FUNCTION audit_committed"
        ),
        migrations.CreateModel(
            name="SubjectKey",
            fields=[
                ("lookup", models.BinaryField(max_length=32, primary_key=True, serialize=False)),
                ("pseudonym_key", models.BinaryField()),
                ("data_key", models.BinaryField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={"db_table": "audit_subject_key"},
        ),
        migrations.CreateModel(
            name="AuditDetail",
            fields=[
                ("event_id", models.UUIDField(primary_key=True, serialize=False)),
                ("key_lookup", models.BinaryField(db_index=True, max_length=32)),
                ("nonce", models.BinaryField(max_length=12)),
                ("ciphertext", models.BinaryField()),
            ],
            options={"db_table": "audit_detail"},
        ),
        migrations.CreateModel(
            name="AuditExport",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("actor", models.TextField()),
                (
                    "format",
                    models.CharField(
                        choices=[("jsonl", "JSON lines"), ("csv", "CSV"), ("ocsf", "OCSF (JSON lines)")], max_length=8
                    ),
                ),
                ("filter", models.JSONField(blank=True, default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "waits for a worker"),
                            ("running", "is being written"),
                            ("done", "is ready"),
                            ("failed", "failed"),
                        ],
                        default="queued",
                        max_length=8,
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("starts", models.IntegerField(default=0)),
                ("first", models.BigIntegerField(null=True)),
                ("end", models.BigIntegerField(null=True)),
                ("position", models.BigIntegerField(null=True)),
                ("rows", models.BigIntegerField(default=0)),
                ("bytes", models.BigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, default="", max_length=64)),
                ("message", models.TextField(blank=True, default="")),
            ],
            options={"verbose_name": "audit export", "db_table": "audit_export", "ordering": ["-created_at"]},
        ),
        migrations.CreateModel(
            name="AuditPublication",
            fields=[
                ("place", models.TextField(primary_key=True, serialize=False)),
                ("size", models.BigIntegerField(default=0)),
                ("at", models.DateTimeField(null=True)),
                ("problem", models.TextField(blank=True, default="")),
            ],
            options={"db_table": "audit_publication"},
        ),
        migrations.CreateModel(
            name="AuditVerification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
                ("size", models.BigIntegerField()),
                ("problems", models.JSONField(blank=True, default=list)),
                ("seconds", models.FloatField(default=0)),
            ],
            options={"db_table": "audit_verification"},
        ),
        migrations.CreateModel(
            name="AuditDestruction",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField()),
            ],
            options={"db_table": "audit_destruction", "managed": False},
        ),
        migrations.RunSQL(DESTROY, "DROP FUNCTION audit_destroy; DROP TABLE audit_destruction"),
    ]
