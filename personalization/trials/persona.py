"""An invented shopper: a history and attributes entered by hand. Nobody is behind it, so no consent is asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings

from common import clock
from common.errors import InvalidInput
from events.types.base import Interaction, Signal
from personalization.serving.shoppers import Shopper, nobody, shopper_of_person
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles.selectors import Person

MINUTE: Final = 60_000_000
STEPS: Final[tuple[tuple[str, Signal, int], ...]] = (
    ("purchases", "purchase", 7 * 24 * 60),
    ("carts", "cart", 60),
    ("clicks", "view", 30),
)
"""Field, signal, and how many minutes ago the newest one was; those before it came a minute earlier each."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Product ids by what was done with them, the latest last; attributes by name; keys of segments."""

    clicks: tuple[str, ...] = ()
    carts: tuple[str, ...] = ()
    purchases: tuple[str, ...] = ()
    attributes: tuple[tuple[str, str], ...] = ()
    segments: tuple[str, ...] = ()


def persona_shopper(persona: Persona) -> Shopper:
    """Return the persona as a shopper. Raises InvalidInput, which names the field; Unavailable before a load."""
    snapshot, now = snapshot_refresher.current(), clock.now().timestamp()
    _check(persona, snapshot)
    attributes: dict[str, Any] = {}
    for name, value in persona.attributes:
        attributes.setdefault(name, []).append(value)
    person = Person(
        history=tuple(_history(persona, int(now * 1e6))),
        attributes=attributes,
        segments=dict.fromkeys(persona.segments, int(now * 1e6)),
    )
    return shopper_of_person(person, snapshot=snapshot, now=now) or nobody(now, "no_profile")


def _check(persona: Persona, snapshot: Snapshot) -> None:
    for field, _, _ in STEPS:
        unknown = [one for one in getattr(persona, field) if one not in snapshot.serving_catalog.codes]
        if unknown:
            raise InvalidInput.of(field, f"there is no product {', '.join(unknown)} in the catalog")
    names = [name for name, _ in persona.attributes if name not in settings.SHOPPER_ATTRIBUTES]
    if names:
        raise InvalidInput.of("attributes", f"{', '.join(names)} is none of {', '.join(settings.SHOPPER_ATTRIBUTES)}")


def _history(persona: Persona, now: int) -> Iterable[Interaction]:
    for field, signal, minutes in STEPS:
        product_ids = getattr(persona, field)
        for at, product_id in enumerate(product_ids):
            moment = now - (minutes + len(product_ids) - 1 - at) * MINUTE
            yield Interaction(message_id=f"{signal}-{at}", at=moment, signal=signal, product_id=product_id)
