"""Access and erasure of a shopper's data in this room."""

from collections.abc import Iterator
from typing import Any, Final

from common import privacy, redis
from profiles import keys, services
from profiles.people import is_anonymous
from profiles.selectors import Person, read_person
from profiles.selectors.segments import segments_in_words
from profiles.services.segment_members import forget_outbox

FIELDS: Final = ("raw id", "history", "attributes", "segments")


def register() -> None:
    """Add this room to the registry."""
    store = privacy.Store(name="profiles", erase=_erase, export=_export, discover=_discover, subjects=_subjects)
    privacy.register(store)


def _erase(person: privacy.Person) -> int:
    forget_outbox(person.subjects)
    return services.forget(person.subjects)


def _discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    yield privacy.Holding("profiles and segments", FIELDS, _key_count(person))


def _subjects() -> Iterator[tuple[str, None]]:
    yield from ((raw_id.decode(), None) for raw_id in redis.client().sscan_iter(keys.SUBJECTS, count=1000))


def _key_count(person: privacy.Person) -> int:
    """Return how many keys and places in sets there are under the person's ids."""
    if not person.subjects:
        return 0
    pipe = redis.client().pipeline(transaction=False)
    for raw_id in person.subjects:
        pipe.exists(*services.all_keys(raw_id), f"{keys.SEGMENTS}{raw_id}")
        pipe.sismember(keys.SUBJECTS, raw_id)
    return sum(int(count) for count in pipe.execute())


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    people = _people(person)
    rows = [
        {"at": one.at, "what": one.signal, "product_id": one.product_id, "quantity": one.quantity, "price": one.price}
        for whom in people
        for one in whom.history
    ]
    attributes = [{"name": name, "value": value} for whom in people for name, value in whom.attributes.items()]
    segments = [
        {"segment": one.name, "since": one.since} for whom in people for one in segments_in_words(whom.segments)
    ]
    return {"profile": rows, "said": attributes, "segments": segments}


def _people(person: privacy.Person) -> list[Person]:
    """Return the persons of the ids, each once; of a shared device only the person's own time."""
    people: list[Person] = []
    for subject in sorted(person.subjects, key=is_anonymous):  # read alone, a device belongs to its last user
        if not any(subject in one.ids for one in people):
            kind, _, value = subject.partition(":")
            people.append(read_person(**{"user_id" if kind == "user" else "anonymous_id": value}))
    return people
