"""Nobody alters the log: triggers refuse everyone, grants leave the app's role nothing but INSERT and SELECT."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEvent, AuditLeaf, AuditPending
from audit.services import record
from audit.tree import leaf_hash
from tests.audit.conftest import AppRole, behind_triggers

pytestmark = pytest.mark.django_db
CHANGES = [
    "UPDATE audit_event SET body = body",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "UPDATE {month} SET body = body",
    "DELETE FROM {month}",
    "TRUNCATE {month}",
]


def partition() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_event ORDER BY at DESC LIMIT 1")
        return str(cursor.fetchone()[0])


def refused(statement: str) -> str:
    with pytest.raises(DatabaseError) as error, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    return str(error.value)


@pytest.mark.parametrize("change", CHANGES)
def test_the_owner_is_refused_by_triggers(change: str) -> None:
    event = record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")

    message = refused(change.format(month=partition()))

    assert "the audit log is append-only" in message
    assert bytes(AuditEvent.objects.get(id=event.id).body) == event.body


@pytest.mark.parametrize("change", CHANGES)
def test_the_app_role_is_refused_by_its_grants(change: str, as_app_role: type[AppRole]) -> None:
    event = record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")
    statement = change.format(month=partition())

    with as_app_role():
        message = refused(statement)

    assert "permission denied" in message
    assert AuditEvent.objects.filter(id=event.id).count() == 1


@pytest.mark.parametrize("table", ["audit_leaf", "audit_checkpoint"])
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_tree_is_append_only_too(table: str, change: str) -> None:
    column = {"audit_leaf": "hash", "audit_checkpoint": "note"}[table]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_leaf VALUES (0, gen_random_uuid(), now(), 'h')")
        cursor.execute("INSERT INTO audit_checkpoint VALUES (1, 'r', 'f', 'n')")

    assert "append-only" in refused(change.format(table, column, column))


@pytest.mark.parametrize(
    "table",
    ["audit_leaf", "audit_checkpoint", "audit_verification", "audit_subject_key", "audit_detail", "audit_destruction"],
)
@pytest.mark.parametrize("privilege", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_app_role_may_not_alter_the_tree_results_keys_and_details(
    table: str, privilege: str, as_app_role: type[AppRole]
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege('vitrine_app', %s, %s)", [table, privilege])

        assert cursor.fetchone() == (False,)


def test_the_app_role_records(as_app_role: type[AppRole]) -> None:
    with as_app_role():
        event = record(
            category="privacy", action="erasure.requested", actor="staff:olu", object="privacy_request:1",
            subject="user:ada", detail={"email": "ada@shop.example"},
        )  # fmt: skip

    assert AuditEvent.objects.get(id=event.id).action == "erasure.requested"


def test_the_app_role_opens_a_month_and_cannot_touch_it(as_app_role: type[AppRole]) -> None:
    with as_app_role(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_month('2031-05-31 23:59:59+00'), audit_ensure_month('2031-05-01')")
        assert cursor.fetchone() == (False, True)

        assert "permission denied" in refused("SELECT * FROM audit_event_2031_05")


def test_search_columns_cannot_contradict_the_body() -> None:
    event = record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")

    other_id = refused(
        "INSERT INTO audit_event (id, at, body) "
        f"SELECT gen_random_uuid(), at, body FROM audit_event WHERE id = '{event.id}'"
    )
    other_time = refused(
        "INSERT INTO audit_event (id, at, body) "
        f"SELECT id, at + interval '1 s', body FROM audit_event WHERE id = '{event.id}'"
    )

    others = refused(
        "INSERT INTO audit_event (id, at, body) SELECT gen_random_uuid(), now(), convert_to('{\"a\"', 'UTF8')"
    )

    assert "must be those in its body" in other_id
    assert "must be those in its body" in other_time
    assert "invalid input syntax for type json" in others


def test_search_columns_come_from_the_body_alone() -> None:
    record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")

    with connection.cursor() as cursor:
        cursor.execute(FORGED.format(shift="1 second", actor="'staff:eve'"))

    forged = AuditEvent.objects.get(id="00000000-0000-7000-8000-000000000001")
    assert forged.actor == "staff:dee"


FORGED = """
INSERT INTO audit_event (id, at, category, action, actor, object, body)
SELECT '00000000-0000-7000-8000-000000000001', at + interval '{shift}', category, action, {actor}, object,
    convert_to(replace(replace(convert_from(body, 'UTF8'), id::text, '00000000-0000-7000-8000-000000000001'),
        to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
        to_char((at + interval '{shift}') AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')), 'UTF8')
FROM audit_event LIMIT 1
"""
"""A copy of an event with another id and time, in column and body alike."""


@pytest.mark.parametrize("shift", ["-20 days", "-61 seconds", "2 minutes"])
def test_nobody_inserts_an_event_of_another_time(shift: str, as_app_role: type[AppRole]) -> None:
    record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_month(now() - interval '20 days')")
    statement = FORGED.format(shift=shift, actor="actor")

    assert "takes events of now alone" in refused(statement)
    with as_app_role():
        assert "takes events of now alone" in refused(statement)
    assert AuditEvent.objects.count() == 1


def test_an_inserted_event_waits_for_its_leaf_whoever_inserts_it(as_app_role: type[AppRole]) -> None:
    record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")

    with as_app_role(), connection.cursor() as cursor:
        cursor.execute(FORGED.format(shift="1 second", actor="actor"))

    assert AuditPending.objects.filter(event_id="00000000-0000-7000-8000-000000000001").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM audit_pending",
        "INSERT INTO audit_pending (event_id, at) VALUES (gen_random_uuid(), now())",
        "INSERT INTO audit_leaf VALUES (0, gen_random_uuid(), now(), 'h')",
    ],
)
def test_the_app_role_reaches_outbox_and_tree_through_the_function_alone(
    statement: str, as_app_role: type[AppRole]
) -> None:
    event = record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")

    with as_app_role():
        assert "permission denied" in refused(statement)
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_append(10)")

    leaf = AuditLeaf.objects.get()
    assert (leaf.idx, leaf.event_id, bytes(leaf.hash)) == (0, event.id, leaf_hash(event.body))
    assert not AuditPending.objects.exists()


def test_a_transaction_that_ends_after_an_hour_is_refused() -> None:
    record(category="catalog", action="product.put", actor="staff:dee", object="product:P1")
    with behind_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_pending SET at = at - interval '2 hours'")

    assert "must end within an hour" in refused(
        "SET CONSTRAINTS ALL DEFERRED;"
        "INSERT INTO audit_pending (event_id, at) SELECT gen_random_uuid(), at FROM audit_pending;"
        "SET CONSTRAINTS ALL IMMEDIATE"
    )
