"""Placements as serving sees them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from personalization.models import Placement


@dataclass(frozen=True, slots=True)
class Filters:
    """What a product must be to be shown; None means any. Categories and brands match any of theirs."""

    category: tuple[str, ...] = ()
    brand: tuple[str, ...] = ()
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    in_stock: bool | None = None

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Filters":
        """Return the filters of a mapping with a request's field names; a price may be a string."""
        return cls(
            category=_many(fields.get("category")),
            brand=_many(fields.get("brand")),
            min_price=_decimal(fields.get("min_price")),
            max_price=_decimal(fields.get("max_price")),
            in_stock=fields.get("in_stock"),
        )


@dataclass(frozen=True, slots=True)
class PlacementConfig:
    """One active placement. `sources` is recommender → weight; empty means all the model has."""

    key: str
    name: str = ""
    about: str = "shopper"
    strategy: str = "hybrid"
    sources: dict[str, float] = field(default_factory=dict)
    fallback: tuple[str, ...] = ()
    size: int = 10
    filters: Filters = Filters()
    max_per_brand: int = 0
    max_per_category: int = 0
    fresh_slots: int = 0
    explore_share: float = 0.0
    explore_days: int = 14
    explore_enough: int = 500
    explore_cap: int = 100
    repeat: bool = True
    dedupe_group: str = "page"


def active_placements() -> dict[str, PlacementConfig]:
    """Return every active placement by its key."""
    return {row.key: config_of(row) for row in Placement.objects.filter(active=True)}


def config_of(row: Placement) -> PlacementConfig:
    """Return the record of a row, which need not be saved."""
    return PlacementConfig(
        key=row.key,
        name=row.name,
        about=row.about,
        strategy=row.strategy,
        sources={source["name"]: float(source.get("weight", 1.0)) for source in row.sources},
        fallback=tuple(row.fallback),
        size=row.size,
        filters=Filters.of(row.filters),
        max_per_brand=row.max_per_brand,
        max_per_category=row.max_per_category,
        fresh_slots=row.fresh_slots,
        explore_share=row.explore_share,
        explore_days=row.explore_days,
        explore_enough=row.explore_enough,
        explore_cap=row.explore_cap,
        repeat=row.repeat,
        dedupe_group=row.dedupe_group,
    )


def _many(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None or value == "" else Decimal(str(value))
