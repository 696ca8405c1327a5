"""Who is in a segment: by events, by time, over a login, by consent, through a rebuild; and what the log is told."""

from dataclasses import replace
from typing import Any

import orjson
import pytest

from common import clock, privacy, redis
from consents import cache as consent_cache
from consents.state import Decision
from events.log import get_log
from events.log.base import Entry
from events.services.recorder import Recorder, offsets
from profiles import keys, services
from profiles.models import Segment
from profiles.replay import replay
from profiles.segmenter import Segmenter
from profiles.segments.rules.parsing import parse
from profiles.selectors import read_people, read_person
from profiles.selectors.plain_people import PlainReader
from profiles.selectors.segments import sizes
from profiles.services.segment_estimates import estimate
from profiles.services.segment_fill import begin_rebuild, determine_all
from profiles.services.segment_members import send_outbox
from profiles.services.segments import edit_segment
from profiles.shopper_states import is_allowed
from profiles.traits.context import context_values
from tests.events.builders import event
from tests.profiles.segments.conftest import Make
from tests.profiles.segments.live import SHARDS, happened, segment_events, view

pytestmark = pytest.mark.django_db(transaction=True)
TWO_VIEWS = {"event": "view", "times": 2, "within": "30 minutes"}
ANY_VIEW = {"event": "view", "times": 1}


@pytest.fixture(autouse=True)
def may_personalize() -> None:
    """Everybody of these tests has said yes."""
    for raw_id in ("user:ada", "user:bo", "anonymous:phone"):
        decide(raw_id, given=True, at=1)


def decide(raw_id: str, *, given: bool, at: int) -> None:
    pipe = redis.client().pipeline()
    consent_cache.apply_all(pipe, raw_id, {name: Decision(given, at) for name in ("analytics", "personalization")})
    pipe.execute()


def segments(user_id: str | None = "ada", anonymous_id: str | None = None) -> set[str]:
    return set(read_person(user_id=user_id, anonymous_id=anonymous_id).segments)


def due() -> dict[str, int]:
    rows: list[tuple[bytes, float]] = []
    for shard in SHARDS:
        rows += redis.client().zrange(f"{keys.DUE}{shard}", 0, -1, withscores=True)  # type: ignore[arg-type]
    return {raw_id.decode(): int(at) for raw_id, at in rows}


def test_an_event_enters_a_segment_in_the_same_step(make_segment: Make) -> None:
    make_segment("lookers", TWO_VIEWS)
    first, second = view(1, minutes_ago=10), view(2, minutes_ago=1)

    happened(first)
    assert segments() == set()
    version = read_person(user_id="ada").version
    happened(second)

    person = read_person(user_id="ada")
    assert person.segments == {"lookers": second.at}
    assert person.version > version + 1, "cached answers end"
    assert sizes(["lookers"]) == {"lookers": 1}
    assert segment_events() == [("user:ada", "Segment Entered", "lookers")]
    assert due() == {"user:ada": first.at + 30 * 60_000_000}


def test_time_alone_ends_a_segment_without_an_event(make_segment: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    make_segment("lookers", TWO_VIEWS)
    first = view(1, minutes_ago=29)
    happened(first, view(2))
    assert segments() == {"lookers"}

    later = clock.epoch_us() + 2 * 60_000_000
    monkeypatch.setattr(clock, "epoch_us", lambda: later)
    Segmenter().work(SHARDS)

    assert segments() == set()
    assert sizes(["lookers"]) == {"lookers": 0}
    assert segment_events()[1:] == [("user:ada", "Segment Left", "lookers")]
    assert due() == {}


def test_an_event_about_a_segment_changes_no_profile(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    happened(view(1))

    from_server = event(9, name="Segment Entered", properties={"segment": "lookers"}, source="server")

    assert happened(from_server).work(SHARDS) == 0
    assert len(segment_events()) == 1


def test_the_log_holds_an_event_once_however_often_its_sender_is_killed(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    happened(view(1))
    # The outbox is sent again, as after a kill before it was cut.
    shard = next(shard for shard in SHARDS if get_log().last(shard))
    (_, line) = get_log().read(shard)[0]
    fields = orjson.loads(line.body)
    row = {name: fields[name] for name in ("message_id", "name", "at", "properties")}
    redis.client().rpush(f"{keys.OUTBOX}{shard}", orjson.dumps({**row, "subject": "user:ada"}))

    assert send_outbox(SHARDS) == 1

    recorded = record_all()
    assert [row.name for row in recorded] == ["Segment Entered"]


def record_all() -> list[Any]:
    """Record the log, as the recorder does."""
    from events.models import Event as Row

    log = get_log()
    after = offsets(SHARDS)
    Recorder().record(log.read_many(after), after=after)
    return list(Row.objects.filter(name__startswith="Segment ").order_by("at"))


def test_a_login_carries_the_segments_of_the_device_over(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    seen = view(1, user_id=None, anonymous_id="phone", minutes_ago=5)
    happened(seen)
    assert segments(None, "phone") == {"lookers"}

    happened(view(2, kind="identify", name="", properties={}, anonymous_id="phone"))

    assert read_person(user_id="ada").segments == {"lookers": seen.at}
    assert segments(None, "phone") == {"lookers"}, "who asks with the device alone is Ada"
    assert redis.client().zrange(f"{keys.MEMBERS}lookers", 0, -1) == [b"user:ada"]
    assert len(segment_events()) == 1, "the person stays in the segment"


def test_a_withdrawal_ends_all_segments_and_tells_nobody(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    happened(view(1))

    now = clock.epoch_us() + 1
    decide("user:ada", given=False, at=now)
    happened(event(3, kind="track", name="Consent Updated", at=now, consents={"personalization": False}, allowed=()))

    assert segments() == set()
    assert sizes(["lookers"]) == {"lookers": 0}
    assert len(segment_events()) == 1
    assert due() == {}


def test_global_privacy_control_ends_segments_a_second_later(
    make_segment: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_segment("lookers", ANY_VIEW)
    happened(view(1))
    pipe, now = redis.client().pipeline(), clock.epoch_us()
    consent_cache.apply_all(pipe, "user:ada", {"gpc": Decision(True, now)})
    pipe.execute()
    services.apply_events([event(3, name="Consent Updated", at=now, consents={"gpc": True}, allowed=())], offsets={})

    monkeypatch.setattr(clock, "epoch_us", lambda: now + 2_000_000)
    Segmenter().work(SHARDS)

    assert segments() == set()
    assert len(segment_events()) == 1


def test_who_does_not_allow_it_enters_nothing(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    decide("user:ada", given=False, at=2)

    happened(view(1))

    assert segments() == set()


def test_an_erased_shopper_leaves_no_trace(make_segment: Make) -> None:
    make_segment("lookers", TWO_VIEWS)
    happened(view(1), view(2))
    happened(view(3, user_id="bo"), view(4, user_id="bo"))
    redis.client().rpush(f"{keys.OUTBOX}0", orjson.dumps({"subject": "user:ada"}))
    (store,) = (one for one in privacy.stores() if one.name == "profiles")
    ada = privacy.Person(("user:ada",))
    exported = list(store.export(ada)["segments"])

    store.erase(ada)

    assert [row["segment"] for row in exported] == ["Lookers"]
    assert store.verify(ada) == 0
    left = [name for name in redis.client().scan_iter("v:*") if not name.startswith((b"v:log", b"v:c:"))]
    values = b"".join(redis.client().dump(name) or b"" for name in left)
    assert not [name for name in left if b"ada" in name]
    assert b"user:ada" not in values
    assert sizes(["lookers"]) == {"lookers": 1}


def test_a_rebuild_is_silent_and_keeps_since_when(make_segment: Make) -> None:
    make_segment("lookers", TWO_VIEWS)
    events = [view(1, minutes_ago=20), view(2, minutes_ago=3), view(3, user_id="bo")]
    get_log().append([Entry("event", one.raw_id, one.encode()) for one in events])
    happened(*events)
    before, entries = read_person(user_id="ada").segments, segment_events()

    replay(get_log())
    Segmenter().work(SHARDS)

    assert read_person(user_id="ada").segments == before == {"lookers": events[1].at}
    assert segment_events() == entries
    assert due()["user:ada"] == events[0].at + 30 * 60_000_000
    assert not redis.client().exists(keys.REBUILD)


def test_while_profiles_are_rebuilt_nobody_leaves(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    happened(view(1))
    begin_rebuild()
    redis.client().delete(*services.state_keys("user:ada"))
    redis.client().zadd(services.due_key("user:ada", shards=4), {"user:ada": 1})

    assert Segmenter().work(SHARDS) == 0
    assert segments() == {"lookers"}


def test_another_rule_is_another_version_and_its_members_change_silently(make_segment: Make) -> None:
    segment = make_segment("lookers", ANY_VIEW)
    happened(view(1))

    edit_segment(segment.pk, actor="system:test", name="Lookers", rule={"event": "purchase", "times": 1})
    determine_all(lambda step, share: None)

    assert Segment.objects.get().version == 2
    assert segments() == set()
    assert len(segment_events()) == 1


def test_a_segment_that_is_switched_off_has_no_members(make_segment: Make) -> None:
    segment = make_segment("lookers", ANY_VIEW)
    happened(view(1))

    edit_segment(segment.pk, actor="system:test", name="Lookers", active=False)
    determine_all(lambda step, share: None)

    assert segments() == set()
    assert sizes(["lookers"]) == {"lookers": 0}


def test_a_profile_that_changed_meanwhile_is_determined_again(make_segment: Make) -> None:
    make_segment("lookers", TWO_VIEWS)
    segmenter = happened(view(1))
    stale = read_person(user_id="ada")
    services.apply_events([view(2)], offsets={})

    segmenter.members.determine([stale], moments={}, now=clock.epoch_us())
    assert segments() == set()
    assert "user:ada" in due()
    segmenter.work(SHARDS)

    assert segments() == {"lookers"}


def test_a_no_that_comes_between_a_read_and_its_write_keeps_the_shopper_out(make_segment: Make) -> None:
    """A slow step over everybody may have read a shopper before: of GPC and of linked ids the profile knows nothing."""
    make_segment("lookers", ANY_VIEW)
    services.apply_events([view(1)], offsets={})
    stale = read_person(user_id="ada")
    decide("user:ada", given=False, at=clock.epoch_us())
    segmenter = Segmenter()
    segmenter.work(SHARDS)

    segmenter.members.determine([stale], moments={}, now=clock.epoch_us(), silent=True)

    assert segments() == set()
    assert sizes(["lookers"]) == {"lookers": 0}
    assert "user:ada" in due(), "determined once more"


def test_a_write_that_comes_after_an_erasure_names_the_shopper_nowhere(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    segmenter = happened(view(1))
    stale = replace(read_person(user_id="ada"), segments={})
    services.forget(["user:ada"])

    segmenter.members.determine([stale], moments={}, now=clock.epoch_us(), silent=True)

    assert segments() == set()
    assert sizes(["lookers"]) == {"lookers": 0}
    assert due() == {}


def test_a_process_leaves_the_shards_of_others_alone(make_segment: Make) -> None:
    make_segment("lookers", ANY_VIEW)
    services.apply_events([view(1)], offsets={})
    own = int(services.due_key("user:ada", shards=4).removeprefix(keys.DUE))

    assert Segmenter().work([shard for shard in SHARDS if shard != own]) == 0
    assert Segmenter().work([own]) == 1


def test_while_postgresql_is_away_marks_wait(make_segment: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    make_segment("lookers", ANY_VIEW)
    services.apply_events([view(1)], offsets={})

    def away() -> None:
        raise OperationalError("gone")

    with monkeypatch.context() as patch:
        patch.setattr("profiles.segmenter.live_segments", away)
        assert Segmenter().work(SHARDS) == 0
    assert Segmenter().work(SHARDS) == 1


def test_without_segments_marks_do_not_pile_up() -> None:
    happened(view(1))

    assert due() == {}


def test_a_scan_reads_what_a_request_reads(make_segment: Make) -> None:
    happened(
        view(1),
        view(2, user_id="bo"),
        view(3, kind="identify", name="", properties={}, traits={"loyalty": "gold"}),
        view(4, user_id=None, anonymous_id="tablet"),
        view(5, name="Order Completed", properties={"order_id": "O1", "products": [{"product_id": "P1"}]}),
    )
    decide("user:bo", given=False, at=clock.epoch_us())
    happened(view(6, kind="identify", name="", properties={}, user_id="cy", anonymous_id="tablet"))

    subjects = ["user:ada", "user:bo", "anonymous:tablet", "user:cy", "user:nobody"]
    plain = PlainReader().read(subjects)
    people = read_people(subjects)

    assert [one is None for one in plain] == [False, False, True, True, False]
    for one, person in zip(plain, people, strict=True):
        if one is not None:
            expected = (list(person.history), person.attributes) if is_allowed(person) else ([], {})
            assert (one.history, one.attributes) == expected
    assert plain[0] is not None
    assert len(plain[0].history) == 2


def test_device_region_and_channel_are_the_latest_that_events_told(make_segment: Make) -> None:
    make_segment("phones", {"all": [{"trait": "device", "value": "Mobile"}, {"trait": "channel", "value": "email"}]})
    phone = {"device": {"type": "mobile"}, "region": "DE", "campaign": {"medium": "email"}}

    happened(view(1, context=phone), view(2, minutes_ago=9, context={"device": {"type": "desktop"}}))

    ada = read_person(user_id="ada")
    assert set(ada.segments) == {"phones"}
    assert context_values(ada.attributes) == {"device": "mobile", "region": "DE", "channel": "email"}
    assert estimate(parse({"trait": "device", "value": "mobile"})).members == 1
