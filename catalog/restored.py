"""What a restore on another cluster leaves behind: numbers of transactions that this one has not come to yet.

`pg_restore` writes rows before it makes triggers, so each product keeps the number of the transaction that changed it
on the old cluster. A new one counts from a few hundred: every reader would read all of the catalog anew at each look,
until it has counted as far.
"""

from typing import Any, Final

from django.db import connections, transaction

KNOWN: Final = """
SELECT to_regclass('public.catalog_product') IS NOT NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = to_regclass('public.catalog_product') AND attname = 'changed_xid'
)
"""
REWRITE: Final = """
ALTER TABLE catalog_product DISABLE TRIGGER catalog_touch;
UPDATE catalog_product SET changed_xid = 0 WHERE changed_xid > pg_current_xact_id()::text::bigint;
ALTER TABLE catalog_product ENABLE TRIGGER catalog_touch;
"""


def count_anew(using: str) -> int:
    """Set such numbers back, as the tables' owner; return how many there were. Readers start from all rows anyway."""
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(KNOWN)
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT count(*) FROM catalog_product WHERE changed_xid > pg_current_xact_id()::text::bigint")
        (ahead,) = cursor.fetchone()
        if ahead:
            cursor.execute(REWRITE)
    return int(ahead)


def after_migrate(using: str, **_: Any) -> None:
    """Do so after each `migrate`, which the steps of a restore name."""
    count_anew(using)
