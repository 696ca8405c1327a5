"""Profiles: the same whatever the order, however often, live or replayed."""

from collections.abc import Sequence
from random import Random
from typing import Any

import orjson
import pytest
from django.test import override_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from common import redis
from consents import cache as mirror
from consents.selectors import forget_terms, person, rule_of, states, terms
from consents.state import Decision
from events.log import Entry, Log, get_log, latest
from events.models import Dedupe, Offset
from events.models import Event as Recorded
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from profiles import history, keys, services
from profiles.replay import replay
from profiles.selectors import Person, PersonRead, person_call, person_read, read_person
from tests.events.builders import START, entry, event

pytestmark = pytest.mark.django_db(transaction=True)


def apply(*events: Event) -> None:
    services.apply_events(events, offsets={})


def products(person: Person) -> list[str]:
    return [one.product_id for one in person.history]


def identify(number: int, user: str, anonymous: str, **fields: Any) -> Event:
    return event(number, kind="identify", name="", user_id=user, anonymous_id=anonymous, properties={}, **fields)


def anonymous_view(number: int, anonymous: str = "phone") -> Event:
    return event(number, user_id=None, anonymous_id=anonymous)


def test_a_view_is_in_the_history_once_however_often_and_late_it_comes() -> None:
    apply(event(2), event(1), event(2))
    apply(event(1, at=event(1).at + 7))

    person = read_person(user_id="ada")

    assert products(person) == ["P1", "P2"]
    assert person.history[0].at == event(1).at
    assert person.ids == ("user:ada",)


def test_nothing_is_kept_without_consent() -> None:
    apply(event(1, allowed=("analytics",)))

    assert read_person(user_id="ada").history == ()
    assert not redis.client().keys("v:*:user:ada")


def test_an_anonymous_history_counts_after_identify() -> None:
    apply(anonymous_view(1))
    before = read_person(user_id="ada", anonymous_id="phone")

    apply(identify(5, "ada", "phone"))
    after = read_person(user_id="ada")

    assert products(before) == []
    assert products(after) == ["P1"]
    assert after.ids == ("user:ada", "anonymous:phone")
    assert after.version > before.version
    assert products(read_person(anonymous_id="phone")) == ["P1"]


def test_a_shared_device_does_not_mix_two_accounts() -> None:
    apply(identify(10, "ada", "phone"), anonymous_view(11), identify(20, "bo", "phone"), anonymous_view(21))

    assert products(read_person(user_id="ada", anonymous_id="phone")) == ["P11"]
    assert products(read_person(user_id="bo", anonymous_id="phone")) == ["P21"]
    assert products(read_person(anonymous_id="phone")) == ["P21"]


def test_an_alias_joins_two_users_and_all_their_devices() -> None:
    apply(event(1), event(2, user_id="bo"), identify(3, "bo", "tablet"), anonymous_view(4, "tablet"))

    apply(event(9, kind="alias", name="", user_id="ada", previous_id="bo", properties={}))

    assert products(read_person(user_id="ada")) == ["P1", "P2", "P4"]
    assert products(read_person(user_id="bo")) == ["P1", "P2", "P4"]


def test_a_refusal_removes_what_was_before_it_and_what_comes_late() -> None:
    refusal = event(5, name="Consent Updated", consents={"personalization": False}, anonymous_id="phone", allowed=())

    apply(event(1), event(8), anonymous_view(2), refusal, event(3))
    apply(identify(9, "ada", "phone"))

    assert products(read_person(user_id="ada")) == ["P8"]
    assert redis.client().zcard(f"{keys.BROWSED}user:ada") == 1
    assert redis.client().zcard(f"{keys.BROWSED}anonymous:phone") == 0


@pytest.mark.parametrize("refusing_id", [{"user_id": "ada"}, {"user_id": None, "anonymous_id": "phone"}])
def test_a_refusal_on_one_id_takes_what_the_others_of_the_person_did_before(refusing_id: dict[str, str | None]) -> None:
    refusal = event(5, name="Consent Updated", consents={"personalization": False}, allowed=(), **refusing_id)

    apply(event(1), anonymous_view(2), refusal, anonymous_view(7), event(8), identify(9, "ada", "phone"))

    assert products(read_person(user_id="ada")) == ["P7", "P8"]


def test_a_refusal_lets_the_names_of_the_latest_entries_go_soon() -> None:
    refusal = event(5, name="Consent Updated", consents={"personalization": False}, allowed=())
    get_log().append([Entry("event", one.raw_id, one.encode(), (one.raw_id,)) for one in (event(1), refusal)])
    names = f"{latest.LATEST}user:ada"
    assert redis.client().ttl(names) > latest.REFUSED_SECONDS

    services.apply_events([event(1), refusal], offsets={})

    assert 0 < redis.client().ttl(names) <= latest.REFUSED_SECONDS


def test_browsing_on_several_devices_does_not_push_out_purchases_either() -> None:
    bought = event(0, name="Order Completed", properties={"order_id": "O1", "products": [{"product_id": "B"}]})
    times = range(1, history.MAX_INTERACTIONS + 1)

    apply(bought, *(event(2 * number) for number in times), *(anonymous_view(2 * number + 1) for number in times))
    apply(identify(2 * history.MAX_INTERACTIONS + 9, "ada", "phone"))

    product_ids = products(read_person(user_id="ada"))
    assert product_ids == [
        "B",
        *(f"P{number}" for number in range(history.MAX_INTERACTIONS + 2, 2 * history.MAX_INTERACTIONS + 2)),
    ]


def test_the_newest_are_kept_and_browsing_does_not_push_out_purchases() -> None:
    bought = event(0, name="Order Completed", properties={"order_id": "O1", "products": [{"product_id": "B"}]})

    apply(bought, *(event(number) for number in range(1, history.MAX_INTERACTIONS + 51)))

    product_ids = products(read_person(user_id="ada"))
    assert product_ids == ["B", *(f"P{number}" for number in range(51, history.MAX_INTERACTIONS + 51))]


def test_an_order_told_by_browser_and_server_is_one() -> None:
    lines = [{"product_id": f"B{line}", "price": 5} for line in range(12)]
    lines[7] = lines[3]
    order = {"name": "Order Completed", "properties": {"order_id": "O1", "products": lines}}

    apply(event(1, **order), event(3, **order))

    bought = [f"B{line}" if line != 7 else "B3" for line in range(12)]
    assert products(read_person(user_id="ada")) == bought
    apply(event(3_700, **order))
    assert products(read_person(user_id="ada")) == bought * 2


def test_saying_again_who_has_the_device_does_not_hand_on_what_was_before() -> None:
    apply(identify(1, "bo", "phone"), anonymous_view(2))

    apply(*(identify(10 + number, "ada", "phone") for number in range(services.MOST_CLAIMS + 5)))

    assert products(read_person(user_id="bo")) == ["P2"]
    assert products(read_person(user_id="ada")) == []
    assert redis.client().zcard(f"{keys.CLAIMS}phone") <= services.MOST_CLAIMS


def test_an_entry_of_a_newer_version_holds_nobody_up() -> None:
    newer = Entry("event", "user:ada", orjson.dumps({**orjson.loads(event(1).encode()), "campaign": "x"}))
    broken = Entry("event", "user:ada", orjson.dumps({"message_id": "m2", "at": START}))
    odd = entry(event(3, user_id="ada", consents=["personalization"]))

    services.apply({0: [(1, newer), (2, broken), (3, odd), (4, entry(event(4)))]})

    assert products(read_person(user_id="ada")) == ["P1", "P4"]
    assert services.offsets([0]) == {0: 4}


@override_settings(CONSENT_RULES={"*": "opt_out"})
def test_a_replay_after_redis_was_lost_knows_who_refused() -> None:
    forget_terms()
    refusal = event(5, name="Consent Updated", consents={"personalization": False}, properties={}, allowed=())
    log = get_log()
    log.append([entry(event(1, anonymous_id="phone")), entry(event(2, user_id="bo")), entry(refusal)])
    run(log)
    redis.client().flushdb()

    assert replay(log) == 3

    assert products(read_person(user_id="ada")) == []
    assert products(read_person(user_id="bo")) == ["P2"]
    assert states(["user:bo"])["user:bo"].links == {}
    whom = person("anonymous:phone")
    assert not whom.verdict(terms()["personalization"], rule=rule_of(None)).allowed
    forget_terms()


@pytest.mark.parametrize("later", [False, True], ids=["at once", "after more was recorded"])
def test_a_replay_after_redis_came_back_older_knows_what_its_log_lost(later: bool) -> None:
    log = get_log()
    client: Any = redis.client()
    log.append([entry(event(1))])
    run(log)
    older = {key: client.dump(key) for key in client.keys("v:*")}
    log.append([entry(event(2))])
    run(log)
    client.flushdb()
    for key, value in older.items():
        client.restore(key, 0, value)
    if later:
        log.append([entry(event(3))])
        run(log)

    replay(log)

    assert products(read_person(user_id="ada")) == ["P1", "P2", "P3"][: 3 if later else 2]


def test_a_replay_takes_from_the_log_what_is_not_recorded_yet_and_goes_on_where_it_ends() -> None:
    log = get_log()
    log.append([entry(event(1))])
    run(log)
    log.append([entry(event(2)), entry(event(3, user_id="bo"))])

    assert replay(log) == 3

    assert products(read_person(user_id="ada")) == ["P1", "P2"]
    assert products(read_person(user_id="bo")) == ["P3"]
    assert services.offsets(range(log.shards)) == {shard: log.last(shard) for shard in range(log.shards)}


def test_what_was_recorded_and_trimmed_while_a_replay_ran_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    log = get_log()
    log.append([entry(event(1)), entry(event(2))])
    run(log)
    for shard in range(log.shards):
        log.trim(shard, consumed=log.last(shard), keep_since_ms=1 << 42)
    monkeypatch.setattr("profiles.replay.offsets", lambda shards: dict.fromkeys(shards, 0))

    assert replay(log) == 2

    assert products(read_person(user_id="ada")) == ["P1", "P2"]


def test_one_read_brings_consents_epochs_and_versions() -> None:
    client = redis.client()
    pipe = client.pipeline()
    mirror.apply_all(pipe, "user:ada", {"personalization": Decision(True, START, "e1")})
    mirror.link(pipe, "user:ada", "anonymous:old", START)
    mirror.apply_all(pipe, "anonymous:old", {"analytics": Decision(False, START, "e2")})
    pipe.set("v:config", 7)
    pipe.set("v:catalog", 9)
    pipe.execute()

    read = read_again({"user_id": "ada", "anonymous_id": None})
    person = read.person

    assert person is not None
    assert person.consent_states["user:ada"].decisions["personalization"].given
    assert not person.consent_states["anonymous:old"].decisions["analytics"].given
    assert (read.config_version, read.catalog_version) == (7, 9)
    assert person.ids == ("user:ada",)


def read_again(who: dict[str, str | None], fingerprint: bytes = b"") -> PersonRead:
    answer = redis.run_scripts(person_call(**who, fingerprint=fingerprint))[0]
    return person_read(answer, **who)


def test_who_names_the_present_fingerprint_gets_no_history_again() -> None:
    ada = {"user_id": "ada", "anonymous_id": None}
    apply(event(1))
    first = read_again(ada)
    redis.client().set("v:config", 3)

    again = read_again(ada, first.fingerprint)
    apply(event(2))
    changed = read_again(ada, first.fingerprint)

    assert (again.person, again.fingerprint, again.config_version) == (None, first.fingerprint, 3)
    assert changed.person is not None
    assert products(changed.person) == ["P1", "P2"]


def test_a_later_yes_that_repeats_an_earlier_one_changes_the_fingerprint() -> None:
    """It may end a refusal of another id, although the decision of its own id is the same."""
    ada = {"user_id": "ada", "anonymous_id": None}
    pipe = redis.client().pipeline()
    mirror.apply_all(pipe, "user:ada", {"personalization": Decision(True, START, "e1")})
    pipe.execute()
    first = read_again(ada)
    mirror.apply_all(pipe, "user:ada", {"personalization": Decision(True, START + 9, "e2")})
    pipe.execute()

    assert read_again(ada, first.fingerprint).person is not None


IDS = st.sampled_from(
    [("ada", None), ("bo", None), (None, "phone"), (None, "tablet"), ("ada", "phone"), ("bo", "phone")]
)
KINDS = st.sampled_from(["view", "view", "order", "identify", "alias", "refuse", "unwilling"])
STREAMS = st.lists(st.tuples(KINDS, IDS, st.integers(0, 9)), max_size=25)


def stream_of(drawn: Sequence[tuple[str, tuple[str | None, str | None], int]]) -> list[Event]:
    return [drawn_event(number, kind, ids, second) for number, (kind, ids, second) in enumerate(drawn)]


def drawn_event(number: int, kind: str, ids: tuple[str | None, str | None], second: int) -> Event:
    fields: dict[str, Any] = {"user_id": ids[0], "anonymous_id": ids[1], "at": START + second * 1_000_000}
    match kind:
        case "order":
            lines = [{"product_id": f"P{number}", "price": 5}, {"product_id": f"P{number}", "price": 5}]
            return event(
                number, name="Order Completed", properties={"order_id": f"O{number}", "products": lines}, **fields
            )
        case "identify" | "alias":
            previous = "bo" if kind == "alias" else None
            traits = {"country": f"C{number}" if number % 3 else None, "email": "kept@nowhere"}
            return event(number, kind=kind, name="", properties={}, previous_id=previous, traits=traits, **fields)
        case "refuse":
            return event(number, name="Consent Updated", consents={"personalization": False}, properties={}, **fields)
        case "unwilling":
            return event(number, allowed=("analytics",), **fields)
    return event(number, **fields)


def profiles_now() -> dict[bytes, Any]:
    """Everything this room keeps, but the version counters, which tell how often state changed, not what it is."""
    client: Any = redis.client()
    result: dict[bytes, Any] = {}
    for prefix in keys.ALL:
        for name in client.keys(f"{prefix}*") if prefix not in (keys.STATE, keys.DUE) else ():
            match client.type(name):
                case b"zset":
                    result[name] = client.zrange(name, 0, -1, withscores=True)
                case b"hash":
                    result[name] = client.hgetall(name)
                case _:
                    result[name] = client.get(name)
    return result


def run(log: Log) -> None:
    """Let the recorder and the profiler read the log to its end."""
    everything = log.read_many(dict.fromkeys(range(log.shards), 0), count=10_000)
    if everything:
        services.apply(everything)
        after = offsets(everything)
        for shard, rows in everything.items():
            fresh = [row for row in rows if row[0] > after[shard]]
            if fresh:
                Recorder().record({shard: fresh}, after={shard: after[shard]})


@settings(max_examples=25)
@given(STREAMS)
def test_equal_fingerprints_mean_equal_persons(
    drawn: Sequence[tuple[str, tuple[str | None, str | None], int]],
) -> None:
    redis.client().flushdb()
    seen: dict[tuple[Any, ...], Any] = {}
    for one in stream_of(drawn):
        apply(one)
        for user_id, anonymous_id in (("ada", None), ("bo", "phone"), (None, "phone"), (None, "tablet")):
            read = read_again({"user_id": user_id, "anonymous_id": anonymous_id})
            assert seen.setdefault((user_id, anonymous_id, read.fingerprint), read.person) == read.person


@settings(max_examples=40)
@given(STREAMS, st.randoms())
def test_any_order_with_duplicates_gives_the_same_profiles(
    drawn: Sequence[tuple[str, tuple[str | None, str | None], int]], random: Random
) -> None:
    stream = stream_of(drawn)
    redis.client().flushdb()
    apply(*stream)
    expected = profiles_now()
    redis.client().flushdb()
    shuffled = stream + random.choices(stream, k=5) if stream else []
    random.shuffle(shuffled)

    for one in shuffled:
        apply(one)

    assert profiles_now() == expected


@settings(max_examples=25)
@given(STREAMS, st.booleans(), st.randoms())
def test_replay_gives_what_live_gave_also_beyond_the_log_s_retention(
    drawn: Sequence[tuple[str, tuple[str | None, str | None], int]], trimmed: bool, random: Random
) -> None:
    redis.client().flushdb()
    for table in (Recorded, Dedupe, Offset):
        table.objects.all().delete()
    stream = stream_of(drawn)
    stream += random.choices(stream, k=4) if stream else []
    random.shuffle(stream)
    log = get_log()
    for one in stream:
        log.append([entry(one)])
    run(log)
    live = profiles_now()
    if trimmed:
        for shard in range(log.shards):
            log.trim(shard, consumed=log.last(shard), keep_since_ms=1 << 42)

    replay(log)

    assert profiles_now() == live


def test_a_user_of_very_many_anonymous_ids_is_read_by_those_linked_last() -> None:
    most = services.MOST_LINKED + 100

    apply(*(identify(n, "ada", f"tab-{n}") for n in (*range(0, most, 2), *range(1, most, 2))))

    result = redis.client().zrange(f"{keys.LINKED}ada", 0, -1)
    assert result == [f"anonymous:tab-{n}".encode() for n in range(100, most)]
    assert read_person(user_id="ada").ids[:2] == ("user:ada", f"anonymous:tab-{most - 1}")
