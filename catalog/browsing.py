"""Reads for pages that browse the catalogue: by words, by category, by group."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from catalog.models import Product
from catalog.records import ProductRow
from catalog.selectors import rows_of

MAX_WORDS = 6
SAMPLED_ROWS = 20_000
"""Number of sampled products that suffices to find the largest categories."""
MAX_SAMPLE_ROWS = 1_000
"""Number of products from which the front page takes its pictures."""


def search(text: str, *, category: str = "", limit: int = 48) -> tuple[list[ProductRow], int]:
    """Return the first products on sale whose title holds every word, within the "/"-joined path, and their total
    number.
    """
    products = _on_sale()
    for word in text.split()[:MAX_WORDS]:
        products = products.filter(title__icontains=word)
    if category:
        path = category.split("/")
        products = products.filter(
            category__contains=path[:1], **{f"category__{depth}": name for depth, name in enumerate(path)}
        )
    return list(rows_of(products.order_by("product_id")[:limit])), products.count()


def products_by_id(product_ids: Sequence[str]) -> list[ProductRow]:
    """Return the products with these ids that were not removed, in no order."""
    return list(rows_of(Product.objects.filter(product_id__in=list(product_ids), removed_at=None)))


def group(group_id: str) -> list[ProductRow]:
    """Return the variants on sale of one group, by id."""
    return list(rows_of(_on_sale().filter(group_id=group_id).order_by("product_id")))


def top_categories(limit: int = 8) -> list[str]:
    """Return the widest categories on sale, the largest first; estimated from a sample of a large catalogue."""
    with connection.cursor() as sql:
        sql.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [Product._meta.db_table])
        (rows,) = sql.fetchone()  # negative while PostgreSQL has no estimate
        sql.execute(
            "SELECT category[1] FROM catalog_product TABLESAMPLE SYSTEM (%s) REPEATABLE (1)"
            " WHERE active AND removed_at IS NULL AND category[1] IS NOT NULL"
            " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s",
            [min(100.0, 100.0 * SAMPLED_ROWS / max(rows, 1.0)), limit],
        )
        return [name for (name,) in sql.fetchall()]


def samples(limit: int) -> list[ProductRow]:
    """Return products with a picture, one of each narrowest category, evenly spread over the categories.

    Only the first products by id are read, because sorting all of a large catalogue takes seconds.
    """
    first_of_category: dict[tuple[str, ...], ProductRow] = {}
    for row in rows_of(_on_sale().exclude(image_url="").order_by("product_id")[:MAX_SAMPLE_ROWS]):
        first_of_category.setdefault(row.category, row)
    rows = [first_of_category[category] for category in sorted(first_of_category)]
    return rows[:: max(1, len(rows) // limit)][:limit]


def _on_sale() -> QuerySet[Product]:
    return Product.objects.filter(active=True, removed_at=None)
