"""Reads for pages that let a person look through the catalogue: by words, by category, by group."""

from collections.abc import Sequence

from django.db import connection
from django.db.models import QuerySet

from catalog.models import Product
from catalog.records import ProductRow
from catalog.selectors import _rows

MOST_WORDS = 6


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
    return list(_rows(found.order_by("product_id")[:limit])), found.count()


def named(product_ids: Sequence[str]) -> list[ProductRow]:
    """Return the products with these ids that were not removed, in no order."""
    return list(_rows(Product.objects.filter(product_id__in=list(product_ids), removed_at=None)))


def group(group_id: str) -> list[ProductRow]:
    """Return the variants on sale of one group, by id."""
    return list(_rows(_on_sale().filter(group_id=group_id).order_by("product_id")))


def top_categories(limit: int = 8) -> list[str]:
    """Return the widest categories on sale, the fullest first."""
    with connection.cursor() as sql:
        sql.execute(
            "SELECT category[1] FROM catalog_product WHERE active AND removed_at IS NULL AND category[1] IS NOT NULL"
            " GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT %s",
            [limit],
        )
        return [name for (name,) in sql.fetchall()]


def samples(limit: int) -> list[ProductRow]:
    """Return one product on sale of each narrowest category, spread evenly over them."""
    pictured = _on_sale().exclude(image_url="").order_by("category", "product_id").distinct("category")
    rows = list(_rows(pictured))
    return rows[:: max(1, len(rows) // limit)][:limit]


def _on_sale() -> QuerySet[Product]:
    return Product.objects.filter(active=True, removed_at=None)
