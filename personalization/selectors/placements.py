"""Placements as serving sees them."""

import logging
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from personalization.models import Placement
from personalization.rules.objective import CLICKS
from recsys.ranking.cart_ranker import BASKET
from recsys.ranking.model import BLEND, HYBRID
from recsys.ranking.onboarding import ONBOARDING
from recsys.sources.registry import RECOMMENDERS

STRATEGIES: Final = (HYBRID, BLEND, BASKET, ONBOARDING)
"""The strategies that a placement or a request may name besides single recommenders."""
OWN_PRODUCTS: Final = tuple(name for name, kind in RECOMMENDERS.items() if kind.reason == "own")
"""Recommenders that show products of the shopper's own history."""
CLOSED_STRATEGIES: Final = frozenset((ONBOARDING, *OWN_PRODUCTS))
"""Strategies to whose products no others may be added: their answers are as short as their lists."""
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Filters:
    """Conditions on shown products; None means any. A product passes with any of the categories and brands."""

    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None
    attributes: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Pairs of a name and the values of which a product must have one; every name must match."""

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Filters":
        """Return the filters of a mapping with the field names of a request; a price may be a string.

        Raises ValueError, which names the field with a wrong type.
        """
        return cls(
            category=_many(fields, "category"),
            brand=_many(fields, "brand"),
            min_price=_decimal(fields, "min_price"),
            max_price=_decimal(fields, "max_price"),
            in_stock=_flag(fields, "in_stock"),
            attributes=_attributes(fields),
        )


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """One active placement; fields as in its row. `sources` maps recommender to weight; empty means all sources."""

    key: str
    name: str
    about: str
    strategy: str
    sources: dict[str, float]
    fallback: tuple[str, ...]
    size: int
    filters: Filters
    max_per_brand: int
    max_per_category: int
    recent_item_slots: int
    explore_share: float
    explore_days: int
    explore_enough: int
    explore_cap: int
    repeat: bool
    rest_days: int
    discovery_share: float
    sold_out: bool
    objective: str = CLICKS
    objective_percent: int = 0
    version: int = 0
    """Which version of the row this is; 0 for a draft."""


def active_placements() -> dict[str, PlacementConfig]:
    """Return every active placement by its key. Unreadable rows are logged and left out."""
    placements = {}
    for row in Placement.objects.filter(active=True):
        try:
            placements[row.key] = config_of(row)
        except ValueError as error:
            log.error("placement.unreadable key=%s error=%s", row.key, error)
    return placements


def config_of(row: Placement) -> PlacementConfig:
    """Return the record of a row, which may be unsaved. Raises ValueError for a field of a wrong type."""
    values = {one.name: getattr(row, one.name) for one in fields(PlacementConfig)}
    values |= {name: read(getattr(row, name)) for name, read in READERS.items()}
    return PlacementConfig(**values)


def changed_config(config: PlacementConfig, settings: Mapping[str, Any]) -> PlacementConfig:
    """Return the record with other values of some fields, given as in a row. Raises ValueError for a wrong type."""
    values = {name: READERS[name](value) if name in READERS else value for name, value in settings.items()}
    return replace(config, **values)


def weights_of(sources: Any) -> dict[str, float]:
    """Return the weights of a placement's sources by recommender. Raises ValueError for a wrong type."""
    weights = {}
    for source in sources if isinstance(sources, list) else [sources]:
        if not isinstance(source, dict) or not isinstance(name := source.get("name"), str):
            raise ValueError('must be a list of {"name": recommender, "weight": number}')
        weight = source.get("weight", 1.0)
        # Compared before the conversion: large integers do not fit into a float.
        if not isinstance(weight, int | float) or isinstance(weight, bool) or not 0 < weight <= sys.float_info.max:
            raise ValueError(f"the weight of {name} must be a number above 0")
        weights[name] = float(weight)
    return weights


def names_in(value: Any) -> tuple[str, ...]:
    """Return a list of names as a tuple. Raises ValueError for anything else."""
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be a list of names")
    return tuple(value)


def _mapping(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError("filters must be fields with values")
    return value


def _many(fields: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = fields.get(name)
    if value is None or value == "":
        return ()
    try:
        return (value,) if isinstance(value, str) else names_in(value)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def _decimal(fields: Mapping[str, Any], name: str) -> Decimal | None:
    value = fields.get(name)
    if value is None or value == "":
        return None
    try:
        price = Decimal(str(value))
    except InvalidOperation:
        price = Decimal("NaN")
    if not price.is_finite():
        raise ValueError(f"{name} must be a number")
    return price


def _attributes(fields: Mapping[str, Any]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    value = fields.get("attributes") or {}
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError("attributes must be names with values")
    return tuple(sorted((name, _many(value, name)) for name in value))


def _flag(fields: Mapping[str, Any], name: str) -> bool | None:
    value = fields.get(name)
    if not isinstance(value, bool | None):
        raise ValueError(f"{name} must be true or false")
    return value


READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "sources": weights_of,
    "fallback": names_in,
    "filters": lambda value: Filters.of(_mapping(value)),
}
"""The columns that a record holds in another form."""


def admin_id_of(key: str) -> int | None:
    """Return the primary key of a placement, active or not, for links to its settings; None for an unknown one."""
    return Placement.objects.filter(key=key).values_list("pk", flat=True).first()
