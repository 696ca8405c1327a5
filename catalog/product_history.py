"""The catalog of an earlier moment: today's products, with the changes undone that were not seen then.

Undoing is cheaper than keeping every version: a product that never changed needs no row, and old changes are deleted
without a new starting point.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from django.db import connection, transaction

from catalog.models import HistoryStart, Product, ProductChange
from catalog.records import ProductRow
from catalog.selectors import row_of

AT: Final = """
SELECT (state).* FROM (
    SELECT CASE WHEN undone.before IS NULL THEN product ELSE jsonb_populate_record(product, undone.before) END AS state
    FROM catalog_product AS product LEFT JOIN (
        SELECT change.product_id, jsonb_object_agg(field.key, field.value ORDER BY change.id DESC) AS before
        FROM catalog_productchange AS change CROSS JOIN LATERAL jsonb_each(change.before) AS field
        WHERE change.xid >= pg_snapshot_xmin(%(moment)s::pg_snapshot)::text::bigint
            AND NOT pg_visible_in_snapshot(change.xid::text::xid8, %(moment)s::pg_snapshot)
        GROUP BY change.product_id
    ) AS undone ON undone.product_id = product.id
    WHERE pg_visible_in_snapshot(product.created_xid::text::xid8, %(moment)s::pg_snapshot)
    OFFSET 0
) AS products
"""
"""Of several changes of one column, the oldest that was not seen says what it held: it comes last, and wins."""
IS_AHEAD: Final = """
SELECT pg_snapshot_xmax(%s::pg_snapshot)::text::bigint > pg_snapshot_xmax(pg_current_snapshot())::text::bigint
"""


def rows_at(moment: str) -> Iterator[ProductRow]:
    """Yield all products as a query saw them at the moment, which `changed_since` returned."""
    return map(row_of, Product.objects.raw(AT, {"moment": moment}))


def why_unknown(moment: str, at: datetime) -> str:
    """Return why the catalog of a moment, read at that time, cannot be rebuilt; "" if it can."""
    with connection.cursor() as cursor:
        cursor.execute(IS_AHEAD, [moment])
        if cursor.fetchone()[0]:
            return "the database was restored since, and counts its transactions anew"
    start = HistoryStart.objects.first()
    if start is not None and at < start.at:
        return f"changes of products before {start.at:%Y-%m-%d %H:%M} UTC are no longer kept"
    return ""


def forget_changes(before: datetime) -> int:
    """Delete the changes before the time; return their number."""
    with transaction.atomic():
        deleted, _ = ProductChange.objects.filter(at__lt=before).delete()
        if deleted:
            HistoryStart.objects.update_or_create(pk=1, defaults={"at": before})
    return deleted
