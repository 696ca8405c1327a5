"""A shopper as of an earlier moment: from recorded events, the same as the profiles of then."""

import random
from typing import Any

import pytest

from common import clock
from common.redis import run_scripts
from events.log import Entry, get_log
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from profiles import services
from profiles.past import person_at
from profiles.selectors import Person, person_call, person_read
from tests.events.builders import ALLOWED, event
from tests.events.test_performance import record

pytestmark = pytest.mark.django_db
USERS, DEVICES = ("ada", "bo", "cy"), ("phone", "till", "tablet")
NAMES = ("Product Viewed", "Product Viewed", "Product Added", "Order Completed", "Product Reviewed")


def random_event(number: int, chance: random.Random) -> Event:
    """Return an event of a user, of a device, or of both; or a login, an alias, a refusal."""
    user, device = chance.choice((None, *USERS)), chance.choice((None, *DEVICES))
    if user is None and device is None:
        user = "ada"
    at = clock.epoch_us() - chance.randrange(10**9)
    fields: dict[str, Any] = {"name": chance.choice(NAMES), "kind": "track", "user_id": user, "anonymous_id": device}
    product = {"product_id": f"P{chance.randrange(9)}", "rating": 4, "quantity": 1}
    fields["properties"] = product
    if fields["name"] == "Order Completed":
        fields["properties"] = {"order_id": f"o{number}", "currency": "EUR", "products": [product]}
    match chance.randrange(12):
        case 0 if user and device:
            fields |= {"kind": "identify", "name": "", "properties": {}, "traits": {"city": chance.choice("XYZ")}}
        case 1 if user:
            other = chance.choice([one for one in USERS if one != user])
            fields |= {"kind": "alias", "name": "", "properties": {}, "previous_id": other, "anonymous_id": None}
        case 2:
            fields |= {"consents": {"personalization": False}}
    allowed = ("analytics",) if chance.randrange(8) == 0 else ALLOWED
    return Event(message_id=f"m{number}", at=at, received_at=at, source="test", allowed=allowed, **fields)


def take(event: Event) -> None:
    """Append an event, record it and apply it."""
    log = get_log()
    log.append([Entry("event", event.raw_id, event.encode())])
    after = offsets(range(log.shards))
    batch = log.read_many(after)
    Recorder().record(batch, after=after)
    services.apply(batch)


def read(ids: dict[str, str | None]) -> tuple[Person, int]:
    """Return the person as serving reads them, and up to which offset."""
    user_id, anonymous_id = ids["user_id"], ids["anonymous_id"]
    (answer,) = run_scripts(person_call(user_id=user_id, anonymous_id=anonymous_id))
    read_now = person_read(answer, user_id=user_id, anonymous_id=anonymous_id)
    assert read_now.person is not None
    return read_now.person, read_now.offset


@pytest.mark.parametrize("seed", range(6))
def test_the_person_of_each_moment_comes_back(seed: int, settings: Any) -> None:
    settings.SHOPPER_ATTRIBUTES = ("city",)
    chance = random.Random(seed)
    moments = []
    for number in range(60):
        take(random_event(number, chance))
        ids = {"user_id": chance.choice((None, *USERS)), "anonymous_id": chance.choice((None, *DEVICES))}
        if any(ids.values()):
            person, offset = read(ids)
            moments.append((ids, offset, clock.epoch_us(), person))

    assert any(len(person.ids) > 2 for *_, person in moments)
    for ids, offset, now_us, person in moments:
        past = person_at(**ids, offset=offset, now_us=now_us)
        assert (past.ids, past.history, past.attributes) == (person.ids, person.history, person.attributes)


def test_a_long_history_is_cut_as_live() -> None:
    start = clock.epoch_us() - 10**9
    for number in range(320):
        view = event(number, at=start + number % 7)
        services.apply_events([view], offsets={})
        record(0, view)

    person, _ = read({"user_id": "ada", "anonymous_id": None})
    past = person_at(user_id="ada", anonymous_id=None, offset=320, now_us=clock.epoch_us())

    assert len(past.history) == 300
    assert past.history == person.history
