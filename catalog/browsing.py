"""Reads for pages that let a person look through the catalog: by words, by category, by group."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from catalog.models import Product
from catalog.records import ProductRow
from catalog.selectors import rows_of

MOST_WORDS = 6
COUNTED = 20_000
"""Products that suffice to tell which categories are the fullest."""
LOOKED_AT = 1_000
"""Products that the pictures of a first page are taken from."""


def search(text: str, *, category: str = "", limit: int = 48) -> tuple[list[ProductRow], int]:
    """Return the first products on sale whose title holds every word, within the "/"-joined path; and how many."""
    found = _on_sale()
    for word in text.split()[:MOST_WORDS]:
        found = found.filter(title__icontains=word)
    if category:
        path = category.split("/")
        found = found.filter(
            category__contains=path[:1], **{f"category__{depth}": name for depth, name in enumerate(path)}
        )
    return list(rows_of(found.order_by("product_id")[:limit])), found.count()


def named(product_ids: Sequence[str]) -> list[ProductRow]:
    """Return the products with these ids that were not removed, in no order."""
    return list(rows_of(Product.objects.filter(product_id__in=list(product_ids), removed_at=None)))


def group(group_id: str) -> list[ProductRow]:
    """Return the variants on sale of one group, by id."""
    return list(rows_of(_on_sale().filter(group_id=group_id).order_by("product_id")))


def top_categories(limit: int = 8) -> list[str]:
    """Return the widest categories on sale, the fullest first; of a large catalog as a part of it tells."""
    with connection.cursor() as sql:
        sql.execute("SELECT reltuples FROM pg_class WHERE oid = %s::regclass", [Product._meta.db_table])
        (rows,) = sql.fetchone()  # below zero: nobody has counted yet
        sql.execute(
            "SELECT category[1] FROM catalog_product TABLESAMPLE SYSTEM (%s) REPEATABLE (1)"
            " WHERE active AND removed_at IS NULL AND category[1] IS NOT NULL"
            " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s",
            [min(100.0, 100.0 * COUNTED / max(rows, 1.0)), limit],
        )
        return [name for (name,) in sql.fetchall()]


def samples(limit: int) -> list[ProductRow]:
    """Return products on sale with a picture, the first of a narrowest category each, spread evenly over these.

    The first products by id are looked at: to sort all would take seconds where they are many.
    """
    found: dict[tuple[str, ...], ProductRow] = {}
    for row in rows_of(_on_sale().exclude(image_url="").order_by("product_id")[:LOOKED_AT]):
        found.setdefault(row.category, row)
    rows = [found[category] for category in sorted(found)]
    return rows[:: max(1, len(rows) // limit)][:limit]


def _on_sale() -> QuerySet[Product]:
    return Product.objects.filter(active=True, removed_at=None)
