"""What `record()` writes: canonical bytes, in the caller's transaction, with nothing that identifies anybody."""

import hashlib
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import rfc8785
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from audit import selectors, services
from audit.canonical import canonical, event_bytes, plain
from audit.erasure import STORE
from audit.models import AuditDetail, AuditEvent, AuditPending, SubjectKey
from audit.services import record
from audit.subjects import lookup_of
from common import clock, privacy
from common.privacy import Person

EMAIL = "ada@shop.example"


def erasure(**more: Any) -> Any:
    return record(category="privacy", action="erasure.requested", actor="staff:olu", object="privacy_request:7", **more)


def test_the_bytes_are_rfc_8785_with_a_fixed_set_of_names() -> None:
    body = event_bytes(
        id=UUID("01900000-0000-7000-8000-000000000000"),
        at=datetime(2026, 11, 25, 8, 0, 0, 5, tzinfo=UTC),
        category="catalog",
        action="product.put",
        actor="key:1",
        object="product:Stühle",
        data={"b": Decimal("1.50"), "a": [True, None, 2**60, 2**53 - 1, 1 - 2**53, 2**53]},
    )

    assert body.decode() == (
        '{"action":"product.put","actor":"key:1","at":"2026-11-25T08:00:00.000005Z","category":"catalog",'
        '"data":{"a":[true,null,"1152921504606846976",9007199254740991,-9007199254740991,"9007199254740992"],"b":"1.50"},"id":"01900000-0000-7000-8000-000000000000",'
        '"object":"product:Stühle","v":1}'
    )


@given(
    st.recursive(
        st.none() | st.booleans() | st.text() | st.integers(1 - 2**53, 2**53 - 1),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_the_quick_writer_writes_the_bytes_of_rfc_8785(value: Any) -> None:
    assert canonical({"data": value}) == rfc8785.dumps({"data": value})


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (datetime(2026, 11, 25, 8, tzinfo=UTC), "2026-11-25T08:00:00.000000Z"),
        (-(2**53), "-9007199254740992"),
        ({"b", "c", "a"}, ["a", "b", "c"]),
        (frozenset({"b", "c", "a"}), ["a", "b", "c"]),
        (("b", {"a": Decimal("2.0")}), ["b", {"a": "2.0"}]),
    ],
)
def test_one_value_has_one_spelling(value: Any, spelling: Any) -> None:
    assert plain(value) == spelling


@pytest.mark.usefixtures("any_time")
def test_the_first_event_of_a_month_opens_it_and_the_next_and_asks_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "_open_months", set())
    moments = [datetime(2031, 1, 31, 12, tzinfo=UTC), datetime(2031, 2, 1, 0, tzinfo=UTC)]

    def is_open(at: datetime) -> bool:
        monkeypatch.setattr(clock, "real_now", lambda: at)
        with CaptureQueriesContext(connection) as queries:
            erasure()
        return any("audit_ensure_month" in query["sql"] for query in queries)

    asks = [is_open(moments[0]) for _ in range(4)]  # until both were open before: whoever opens one may roll back
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass"
            " AND inhrelid::regclass::text >= 'audit_event_2031' ORDER BY 1"
        )
        opened = [name for (name,) in cursor.fetchall()]

    assert (asks[0], asks[-1]) == (True, False)
    assert opened == ["audit_event_2031_01", "audit_event_2031_02"]
    assert is_open(moments[1])
    assert AuditEvent.objects.filter(at__gte=moments[0]).count() == 5


@pytest.mark.django_db
def test_what_is_stored_is_what_is_hashed() -> None:
    event = erasure(subject="user:ada", data={"regime": "gdpr"}, detail={"email": EMAIL})

    row = AuditEvent.objects.get(id=event.id)
    body = json.loads(bytes(row.body))
    assert bytes(row.body) == event.body == rfc8785.dumps(body)
    assert set(body) == {"v", "id", "at", "category", "action", "actor", "object", "subject", "data", "detail"}
    assert (row.category, row.action, row.actor) == ("privacy", "erasure.requested", "staff:olu")
    assert (row.object, row.subject) == ("privacy_request:7", body["subject"])
    assert AuditPending.objects.get().event_id == event.id


@pytest.mark.django_db
def test_nothing_that_identifies_is_readable_in_any_table() -> None:
    erasure(subject="user:ada", detail={"email": EMAIL, "note": "called us"})

    with connection.cursor() as cursor:
        for table in ("audit_event", "audit_detail", "audit_pending", "audit_subject_key"):
            cursor.execute(f"SELECT coalesce(string_agg(t::text, ' '), '') FROM {table} t")
            dump = cursor.fetchone()[0]
            for clue in (EMAIL, "user:ada", "called us"):
                assert clue not in dump
                assert clue.encode().hex() not in dump


@pytest.mark.django_db
def test_the_detail_opens_with_the_key_and_matches_its_hash() -> None:
    event = erasure(subject="user:ada", detail={"email": EMAIL})

    assert selectors.read_detail(event.id) == {"email": EMAIL}
    assert len(json.loads(event.body)["detail"]) == hashlib.sha256().digest_size * 2


@pytest.mark.django_db
def test_each_detail_opens_with_the_key_of_its_own_subject_and_with_none_where_that_is_gone() -> None:
    ada, bo = (erasure(subject=subject, detail={"of": subject}) for subject in ("user:ada", "anonymous:bo"))

    assert [selectors.read_detail(event.id) for event in (ada, bo)] == [{"of": "user:ada"}, {"of": "anonymous:bo"}]
    SubjectKey.objects.filter(lookup=lookup_of("user:ada")).delete()
    assert [selectors.read_detail(event.id) for event in (ada, bo)] == [None, {"of": "anonymous:bo"}]


@pytest.mark.django_db
def test_the_newest_events_are_told_without_those_that_are_left_out() -> None:
    for number, action in enumerate(["product.put", "role.synced", "product.put", "product.deleted"]):
        record(category="catalog", action=action, actor="staff:dee", object=f"product:P{number}")

    def product_ids(**wanted: Any) -> list[str]:
        return [entry.object[-2:] for entry in selectors.entries(**wanted)]

    assert product_ids(excluded_actions=["role.synced", "product.deleted"]) == ["P2", "P0"]
    assert product_ids(limit=3) == ["P3", "P2", "P1"]
    assert product_ids(action="product.put", object="product:P0") == ["P0"]


@pytest.mark.django_db
def test_one_subject_has_one_pseudonym_and_no_other_shares_it() -> None:
    for subject in ("user:ada", "user:ada", "anonymous:bo"):
        erasure(subject=subject)

    pseudonyms = [event.subject for event in AuditEvent.objects.order_by("at", "id")]
    assert pseudonyms[0] == pseudonyms[1] != pseudonyms[2]
    assert len(selectors.entries_about("user:ada")) == 2
    assert selectors.entries_about("user:eve") == []


@pytest.mark.django_db
def test_a_detail_without_a_subject_is_the_actors() -> None:
    event = record(
        category="access", action="user.signed_in", actor="staff:dee", object="user:1", detail={"ip": "192.0.2.7"}
    )

    assert "subject" not in json.loads(event.body)
    assert selectors.read_detail(event.id) == {"ip": "192.0.2.7"}
    assert STORE.erase(Person(("staff:dee",))) == 2
    assert selectors.read_detail(event.id) is None


@pytest.mark.django_db
def test_erasure_leaves_the_log_whole_and_the_subject_gone() -> None:
    ada = Person(("user:ada", "anonymous:a1"))
    event = erasure(subject="user:ada", detail={"email": EMAIL})
    other = erasure(subject="anonymous:bo", detail={"email": "bo@shop.example"})
    assert STORE.verify(ada) == 2
    (exported,) = STORE.export(ada)["audit_events"]
    assert (exported["action"], exported["detail"]) == ("erasure.requested", {"email": EMAIL})

    STORE.erase(ada)

    assert STORE.verify(ada) == 0
    assert STORE.erase(ada) == 0
    assert bytes(AuditEvent.objects.get(id=event.id).body) == event.body
    assert (SubjectKey.objects.count(), AuditDetail.objects.count()) == (1, 1)
    assert selectors.read_detail(other.id) == {"email": "bo@shop.example"}


@pytest.mark.django_db(transaction=True)
def test_an_action_that_fails_leaves_no_event_and_no_key() -> None:
    before = AuditEvent.objects.count()

    def action() -> None:
        with transaction.atomic():
            erasure(subject="user:ada", detail={"email": EMAIL})
            raise RuntimeError("the action failed")

    with pytest.raises(RuntimeError):
        action()

    assert AuditEvent.objects.count() == before
    assert not SubjectKey.objects.exists()
    assert not AuditPending.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("value", [1.5, float("nan"), b"bytes", object()])
def test_a_value_that_two_readers_may_print_differently_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="an audit event cannot hold"), transaction.atomic():
        erasure(data={"value": value})

    assert not AuditPending.objects.exists()


def test_the_log_is_registered_as_a_store_that_goes_last() -> None:
    order = [store.last for store in privacy.stores()]
    assert STORE in privacy.stores()
    assert STORE.last
    assert order == sorted(order)
    with pytest.raises(ValueError, match="registered already"):
        privacy.register(privacy.Store("audit", erase=lambda _: 0, export=lambda _: {}, discover=lambda _: ()))
