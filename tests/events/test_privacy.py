"""Erasure reaches events, the log and profiles; orders stay without their owner."""

from typing import Any

import orjson
import pytest

from common import clock, privacy
from customers.selectors import identity_of
from events.log import Entry, get_log
from events.models import Event, Order, OrderLine, SetAside
from events.services.recorder import Recorder, offsets
from profiles import services as profiles
from profiles.selectors import read_person
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db

ADA = privacy.Person(("user:ada", "anonymous:phone"))
STORES = {store.name: store for store in privacy.stores()}


@pytest.fixture
def shop() -> None:
    bought = {"order_id": "O1", "revenue": 20, "products": [{"product_id": "A", "price": 10, "quantity": 2}]}
    log = get_log()
    events = [
        event(1),
        event(2, user_id=None, anonymous_id="phone"),
        event(3, name="Order Completed", properties=bought),
        event(4, user_id="bo", anonymous_id="phone"),
        event(5, kind="identify", name="", anonymous_id="phone", traits={"city": "Bremen"}, properties={}),
    ]
    log.append([entry(one) for one in events])
    after = offsets(range(log.shards))
    aside = {"reason": "bad", "payload": '{"userId": "ada"}', "received_at": START}
    log.append([Entry("set_aside", "k", orjson.dumps(aside))])
    batch = log.read_many(after)
    Recorder().record(batch, after=after)
    profiles.apply(batch)


@pytest.mark.parametrize("name", ["events", "customers", "profiles"])
def test_a_store_exports_then_erases_then_verifies(shop: None, name: str) -> None:
    store = STORES[name]

    exported = {table: list(rows) for table, rows in store.export(ADA).items()}

    assert any(exported.values())
    assert store.verify(ADA) > 0
    assert store.erase(ADA) > 0
    assert store.verify(ADA) == 0
    assert store.erase(ADA) == 0


def test_what_the_recorder_writes_during_an_erasure_is_erased_too(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    log = get_log()
    log.append([entry(event(6))])
    read = type(log).read

    def read_beside_a_recorder(self: Any, shard: int, after: int = 0, **more: Any) -> Any:
        done = offsets(range(log.shards))
        if behind := {one: rows for one in done if (rows := read(log, one, done[one]))}:
            Recorder().record(behind, after=done)
        return read(self, shard, after, **more)

    monkeypatch.setattr(type(log), "read", read_beside_a_recorder)
    STORES["events"].erase(ADA)

    assert not Event.objects.filter(user_id="ada").exists()
    assert STORES["events"].verify(ADA) == 0


def test_nothing_is_left_where_the_recorder_was_behind_as_the_erasure_began(shop: None) -> None:
    log = get_log()
    done = offsets(range(log.shards))
    log.append(
        [entry(event(6, kind="identify", name="", anonymous_id="tablet", traits={"city": "Ulm"}, properties={}))]
    )

    for store in privacy.stores():
        store.erase(ADA)
        if behind := log.read_many(done):
            Recorder().record(behind, after=done)

    assert {store.name: store.verify(ADA) for store in privacy.stores()} == dict.fromkeys(STORES, 0)


@pytest.mark.django_db(transaction=True)
def test_who_returns_after_erasure_is_known_again() -> None:
    recorder = Recorder()

    def said(number: int, plan: str) -> None:
        after = offsets([0])
        identify = event(number, kind="identify", name="", traits={"plan": plan}, properties={})
        recorder.record({0: [(after[0] + 1, entry(identify))]}, after=after)

    said(1, "gold")
    STORES["customers"].erase(ADA)
    said(2, "silver")

    assert identity_of("user:ada", now=clock.now()).attributes == {"plan": "silver"}


def test_others_keep_what_is_theirs_and_the_order_stays_without_its_owner(shop: None) -> None:
    for name in ("events", "customers", "profiles"):
        STORES[name].erase(ADA)

    assert list(Event.objects.values_list("message_id", flat=True)) == ["m4"]
    assert [one.product_id for one in read_person(user_id="bo").history] == ["P4"]
    assert read_person(user_id="ada").history == ()
    order, line = Order.objects.get(), OrderLine.objects.get()
    assert order.user_id is None
    assert order.revenue == 20
    assert line.raw_id == "erased"
    assert not SetAside.objects.exists()
    assert [entry.kind for shard in range(4) for _, entry in get_log().read(shard)] == ["event"]


@pytest.mark.parametrize(
    ("payload", "theirs"),
    [
        ('{"userId": 4711}', True),
        ('{"userId": "4711"}', True),
        ('{"anonymousId": " 4711 "}', True),
        ('{"userId": 4711, "price": NaN}', True),
        ('{"userId": 47110}', False),
        ('{"userId": 14711, "price": NaN}', False),
        ('{"userId": ["4711"]}', False),
        ('{"userId": "bo", "properties": {"order_id": 4711}}', False),
    ],
)
def test_a_rejected_item_is_erased_however_it_spells_the_id(payload: str, theirs: bool) -> None:
    log, store = get_log(), STORES["events"]
    after = offsets(range(log.shards))
    log.append([Entry("set_aside", "k", orjson.dumps({"reason": "bad", "payload": payload, "received_at": START}))])
    Recorder().record(log.read_many(after), after=after)
    person = privacy.Person(("user:4711", "anonymous:4711"))

    assert store.verify(person) == 2 * theirs  # the row and its entry in the log
    assert store.erase(person) == 2 * theirs
    assert store.verify(person) == 0
    assert SetAside.objects.exists() is not theirs
