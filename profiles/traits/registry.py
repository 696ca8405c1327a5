"""All traits: one line for each. Pure."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Any, Final

from events.types.base import Interaction
from profiles.traits.activity import ActionCounts, ActiveDays
from profiles.traits.affinity import FavoriteBrands, FavoriteCategories
from profiles.traits.base import Products, Refunds, Trait, TraitField
from profiles.traits.context import CONTEXT_FIELDS
from profiles.traits.discount_affinity import DiscountAffinity
from profiles.traits.last_viewed import LastViewed
from profiles.traits.price_band import PriceBand
from profiles.traits.recency import RecencyDays
from profiles.traits.recent_activity import RecentActivity
from profiles.traits.rfm import Rfm
from profiles.traits.sessions import Sessions
from profiles.traits.usual_hour import UsualHour

_ALL: Final[tuple[Trait[Any], ...]] = (
    RecencyDays(),
    ActiveDays(),
    ActionCounts(),
    FavoriteCategories(),
    FavoriteBrands(),
    PriceBand(),
    Rfm(),
    LastViewed(),
    Sessions(),
    UsualHour(),
    RecentActivity(),
    DiscountAffinity(),
)
TRAITS: Final[dict[str, Trait[Any]]] = {trait.key: trait for trait in _ALL}
"""Every trait by its key."""

TRAIT_FIELDS: Final[dict[str, TraitField]] = {
    one.path: one for one in (*(own for trait in _ALL for own in trait.fields), *CONTEXT_FIELDS)
}
"""What conditions of segments can compare, by path."""
TITLES: Final[dict[str, str]] = {
    **{key: trait.title for key, trait in TRAITS.items()},
    **{one.path: one.title for one in CONTEXT_FIELDS},
}
"""The name for people of every trait, also of those that events tell."""
NO_REFUNDS: Final[Refunds] = MappingProxyType({})


def values(
    history: Iterable[Interaction], *, now: int, products: Products, refunds: Refunds = NO_REFUNDS
) -> dict[str, Any]:
    """Return the value of each trait that has one."""
    return values_and_changes(history, TRAITS, now=now, products=products, refunds=refunds)[0]


def values_and_changes(
    history: Iterable[Interaction], keys: Iterable[str], *, now: int, products: Products, refunds: Refunds = NO_REFUNDS
) -> tuple[dict[str, Any], dict[str, int]]:
    """Return the value of each of these traits that has one, and when each changes next by time alone."""
    interactions = list(history)
    context: dict[str, Any] = {"now": now, "products": products, "refunds": refunds}
    trait_values: dict[str, Any] = {}
    changes: dict[str, int] = {}
    key_set = frozenset(keys)
    for key in (key for key in TRAITS if key in key_set):
        state = TRAITS[key].fold(interactions)
        if (value := TRAITS[key].value(state, **context)) is not None:
            trait_values[key] = value
        if (change := TRAITS[key].next_change(state, now=now)) is not None:
            changes[key] = change
    return trait_values, changes
