"""Nobody alters the log: triggers refuse everyone, grants leave the app's role nothing but INSERT and SELECT."""

import pytest
from django.db import DatabaseError, connection, transaction

from audit.models import AuditEvent
from audit.services import record
from tests.audit.conftest import AppRole

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
        cursor.execute("INSERT INTO audit_leaf VALUES (0, gen_random_uuid(), 'h')")
        cursor.execute("INSERT INTO audit_checkpoint VALUES (1, 'r', 'f', 'n')")

    assert "append-only" in refused(change.format(table, column, column))


@pytest.mark.parametrize("table", ["audit_leaf", "audit_checkpoint"])
@pytest.mark.parametrize("privilege", ["UPDATE", "DELETE", "TRUNCATE"])
def test_the_app_role_may_not_alter_the_tree(table: str, privilege: str, as_app_role: type[AppRole]) -> None:
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

    assert "audit_event_id_in_body" in other_id
    assert "audit_event_at_in_body" in other_time
