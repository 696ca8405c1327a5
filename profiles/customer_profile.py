"""Everything known about one customer, for the shop's own server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.browsing import products_by_id
from common.clock import to_microseconds
from common.errors import NotFound
from customers.selectors import Identity, identity_of
from events.selectors import refunds_of
from profiles.history import MAX_INTERACTIONS
from profiles.selectors import Person, read_person
from profiles.selectors.segments import SegmentOfPerson, segments_in_words
from profiles.shopper_states import is_allowed, product_info
from profiles.traits.context import context_values
from profiles.traits.registry import values

OF_NEWEST = f"Of the newest {MAX_INTERACTIONS} lines of orders, ratings and likes, and as many other events."
"""The range of traits, for API docs and pages."""


@dataclass(frozen=True, slots=True)
class CustomerProfile:
    """Ids, attributes, the traits that have a value, and the segments."""

    identity: Identity
    traits: dict[str, Any]
    segments: list[SegmentOfPerson]


def customer_profile(subject: str, *, now: datetime) -> CustomerProfile:
    """Return the profile of `user:ID` or `anonymous:ID` (a bare id is a user).

    Raises NotFound for an unknown customer, and redis errors when the profile store is down.
    """
    identity = identity_of(subject, now=now)
    person = person_of_identity(identity)
    traits = traits_of_person(person, now=now)
    if not identity.was_seen and not traits:
        raise NotFound("No customer has this id.")
    return CustomerProfile(identity, traits, segments_of_person(person))


def traits_of(identity: Identity, *, now: datetime) -> dict[str, Any]:
    """Return the value of each trait of a person."""
    return traits_of_person(person_of_identity(identity), now=now)


def person_of_identity(identity: Identity) -> Person:
    """Return the live profile of an identity."""
    user_id = identity.user_ids[0] if identity.user_ids else None
    anonymous_id = identity.anonymous_ids[0] if identity.anonymous_ids and user_id is None else None
    return read_person(user_id=user_id, anonymous_id=anonymous_id)


def segments_of_person(person: Person) -> list[SegmentOfPerson]:
    """Return the active segments of a person; none of one who does not allow personalization."""
    return segments_in_words(person.segments) if person.segments and is_allowed(person) else []


def traits_of_person(person: Person, *, now: datetime) -> dict[str, Any]:
    """Return the value of each trait of a live profile."""
    history = person.history
    rows = products_by_id(sorted({one.product_id for one in history}))
    info = {row.product_id: product_info(row) for row in rows}
    paid_back = refunds_of({one.order_id for one in history if one.signal == "purchase" and one.order_id})
    refunds = {order: None if amount is None else round(100 * amount) for order, amount in paid_back.items()}
    own = values(history, now=to_microseconds(now), products=info, refunds=refunds)
    return {**own, **context_values(person.attributes)}
