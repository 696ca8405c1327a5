"""What this room holds about a shopper, for access and erasure."""

from typing import Any

from common import privacy, redis
from profiles import services
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
    rows = [
        {"at": one.at, "what": one.signal, "product_id": one.product_id, "quantity": one.quantity, "price": one.price}
        for subject in person.subjects
        for one in _person(subject).history
    ]
    said = [
        {"name": name, "value": value}
        for subject in person.subjects
        for name, value in _person(subject).attributes.items()
    ]
    return {"profile": rows, "said": said}


def _person(subject: str) -> Person:
    kind, _, value = subject.partition(":")
    return read_person(**{"user_id" if kind == "user" else "anonymous_id": value})
