"""Frozen records of products for other rooms. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from common.errors import FieldError


@dataclass(frozen=True, slots=True)
class ProductData:
    """A product as the shop states it: checked, normalized, complete."""

    title: str
    currency: str
    price: Decimal | None = None
    description: str = ""
    category: tuple[str, ...] = ()
    brand: str = ""
    compare_at_price: Decimal | None = None
    cost: Decimal | None = None
    stock: int | None = None
    active: bool = True
    group_id: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    image_url: str = ""
    available_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class ProductRow:
    """A product for other rooms. A removed product is not `active`; history still names it."""

    product_id: str
    title: str
    description: str
    category: tuple[str, ...]
    brand: str
    price: Decimal | None
    compare_at_price: Decimal | None
    cost: Decimal | None
    currency: str
    stock: int | None
    active: bool
    group_id: str
    attributes: dict[str, Any]
    url: str
    image_url: str
    available_from: datetime | None
    first_seen: datetime
    removed: bool
    number: int = 0
    """Counts the products in the order of their creation."""

    def price_in(self, currency: str) -> float | None:
        """Return the price as a number, None if it is in another currency: no exchange rate is known."""
        return None if self.price is None or self.currency != currency else float(self.price)

    @property
    def in_stock(self) -> bool:
        """Whether it can be bought now: a stock that is not counted never runs out."""
        return self.stock is None or self.stock > 0


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line of a bulk upload that was refused, counted from 1."""

    line: int
    product_id: str | None
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True)
class BulkResult:
    """The result of a bulk upload."""

    accepted: int
    rejected: tuple[RejectedLine, ...]


@dataclass(frozen=True, slots=True)
class WriteCounts:
    """What a batch did: products that are new or back again, changed ones, and ones that were so already."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0

    def __add__(self, other: "WriteCounts") -> "WriteCounts":
        return WriteCounts(self.created + other.created, self.changed + other.changed, self.unchanged + other.unchanged)
