"""Products as the shop's pages need them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog import browsing, selectors
from catalog.records import ProductRow
from portal.shop.cart import CartLine

MOST_VARIANTS = 6


@dataclass(frozen=True, slots=True)
class Front:
    """What the first page shows besides its shelves."""

    categories: list[str]
    pictures: list[str]


@dataclass(frozen=True, slots=True)
class Found:
    """The first products of a search and how many there are."""

    products: list[ProductRow]
    total: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A cart line with its product."""

    product: ProductRow
    quantity: int
    list_id: str


def front(size: int) -> Front:
    """Return the widest categories and some pictures."""
    return Front(browsing.top_categories(), [row.image_url for row in browsing.samples(size)])


def find(query: str, *, category: str, limit: int) -> Found:
    """Return products whose title holds every word, within the category path."""
    products, total = browsing.search(query, category=category, limit=limit)
    return Found(products, total)


def product(product_id: str) -> ProductRow:
    """Return one product. Raises NotFound."""
    return selectors.get(product_id)


def variants(shown: ProductRow) -> list[ProductRow]:
    """Return the other members of the product's group."""
    if not shown.group_id:
        return []
    rows = browsing.group(shown.group_id)
    return [row for row in rows if row.product_id != shown.product_id][:MOST_VARIANTS]


def known(product_ids: Sequence[str]) -> dict[str, ProductRow]:
    """Return the products that are on sale, by id."""
    return {row.product_id: row for row in browsing.products_by_id(product_ids) if row.active}


def priced(lines: Sequence[CartLine]) -> list[PricedLine]:
    """Return the lines whose products are still on sale."""
    found = known([line.product_id for line in lines])
    return [
        PricedLine(found[line.product_id], line.quantity, line.list_id) for line in lines if line.product_id in found
    ]


def total(lines: Sequence[PricedLine]) -> Decimal:
    """Return what the lines cost together."""
    return sum((line.quantity * (line.product.price or Decimal(0)) for line in lines), Decimal(0))
