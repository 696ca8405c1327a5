"""Erasure of a shopper's sessions in the demo shop: they hold the login and the cart."""

from collections.abc import Iterator
from typing import Any, Final

from django.contrib.sessions.models import Session

from common import privacy
from common.pseudonyms import pseudonym
from portal.shop import cart, people

FIELDS: Final = ("login", "cart")


def register() -> None:
    """Add the sessions to the registry."""
    privacy.register(privacy.Store(name="sessions", erase=_erase, export=_export, discover=_discover))


def _sessions(person: privacy.Person) -> Iterator[tuple[Session, dict[str, Any]]]:
    """Yield the sessions in which the shopper is logged in, with their content."""
    users = {one.partition(":")[2] for one in person.subjects if one.startswith("user:")}
    for row in Session.objects.iterator() if users else ():
        content = row.get_decoded()
        if pseudonym(content.get(people.KEY) or "") in users:
            yield row, content


def _discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    yield privacy.Holding("sessions", FIELDS, sum(1 for _ in _sessions(person)))


def _erase(person: privacy.Person) -> int:
    keys = [row.pk for row, _ in _sessions(person)]
    return Session.objects.filter(pk__in=keys).delete()[0]


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    lines = [line for _, content in _sessions(person) for line in cart.lines(content)]
    return {"cart": [{"product_id": line.product_id, "quantity": line.quantity} for line in lines]}
