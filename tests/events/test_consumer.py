"""Consumers: they share shards, take over from the dead, and wait for what is away."""

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

import pytest
import redis as driver

from common import redis
from events.consumer import Consumer, Housekeeping, lags
from events.log import Batch, Log
from events.log.membership import Membership
from events.log.redis_streams import RedisStreams
from events.models import Event
from events.services.recorder_work import RecorderWork
from tests.events.builders import entry, event


@pytest.fixture
def log() -> Log:
    return RedisStreams(redis.client(), shards=4, max_bytes=1 << 22)


def member(name: str) -> Membership:
    return Membership(redis.client(), "test", 4, name=name)


def test_members_share_all_shards_and_each_shard_has_one() -> None:
    ada, bo = member("ada"), member("bo")

    assert ada.mine() == {0, 1, 2, 3}
    bo.mine()
    ada._last_beat = bo._last_beat = float("-inf")

    assert ada.mine() == {0, 2}
    assert bo.mine() == {1, 3}


def test_the_shards_of_one_who_left_or_died_are_taken_over() -> None:
    ada, bo, cy = member("ada"), member("bo"), member("cy")
    for one in (ada, bo, cy):
        one.mine()

    bo.leave()
    redis.client().zadd("v:consumers:test", {"cy": 1})
    ada._last_beat = float("-inf")

    assert ada.mine() == {0, 1, 2, 3}


def test_a_clock_that_was_put_back_keeps_no_dead_consumer_alive() -> None:
    seconds, _ = redis.client().time()
    redis.client().zadd("v:consumers:test", {"killed before the clock was put back": (seconds + 3600) * 1000})

    assert member("ada").mine() == {0, 1, 2, 3}


@dataclass
class Collecting:
    """Work that fails as often as told before it works."""

    failures: list[Exception]
    stop: threading.Event
    name: str = "collecting"
    at_once: int = 100
    done: dict[int, int] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)
    calls: int = 0

    def offsets(self, shards: Iterable[int]) -> dict[int, int]:
        return {shard: self.done.get(shard, 0) for shard in shards}

    def apply(self, batch: Batch, *, after: Mapping[int, int]) -> dict[int, int]:
        if self.failures:
            raise self.failures.pop()
        for shard, rows in batch.items():
            self.seen += [one.body for _, one in rows]
            self.done[shard] = rows[-1][0]
        self.stop.set()
        return {**after, **self.done}

    def between(self, shards: Collection[int]) -> None:
        self.calls += 1


def test_a_consumer_waits_for_what_is_away_and_then_goes_on(log: Log) -> None:
    log.append([entry(event(1))])
    stop = threading.Event()
    work = Collecting([driver.ConnectionError("gone"), driver.TimeoutError("slow")], stop)

    Consumer(work, log, redis.client(), stop).run()

    assert work.seen == [event(1).encode()]
    assert work.calls == 1, "what is due has its turn after each step"
    assert redis.client().zcard("v:consumers:collecting") == 0


@pytest.mark.django_db(transaction=True)
def test_the_recorder_consumes_and_tells_how_far_it_is(log: Log) -> None:
    log.append([entry(event(number, user_id=f"u{number}")) for number in range(20)])
    consumer = Consumer(RecorderWork(), log, redis.client())
    membership = member("recorder")

    count = consumer.step(membership)

    assert count == 20
    assert Event.objects.count() == 20
    assert sum(lags(redis.client(), log, consumers=["recorder"]).values()) == 0
    assert consumer.step(membership) == 0


@pytest.mark.django_db(transaction=True)
def test_what_waits_for_a_consumer_that_died_is_told_too(log: Log) -> None:
    log.append([entry(event(1))])
    Consumer(RecorderWork(), log, redis.client()).step(member("recorder"))

    log.append([entry(event(2))])

    lag_by_group = lags(redis.client(), log)
    assert sum(lag for (name, _), lag in lag_by_group.items() if name == "recorder") == 1
    assert sum(lag for (name, _), lag in lag_by_group.items() if name == "profiles") > 0, "it never ran"
    assert len(lag_by_group) == 2 * log.shards


def test_a_shard_that_fills_up_alone_is_trimmed_before_it_is_full(log: Log) -> None:
    log.append([entry(event(number)) for number in range(5)])
    shard = next(shard for shard in range(4) if log.first(shard))
    client, size = redis.client(), log.size_bytes(shard)
    assert size == log.size_bytes(), "all five are of one shopper"
    for consumer in ("recorder", "profiles"):
        client.hset(f"v:offset:{consumer}", str(shard), log.last(shard))

    roomy, tight = (Housekeeping(keep_ms=10**9, max_bytes=round(4 * size / share)) for share in (0.7, 0.9))

    assert roomy.tidy(log, client, mine=[shard]) == 0
    assert tight.tidy(log, client, mine=[shard]) == 5


def test_the_log_is_trimmed_behind_the_slowest_consumer_only(log: Log) -> None:
    log.append([entry(event(number)) for number in range(5)])
    shard = next(shard for shard in range(4) if log.first(shard))
    offsets = [offset for offset, _ in log.read(shard)]
    housekeeping = Housekeeping(keep_ms=-1000, max_bytes=1 << 22)
    client = redis.client()

    client.hset("v:offset:recorder", str(shard), offsets[4])
    assert housekeeping.tidy(log, client, mine=[shard]) == 0

    client.hset("v:offset:profiles", str(shard), offsets[1])
    housekeeping.every = 0.0
    assert housekeeping.tidy(log, client, mine=[shard]) == 2
    assert [offset for offset, _ in log.read(shard)] == offsets[2:]
