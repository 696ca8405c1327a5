"""Live counts: integers that follow from the rows alone, once each, whatever the order; exact without a shopper."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from hashlib import sha1
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common import clock, redis
from events.log import get_log
from events.types.base import Event, Interaction
from profiles import counted_rows, keys, services
from profiles.counted_rows import DAY_US, MAX_ROWS, Field, Row, contribution, first_day, row_of
from profiles.profiler_work import ProfilerWork
from profiles.replay import replay
from profiles.selectors.live_counts import NOTHING, all_counts, changes_since
from profiles.services import live_counts
from recsys.data import recent_counts
from tests.events.builders import entry, event

pytestmark = pytest.mark.django_db(transaction=True)
NOW = clock.epoch_us()
TODAY = NOW // DAY_US
RECENT = (TODAY - 1) * DAY_US + 12 * 3_600_000_000
"""Yesterday at noon: in the counted days, whenever the test runs."""
SECOND = 1_000_000


def view(number: int, product: str, *, who: str = "ada", at: int | None = None, **fields: Any) -> Event:
    at = RECENT + number * SECOND if at is None else at
    return event(number, user_id=who, at=at, received_at=at, properties={"product_id": product}, **fields)


def refusal(number: int, purpose: str = "personalization", who: str = "ada") -> Event:
    at = RECENT + number * SECOND
    return event(number, name="Consent Updated", user_id=who, at=at, consents={purpose: False}, allowed=())


def apply(*events: Event) -> None:
    services.apply_events(events, offsets={})


def counts() -> dict[tuple[int, str], int]:
    """Return the counts by age in days and name, with a blank for NUL; the name begins with the signal's code."""
    return {(TODAY - one.day, one.name.decode().replace("\0", " ")): count for one, count in all_counts().counts}


def digest(fields: Iterable[tuple[Field, int]]) -> str:
    """Return a SHA-256 of counts, in any order."""
    return hashlib.sha256(repr(sorted(fields)).encode()).hexdigest()


def stored() -> str:
    return digest(all_counts().counts)


def of_rows(*, without: str | None = None) -> str:
    """Return the digest of what all stored rows count, but for those of one user."""
    total: Counter[Field] = Counter()
    client: Any = redis.client()
    for name in client.scan_iter(match=f"{keys.COUNTED_ROWS}*"):
        if name.decode() != f"{keys.COUNTED_ROWS}user:{without}":
            rows = [Row(int(at), member) for member, at in client.zrange(name, 0, -1, withscores=True)]
            total += contribution(rows, since=first_day(NOW))
    return digest(total.items())


def test_items_and_pairs_of_a_visit_are_counted_by_day() -> None:
    apply(view(1, "desk"), view(2, "lamp"), view(3, "rug"))

    assert counts() == {
        **{(1, f"0:{product}"): 1 for product in ("desk", "lamp", "rug")},
        **{(1, f"0:{pair}"): 1 for pair in ("desk lamp", "desk rug", "lamp rug")},
    }


def test_a_pair_lies_within_half_an_hour_of_one_day() -> None:
    midnight = TODAY * DAY_US

    apply(view(1, "desk"), view(2 + 1_800, "lamp"))
    apply(view(3, "rug", who="bo", at=midnight - SECOND), view(4, "mug", who="bo", at=midnight))

    assert not [name for _, name in counts() if " " in name]


def test_an_event_counts_once_however_often_it_comes() -> None:
    events = [view(1, "desk"), view(2, "lamp")]
    apply(*events)
    before = stored()

    apply(*events)
    apply(view(1, "desk", at=RECENT + SECOND + 7))
    apply(*reversed(events))

    assert stored() == before


def test_a_batch_of_the_log_read_again_counts_once() -> None:
    get_log().append([entry(view(number, f"P{number % 3}")) for number in range(9)])
    work, shards = ProfilerWork(), range(get_log().shards)
    after = work.offsets(shards)
    batch = get_log().read_many(after, count=100, block_ms=0)

    work.apply(batch, after=after)
    before = stored()
    work.apply(batch, after=after)  # a profiler that took the shard over

    assert stored() == before == of_rows()


def test_an_order_from_browser_and_server_counts_once() -> None:
    def order(number: int) -> Event:
        properties = {"order_id": "O1", "products": [{"product_id": "desk"}, {"product_id": "lamp"}]}
        at = RECENT + number * SECOND
        return event(number, name="Order Completed", at=at, received_at=at, properties=properties)

    apply(order(1), order(2))

    assert counts()[1, "10:desk"] == counts()[1, "10:lamp"] == 1


@pytest.mark.parametrize("allowed", [("personalization",), ("train_models",), ()])
def test_only_who_allowed_both_purposes_is_counted(allowed: tuple[str, ...]) -> None:
    apply(view(1, "desk", allowed=allowed))

    assert counts() == {}


@pytest.mark.parametrize("purpose", sorted(counted_rows.PURPOSES))
def test_a_refusal_subtracts_what_was_before_it_and_what_comes_late(purpose: str) -> None:
    apply(view(1, "desk"), view(2, "lamp"), view(9, "rug"), view(3, "mug", who="bo"))

    apply(refusal(5, purpose))
    apply(view(4, "bowl"))

    assert counts() == {(1, "0:rug"): 1, (1, "0:mug"): 1}


def test_counts_without_a_shopper_equal_those_of_a_log_without_them() -> None:
    others = [view(number, f"P{number % 5}", who=f"u{number % 3}") for number in range(30)]
    own = [view(40 + number, f"P{number % 4}") for number in range(20)]
    apply(*others)
    expected = stored()
    apply(*own)
    assert stored() != expected

    services.forget(["user:ada"])

    assert stored() == expected == of_rows()
    assert not redis.client().keys("v:k:?:user:ada")


def test_a_rebuild_from_the_log_gives_the_same_integers_and_is_silent() -> None:
    get_log().append([entry(view(number, f"P{number % 7}", who=f"u{number % 4}")) for number in range(60)])
    get_log().append([entry(refusal(70, who="u1"))])
    work, shards = ProfilerWork(), range(get_log().shards)
    after = work.offsets(shards)
    work.apply(get_log().read_many(after, count=1000, block_ms=0), after=after)
    before = stored()

    replay(get_log())

    assert stored() == before == of_rows()


def test_a_shopper_counts_with_the_newest_rows_only() -> None:
    apply(*(view(number, f"P{number}") for number in range(MAX_ROWS + 20)))

    items = [name for _, name in counts() if " " not in name]
    assert len(items) == MAX_ROWS
    assert "0:P19" not in items
    assert stored() == of_rows()


def test_days_that_are_over_do_not_count() -> None:
    old = (first_day(NOW) - 1) * DAY_US + 5

    apply(view(1, "desk", at=old), view(2, "lamp"))

    assert counts() == {(1, "0:lamp"): 1}
    assert 0 < redis.client().ttl(f"{keys.COUNTS}i:{TODAY - 1}") <= counted_rows.DAYS * 86_400


def test_a_full_day_takes_no_new_pairs_and_counts_on_those_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    script = live_counts.COUNT.replace(f"p = {live_counts.MOST_PAIR_FIELDS}", "p = 1")
    monkeypatch.setattr(live_counts, "COUNT", script)
    monkeypatch.setattr(live_counts, "COUNT_SHA", sha1(script.encode()).hexdigest())

    for who in ("ada", "bo"):
        apply(view(1, "desk", who=who), view(2, "lamp", who=who))
    apply(view(1, "rug", who="dee"), view(2, "mug", who="dee"))
    assert {name: count for (_, name), count in counts().items() if " " in name} == {"0:desk lamp": 2}

    services.forget(["user:dee", "user:ada"])
    assert counts() == {(1, "0:desk"): 1, (1, "0:lamp"): 1, (1, "0:desk lamp"): 1}


def test_a_reader_of_changes_has_what_a_reader_of_all_has() -> None:
    apply(view(1, "desk"), view(2, "lamp"))
    start = all_counts()
    apply(view(3, "rug"), refusal(1), view(4, "desk", who="bo"))

    changes, from_start = changes_since(start.position), changes_since(NOTHING)

    assert changes is not None
    assert from_start is not None
    for first, later in ((start.counts, changes.counts), ([], from_start.counts)):
        merged = {one: count for one, count in {**dict(first), **dict(later)}.items() if count}
        assert digest(merged.items()) == stored()
    assert changes_since(changes.position) == (changes.position, [])
    redis.client().delete(keys.COUNT_CHANGES)
    assert changes_since(changes.position) is None


ROWS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4), st.integers(0, 4_000)), min_size=1, max_size=30)


@settings(max_examples=40)
@given(ROWS, st.randoms(use_true_random=False), st.integers(0, 4_000), st.integers(1, 40))
def test_counts_are_the_sum_of_the_rows(
    drawn: list[tuple[int, int, int]], random: Any, refused: int, batch: int
) -> None:
    redis.client().flushdb()
    events = [
        view(number, f"P{product}", who=f"u{who}", at=RECENT + second * SECOND)
        for number, (who, product, second) in enumerate(drawn)
    ]
    stream = [*events, *random.sample(events, len(events) // 2), refusal(refused, who="u0")]
    random.shuffle(stream)
    for start in range(0, len(stream), batch):
        apply(*stream[start : start + batch])
    assert stored() == of_rows()
    lone = of_rows(without="u1")

    services.forget(["user:u1"])

    assert stored() == lone


def test_library_and_live_counts_follow_one_rule() -> None:
    assert recent_counts.MAX_STEPS == counted_rows.MAX_STEPS
    assert recent_counts.VISIT_SECONDS * SECOND == counted_rows.VISIT_US


def test_rows_of_one_event_differ_by_their_line() -> None:
    one = Interaction("m1", 5, "view", "desk")

    assert row_of(one, line=0) != row_of(one, line=1)
    assert row_of(one, line=0).member.startswith(b"0:desk\0")
