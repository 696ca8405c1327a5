"""The consent cache in Redis decides as the pure state does."""

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st

from common import redis
from consents import cache
from consents.person import MOST_LINKS, newest_links
from consents.state import ConsentState, Decision

decisions = st.builds(
    Decision, given=st.booleans(), at=st.integers(0, 3), event_id=st.text(alphabet="ab|é", min_size=1, max_size=2)
)


def stored(raw_id: str) -> ConsentState:
    return cache.parse(cast(dict[bytes, bytes], redis.client().hgetall(cache.key(raw_id))))


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(["analytics", "personalization"]), decisions), max_size=6))
def test_redis_keeps_what_the_pure_state_keeps(history: list[tuple[str, Decision]]) -> None:
    client, expected = redis.client(), ConsentState()
    client.delete(cache.key("user:ada"))
    pipe = client.pipeline(transaction=False)

    for purpose, decision in history:
        cache.apply_all(pipe, "user:ada", {purpose: decision})
        expected = expected.with_decision(purpose, decision)
    pipe.execute()

    assert stored("user:ada") == expected


def test_a_link_is_kept_on_both_ids_from_its_earliest_time() -> None:
    client = redis.client()
    pipe = client.pipeline(transaction=False)

    cache.link(pipe, "anonymous:bo", "user:ada", 9)
    cache.link(pipe, "anonymous:bo", "user:ada", 7)
    cache.link(pipe, "anonymous:bo", "user:ada", 8)
    cache.seen_in(pipe, "user:ada", "US-CA")
    pipe.execute()

    assert stored("anonymous:bo").links == {"user:ada": 7}
    assert stored("user:ada") == ConsentState({}, 0, "US-CA", {"anonymous:bo": 7})


def test_of_very_many_links_those_made_last_are_kept_and_no_decision_is_lost() -> None:
    pipe = redis.client().pipeline(transaction=False)
    times = [*range(0, 900, 2), *range(1, 900, 2)]

    cache.apply_all(pipe, "user:till", {"analytics": Decision(False, 7, "e")})
    cache.seen_in(pipe, "user:till", "DE")
    for at in times:
        cache.link(pipe, f"anonymous:{at}", "user:till", at)
    pipe.execute()

    result = stored("user:till")
    last = {f"anonymous:{at}": at for at in range(900 - MOST_LINKS, 900)}
    assert dict(newest_links(result)) == last
    assert len(result.links) <= 2 * cache.LINKS_KEPT
    assert (result.region, result.decisions) == ("DE", {"analytics": Decision(False, 7, "e")})
