"""The recorder: exactly once, nothing blocks, nothing is lost."""

import random
import threading
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from django.db import connection, transaction

from events.log import Entry
from events.models import Count, Event, Offset, SetAside
from events.services.recorder import Recorder, Superseded, offsets
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db


def batch_of(*entries: Entry, shard: int = 0, first: int = 1) -> dict[int, list[tuple[int, Entry]]]:
    return {shard: list(enumerate(entries, start=first))}


def recorded() -> list[str]:
    return sorted(Event.objects.values_list("message_id", flat=True))


def test_events_and_offset_are_written_together() -> None:
    after = offsets([0, 1])
    happened = event(
        1, properties={"product_id": "P1", "note": 'tab\t back\\slash "quote" \n ü 😀'}, context={"page": {"a": 1}}
    )

    reached = Recorder().record(batch_of(entry(happened)), after=after)

    row = Event.objects.get()
    assert reached == {0: 1, 1: 0}
    assert offsets([0, 1]) == reached
    assert (row.message_id, row.kind, row.name, row.user_id) == ("m1", "track", "Product Viewed", "ada")
    assert row.properties == happened.properties
    assert row.context == happened.context
    assert row.allowed == list(happened.allowed)
    assert row.at == datetime.fromtimestamp((START + 1_000_000) // 1_000_000, UTC)
    assert row.received_at.microsecond == 5
    assert row.id.version == 7


def test_events_are_recorded_under_debug_too(settings: Any) -> None:
    """Django's cursors are others then."""
    settings.DEBUG = True

    Recorder().record(batch_of(entry(event(1))), after=offsets([0]))

    assert recorded() == ["m1"]
    assert not SetAside.objects.exists()


def test_a_message_is_kept_once_within_a_batch_across_batches_and_shards() -> None:
    recorder, after = Recorder(), offsets([0, 1])

    after = recorder.record(batch_of(entry(event(1)), entry(event(1, at=START)), entry(event(2))), after=after)
    after = recorder.record(batch_of(entry(event(2)), entry(event(3)), shard=1), after=after)

    assert recorded() == ["m1", "m2", "m3"]
    assert Event.objects.get(message_id="m1").at != START
    assert after == {0: 3, 1: 2}


def test_a_recorder_that_was_taken_over_writes_nothing() -> None:
    before = offsets([0])
    Recorder().record(batch_of(entry(event(1))), after=before)

    with pytest.raises(Superseded):
        Recorder().record(batch_of(entry(event(2))), after=before)

    assert recorded() == ["m1"]
    assert Offset.objects.get(shard=0).log_offset == 1


def test_poison_is_set_aside_with_its_reason_and_the_rest_is_recorded() -> None:
    # Random, because PostgreSQL compresses before it measures.
    long_id = random.Random(7).randbytes(9000).hex()
    bodies = [
        b"not json",
        orjson.dumps({"message_id": 5}),
        event(3, at=10**18).encode(),
        event(4, user_id=long_id).encode(),
    ]

    Recorder().record(
        batch_of(entry(event(1)), *(Entry("event", "k", body) for body in bodies), entry(event(2))), after=offsets([0])
    )

    assert recorded() == ["m1", "m2"]
    assert list(SetAside.objects.order_by("log_offset").values_list("log_offset", flat=True)) == [2, 3, 4, 5]
    assert all(item.reason and item.payload for item in SetAside.objects.all())
    assert offsets([0]) == {0: 6}


def test_nul_characters_are_replaced_because_postgresql_cannot_hold_them() -> None:
    Recorder().record(batch_of(entry(event(1, properties={"a\x00b": ["c\x00"]}))), after=offsets([0]))

    assert Event.objects.get().properties == {"a�b": ["c�"]}


def test_set_aside_items_and_counts_come_from_the_log() -> None:
    body = {
        "message_id": "m9",
        "reason": "too large",
        "field": "batch.3",
        "payload": "{}",
        "received_at": START,
        "source": "k",
    }
    counted = {"name": "Product Viewed", "day": "2026-11-24", "reason": "analytics refused"}

    Recorder().record(
        batch_of(
            Entry("set_aside", "k", orjson.dumps(body)),
            Entry("counted", "k", orjson.dumps(counted)),
            Entry("counted", "k", orjson.dumps(counted)),
        ),
        after=offsets([0]),
    )

    item, count = SetAside.objects.get(), Count.objects.get()
    assert (item.message_id, item.reason, item.field, item.payload) == ("m9", "too large", "batch.3", "{}")
    assert (str(count.day), count.name, count.reason, count.n) == (
        "2026-11-24",
        "Product Viewed",
        "analytics refused",
        2,
    )
    assert not Event.objects.exists()


def partition_of(message_id: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM events_event WHERE message_id = %s", [message_id])
        name: Any = cursor.fetchone()[0]
        return str(name)


def test_each_month_has_its_partition_and_impossible_times_go_to_the_default() -> None:
    ancient, future = -(10**15), START + 10**15

    Recorder().record(
        batch_of(entry(event(1)), entry(event(2, at=ancient)), entry(event(3, at=future))), after=offsets([0])
    )

    assert partition_of("m1") == "events_event_2026_09"
    assert partition_of("m2") == "events_event_default"
    assert partition_of("m3") == "events_event_default"


@pytest.mark.django_db(transaction=True)
def test_who_reads_for_long_keeps_nobody_from_recording_the_first_event_of_a_month() -> None:
    """A backup at midnight, or a training that reads its data: the month is opened when they are through."""
    reads, over = threading.Event(), threading.Event()

    def read() -> None:
        with transaction.atomic():
            Event.objects.exists()
            reads.set()
            over.wait(60)
        connection.close()

    reader = threading.Thread(target=read)
    reader.start()
    reads.wait(60)
    recorder, month = Recorder(), 1_328_100_000_000_000
    try:
        recorder.record(batch_of(entry(event(1, at=month))), after=offsets([0]))
        assert partition_of("m1") == "events_event_default"
    finally:
        over.set()
        reader.join()

    recorder.record(batch_of(entry(event(2, at=month)), first=2), after=offsets([0]))
    assert {partition_of("m1"), partition_of("m2")} == {"events_event_2012_02"}


def test_opening_a_month_takes_its_rows_out_of_the_default_partition() -> None:
    Recorder(open_months={"2012-01-01"}).record(batch_of(entry(event(1, at=1_326_000_000_000_000))), after=offsets([0]))
    assert partition_of("m1") == "events_event_default"

    Recorder().record(batch_of(entry(event(2, at=1_326_000_000_000_000)), first=2), after=offsets([0]))

    assert {partition_of("m1"), partition_of("m2")} == {"events_event_2012_01"}
