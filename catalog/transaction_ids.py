"""Resets transaction ids of products after a restore on another cluster.

`pg_restore` writes rows before it creates triggers, so each product keeps the transaction id of the old cluster. A new
cluster counts from a few hundred. Until it reaches the old ids, every reader would read the whole catalog at each
poll.
"""

from typing import Any, Final

from django.db import connections, transaction

COLUMN_EXISTS: Final = """
SELECT to_regclass('public.catalog_product') IS NOT NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.catalog_product') AND attname = 'changed_xid'
)
"""
REWRITE: Final = """
ALTER TABLE catalog_product DISABLE TRIGGER catalog_touch;
UPDATE catalog_product SET changed_xid = 0 WHERE changed_xid > pg_current_xact_id()::text::bigint;
UPDATE catalog_product SET created_xid = 0 WHERE created_xid > pg_current_xact_id()::text::bigint;
DELETE FROM catalog_productchange;
INSERT INTO catalog_historystart (id, at) VALUES (1, now()) ON CONFLICT (id) DO UPDATE SET at = excluded.at;
ALTER TABLE catalog_product ENABLE TRIGGER catalog_touch;
"""


def reset_transaction_ids(using: str) -> int:
    """Set ids above the current one to 0, as the tables' owner; return their number. Readers start with all rows
    anyway.
    """
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(COLUMN_EXISTS)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT count(*) FROM catalog_product WHERE changed_xid > pg_current_xact_id()::text::bigint")
        (ahead,) = cursor.fetchone()
        if ahead:
            cursor.execute(REWRITE)
    return int(ahead)


def after_migrate(using: str, **_: Any) -> None:
    """Reset the ids after each `migrate`, which is part of every restore."""
    reset_transaction_ids(using)
