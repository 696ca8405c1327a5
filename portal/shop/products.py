"""Products for the shop's pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog import browsing, selectors
from catalog.records import ProductRow
from portal.shop.cart import CartLine

MOST_VARIANTS = 6


@dataclass(frozen=True, slots=True)
class Front:
    """The first page's content besides its carousels."""

    categories: list[str]
    pictures: list[str]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The first products of a search and their total number."""

    products: list[ProductRow]
    total: int


@dataclass(frozen=True, slots=True)
class PricedLine:
    """A cart line with its product."""

    product: ProductRow
    quantity: int
    list_id: str


def front(size: int) -> Front:
    """Return the top categories and some pictures."""
    return Front(browsing.top_categories(), [row.image_url for row in browsing.samples(size)])


def find(query: str, *, category: str, limit: int) -> SearchResult:
    """Return products whose title contains every word, within the category path."""
    products, total = browsing.search(query, category=category, limit=limit)
    return SearchResult(products, total)


def product(product_id: str) -> ProductRow:
    """Return one product. Raises NotFound."""
    return selectors.get(product_id)


def variants(product: ProductRow) -> list[ProductRow]:
    """Return the other members of the product's group."""
    if not product.group_id:
        return []
    rows = browsing.group(product.group_id)
    return [row for row in rows if row.product_id != product.product_id][:MOST_VARIANTS]


def products_on_sale(product_ids: Sequence[str]) -> dict[str, ProductRow]:
    """Return the products that are on sale, by id."""
    return {row.product_id: row for row in browsing.products_by_id(product_ids) if row.active}


def priced_lines(lines: Sequence[CartLine]) -> list[PricedLine]:
    """Return the lines whose products are still on sale."""
    products = products_on_sale([line.product_id for line in lines])
    return [
        PricedLine(products[line.product_id], line.quantity, line.list_id)
        for line in lines
        if line.product_id in products
    ]


def total(lines: Sequence[PricedLine]) -> Decimal:
    """Return the sum of the lines."""
    return sum((line.quantity * (line.product.price or Decimal(0)) for line in lines), Decimal(0))
