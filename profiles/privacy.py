"""Access and erasure of a shopper's data in this room."""

from typing import Any

from common import privacy, redis
from profiles import services
from profiles.people import is_anonymous
from profiles.selectors import Person, read_person


def register() -> None:
    """Add this room to the registry."""
    privacy.register(privacy.Store(name="profiles", erase=_erase, export=_export, verify=_verify))


def _erase(person: privacy.Person) -> int:
    return services.forget(person.subjects)


def _verify(person: privacy.Person) -> int:
    names = [name for raw_id in person.subjects for name in services.all_keys(raw_id)]
    return int(redis.client().exists(*names)) if names else 0


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    people = _people(person)
    rows = [
        {"at": one.at, "what": one.signal, "product_id": one.product_id, "quantity": one.quantity, "price": one.price}
        for whom in people
        for one in whom.history
    ]
    attributes = [{"name": name, "value": value} for whom in people for name, value in whom.attributes.items()]
    return {"profile": rows, "said": attributes}


def _people(person: privacy.Person) -> list[Person]:
    """Return the persons of the ids, each once; of a shared device only the person's own time."""
    people: list[Person] = []
    for subject in sorted(person.subjects, key=is_anonymous):  # read alone, a device belongs to its last user
        if not any(subject in one.ids for one in people):
            kind, _, value = subject.partition(":")
            people.append(read_person(**{"user_id" if kind == "user" else "anonymous_id": value}))
    return people
