"""From people to what segments evaluate: consent, products and refunds, read for many at once."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.conf import settings

from catalog.browsing import products_by_id
from catalog.records import ProductRow
from consents.person import person_of
from consents.selectors import rule_of, terms
from events.selectors import refunds_of
from events.types.base import Interaction
from profiles.segments.rules.evaluation import ShopperState
from profiles.selectors import Person
from profiles.traits.base import ProductInfo, Refunds
from profiles.traits.context import context_values, own_attributes
from profiles.traits.registry import NO_REFUNDS, TRAITS, values_and_changes

PURPOSE: Final = "personalization"
EMPTY: Final[dict[str, Any]] = {}
NO_CHANGES: Final[dict[str, int]] = {}
MOST_PRODUCTS: Final = 300_000
KEPT_SECONDS: Final = 10.0
"""Products are read again when the catalog has changed, and at most this often."""


@dataclass(slots=True)
class ProductCache:
    """The products that a process has met, as traits read them; None for an unknown id."""

    _products: dict[str, ProductInfo | None] = field(default_factory=dict)
    _catalog_version: int = -1
    _emptied_at: float = float("-inf")

    def read(self, product_ids: Iterable[str], *, catalog_version: int) -> dict[str, ProductInfo]:
        """Return the known ones of these products. Raises OperationalError while PostgreSQL is down."""
        is_due = time.monotonic() - self._emptied_at >= KEPT_SECONDS
        if (catalog_version != self._catalog_version and is_due) or len(self._products) > MOST_PRODUCTS:
            self._products, self._catalog_version, self._emptied_at = {}, catalog_version, time.monotonic()
        distinct_ids = set(product_ids)
        if missing := sorted(distinct_ids - self._products.keys()):
            self._products |= dict.fromkeys(missing)
            self._products |= {row.product_id: product_info(row) for row in products_by_id(missing)}
        return {product_id: info for product_id in distinct_ids if (info := self._products[product_id]) is not None}


def product_info(row: ProductRow) -> ProductInfo:
    """Return a product as traits read it; prices in another currency are unknown."""
    currency = settings.SHOP_CURRENCY
    is_comparable = row.compare_at_price is not None and row.currency == currency
    compared = float(row.compare_at_price) if is_comparable and row.compare_at_price is not None else None
    return ProductInfo(row.category, row.brand, row.price_in(currency), compared)


def is_allowed(person: Person) -> bool:
    """Return whether all ids of the person allow personalization, as far as a stored decision says."""
    whom = person_of(person.ids, person.consent_states)
    return whom.verdict(terms().get(PURPOSE), rule=rule_of(whom.region)).allowed


def states_of(
    people: Sequence[Person], traits: frozenset[str], *, cache: ProductCache | None, now: int
) -> list[ShopperState]:
    """Return what is known of each person; nothing of one who does not allow it.

    Without a cache no products are read: the rules and traits need none.
    """
    version = max((person.catalog_version for person in people), default=0)
    allowed = [is_allowed(person) for person in people]
    products: Mapping[str, ProductInfo] = {}
    if cache is not None:
        ids = {one.product_id for person in people for one in person.history}
        products = cache.read(ids, catalog_version=version)
    refunds = _refunds(person.history for person in people) if "rfm" in traits else NO_REFUNDS
    result = []
    for person, may in zip(people, allowed, strict=True):
        if not may:
            result.append(ShopperState(now))
            continue
        values, changes = values_and_changes(person.history, traits, now=now, products=products, refunds=refunds)
        values |= context_values(person.attributes)
        result.append(ShopperState(now, person.history, own_attributes(person.attributes), values, changes, products))
    return result


class LazyTraits(Mapping[str, Any]):
    """Trait values that are computed when they are read: most shoppers of a scan fail an earlier condition."""

    __slots__ = ("_compute", "_values")

    def __init__(self, compute: Callable[[str], Any]) -> None:
        self._compute = compute
        self._values: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        if key not in self._values:
            self._values[key] = self._compute(key)
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(TRAITS)

    def __len__(self) -> int:
        return len(TRAITS)


def lazy_states(
    shoppers: Sequence[tuple[Sequence[Interaction], Mapping[str, Any]]],
    traits: frozenset[str],
    *,
    cache: ProductCache | None,
    now: int,
    catalog_version: int,
) -> list[ShopperState]:
    """Return the states of shoppers for `meets`: traits are computed when a condition reads them."""
    products: Mapping[str, ProductInfo] = {}
    if cache is not None:
        ids = {one.product_id for history, _ in shoppers for one in history}
        products = cache.read(ids, catalog_version=catalog_version)
    refunds = _refunds(history for history, _ in shoppers) if "rfm" in traits else NO_REFUNDS

    def traits_of(history: Sequence[Interaction], attributes: Mapping[str, Any]) -> LazyTraits:
        def compute(key: str) -> Any:
            if key not in TRAITS:
                return context_values(attributes).get(key)
            return TRAITS[key].value(TRAITS[key].fold(history), now=now, products=products, refunds=refunds)

        return LazyTraits(compute)

    return [
        ShopperState(
            now, history, attributes, traits_of(history, attributes) if traits else EMPTY, NO_CHANGES, products
        )
        for history, attributes in shoppers
    ]


def _refunds(histories: Iterable[Sequence[Interaction]]) -> Refunds:
    orders = {one.order_id for history in histories for one in history if one.signal == "purchase" and one.order_id}
    refunds = refunds_of(orders) if orders else {}
    return {order: None if amount is None else round(100 * amount) for order, amount in refunds.items()}
