"""The tables of the audit log, its append-only triggers and its monthly partitions."""

from typing import ClassVar

from django.db import migrations, models

APPEND_ONLY = """
CREATE FUNCTION audit_deny() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;
"""

# The search columns are generated from the body, so that they cannot say anything else than what is hashed.
EVENT = """
CREATE FUNCTION audit_json(body bytea) RETURNS jsonb LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT pg_catalog.convert_from(body, 'UTF8')::pg_catalog.jsonb $$;
CREATE TABLE audit_event (
    id uuid NOT NULL,
    at timestamptz NOT NULL,
    body bytea NOT NULL,
    category text NOT NULL GENERATED ALWAYS AS (audit_json(body) ->> 'category') STORED,
    action text NOT NULL GENERATED ALWAYS AS (audit_json(body) ->> 'action') STORED,
    actor text NOT NULL GENERATED ALWAYS AS (audit_json(body) ->> 'actor') STORED,
    object text NOT NULL GENERATED ALWAYS AS (audit_json(body) ->> 'object') STORED,
    subject text GENERATED ALWAYS AS (audit_json(body) ->> 'subject') STORED,
    PRIMARY KEY (id, at),
    CONSTRAINT audit_event_id_in_body CHECK (audit_json(body) ->> 'id' = id::text),
    CONSTRAINT audit_event_at_in_body CHECK ((audit_json(body) ->> 'at')::timestamptz = at)
) PARTITION BY RANGE (at);
CREATE INDEX audit_event_at ON audit_event (at, id);
CREATE INDEX audit_event_actor ON audit_event (actor, at);
CREATE INDEX audit_event_action ON audit_event (action, at);
CREATE INDEX audit_event_object ON audit_event (object, at);
CREATE INDEX audit_event_subject ON audit_event (subject, at) WHERE subject IS NOT NULL;
CREATE TRIGGER audit_event_rows BEFORE UPDATE OR DELETE ON audit_event FOR EACH ROW EXECUTE FUNCTION audit_deny();
CREATE TRIGGER audit_event_truncate BEFORE TRUNCATE ON audit_event FOR EACH STATEMENT EXECUTE FUNCTION audit_deny();
"""

TREE = """
CREATE TABLE audit_leaf (idx bigint PRIMARY KEY CHECK (idx >= 0), event_id uuid NOT NULL UNIQUE, hash bytea NOT NULL);
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

UNDO = """
DROP TABLE audit_event, audit_leaf, audit_checkpoint;
DROP FUNCTION audit_ensure_month, audit_json, audit_deny;
"""


class Migration(migrations.Migration):
    """Make the audit log."""

    initial = True
    dependencies: ClassVar[list[tuple[str, str]]] = []

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.RunSQL(APPEND_ONLY + EVENT + TREE + MONTHS, UNDO),
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
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="AuditLeaf",
            fields=[
                ("idx", models.BigIntegerField(primary_key=True, serialize=False)),
                ("event_id", models.UUIDField(unique=True)),
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
    ]
