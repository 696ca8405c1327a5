"""What every engine of the log promises."""

import threading
import uuid
from collections.abc import Callable

import pytest
from django.conf import settings

from common import redis
from common.errors import Unavailable
from events.log import Entry, Log, shard_of
from events.log.offsets import SEQUENCE_BITS
from events.log.redis_streams import RedisStreams

SHARDS = 4


def redis_streams(max_bytes: int) -> Log:
    return RedisStreams(
        redis.connect(settings.REDIS_URL), shards=SHARDS, max_bytes=max_bytes, prefix=f"t:{uuid.uuid4()}"
    )


ENGINES: dict[str, Callable[[int], Log]] = {"redis_streams": redis_streams}
"""A new engine adds one line here."""


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest) -> Callable[[int], Log]:
    return ENGINES[request.param]


@pytest.fixture
def log(make: Callable[[int], Log]) -> Log:
    return make(1 << 20)


def entry(key: str, body: str = "x") -> Entry:
    return Entry("event", key, body.encode())


def everything(log: Log) -> dict[int, list[bytes]]:
    entries = log.read_many(dict.fromkeys(range(SHARDS), 0))
    return {shard: [one.body for _, one in rows] for shard, rows in entries.items()}


def test_what_was_appended_is_read_in_order_from_its_shard(log: Log) -> None:
    log.append([entry("user:ada", "1"), entry("user:bo", "2"), entry("user:ada", "3")])
    log.append([entry("user:ada", "4")])

    bodies = everything(log)

    ada = [body for body in bodies[shard_of("user:ada", shards=SHARDS)] if body != b"2"]
    assert ada == [b"1", b"3", b"4"]
    assert sum(len(bodies) for bodies in bodies.values()) == 4
    assert log.length() == 4


def test_reading_goes_on_behind_the_offset(log: Log) -> None:
    log.append([entry("k", str(number)) for number in range(10)])
    shard = shard_of("k", shards=SHARDS)

    head = log.read(shard, count=4)
    tail = log.read(shard, head[-1][0])

    assert [one.body for _, one in head + tail] == [str(number).encode() for number in range(10)]
    assert [offset for offset, _ in head + tail] == sorted({offset for offset, _ in head + tail})
    assert log.read(shard, tail[-1][0]) == []


def test_kinds_and_bodies_come_back_as_they_went(log: Log) -> None:
    bodies = [Entry("event", "k", bytes(range(256))), Entry("set_aside", "k", b"{}"), Entry("counted", "k", b"")]

    log.append(bodies)

    rows = log.read(shard_of("k", shards=SHARDS))
    assert [(one.kind, one.body) for _, one in rows] == [(one.kind, one.body) for one in bodies]


def test_a_full_log_refuses_and_takes_again_after_trimming(make: Callable[[int], Log]) -> None:
    log = make(SHARDS * 1000)
    log.append([entry("k", "x" * 900)])
    shard = shard_of("k", shards=SHARDS)

    with pytest.raises(Unavailable) as refused:
        log.append([entry("k", "y" * 900)])

    assert refused.value.retry_after > 0
    assert [one.body for _, one in log.read(shard)] == [b"x" * 900]

    log.trim(shard, consumed=log.last(shard), keep_since_ms=1 << 42)
    log.append([entry("k", "y" * 900)])

    assert [one.body for _, one in log.read(shard)] == [b"y" * 900]


def test_trimming_stops_at_the_slowest_consumer_and_at_retention(log: Log) -> None:
    log.append([entry("k", str(number)) for number in range(6)])
    shard = shard_of("k", shards=SHARDS)
    offsets = [offset for offset, _ in log.read(shard)]

    assert log.trim(shard, consumed=offsets[2], keep_since_ms=0) == 0
    assert log.trim(shard, consumed=offsets[2], keep_since_ms=1 << 42) == 3

    assert [offset for offset, _ in log.read(shard)] == offsets[3:]
    assert log.first(shard) == offsets[3]
    assert log.last(shard) == offsets[5]
    assert log.backlog(shard, offsets[5]) == 0
    assert log.backlog(shard, 0) > 0


def test_bytes_are_given_back_by_trimming_and_forgetting(log: Log) -> None:
    log.append([entry("k", "x" * 100) for _ in range(4)])
    shard = shard_of("k", shards=SHARDS)
    offsets = [offset for offset, _ in log.read(shard)]

    assert log.size_bytes() > 400
    assert log.forget(shard, [offsets[1], offsets[1], 77]) == 1
    log.trim(shard, consumed=offsets[3], keep_since_ms=1 << 42)

    assert log.size_bytes() == 0
    assert log.length() == 0
    assert log.last(shard) == offsets[3]


def test_a_waiting_reader_wakes_at_an_append_to_any_shard(log: Log) -> None:
    result: dict[int, list[tuple[int, Entry]]] = {}
    reader = threading.Thread(
        target=lambda: result.update(log.read_many(dict.fromkeys(range(SHARDS), 0), block_ms=1500))
    )
    reader.start()

    log.append([entry("user:bo")])
    reader.join()

    assert list(result) == [shard_of("user:bo", shards=SHARDS)]


def test_an_engine_that_restarted_takes_appends_again(log: Log) -> None:
    log.append([entry("k", "1")])
    redis.connect(settings.REDIS_URL).script_flush()

    log.append([entry("k", "2")])

    assert [one.body for _, one in log.read(shard_of("k", shards=SHARDS))] == [b"1", b"2"]


def test_an_engine_that_is_away_is_unavailable() -> None:
    log = RedisStreams(redis.connect("redis://127.0.0.1:1/0"), shards=1, max_bytes=1)

    with pytest.raises(Unavailable):
        log.append([entry("k")])
    with pytest.raises(Unavailable):
        log.read(0)


def test_redis_streams_keep_their_order_however_long_the_clock_is_behind() -> None:
    """The server then goes on counting within the last millisecond: more often than an offset has room for."""
    log = RedisStreams(redis.client(), shards=1, max_bytes=1 << 20, prefix=f"t:{uuid.uuid4()}")
    ahead = (redis.client().time()[0] + 3600) * 1000
    redis.client().xadd(log._streams[0], {"k": "e", "b": "0"}, id=f"{ahead}-{(1 << SEQUENCE_BITS) - 3}")

    for number in range(1, 6):
        log.append([entry("k", str(number))])

    read, after = [], 0
    while rows := log.read(0, after, count=1):
        ((after, one),) = rows
        read.append(one.body)
        assert len(read) < 10
    assert read == [b"0", b"1", b"2", b"3", b"4", b"5"]
