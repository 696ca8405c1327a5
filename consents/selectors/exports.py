"""Everything that the stores hold about a person, in words that a shopper can read."""

from typing import Any, TypeAlias

from common import privacy
from customers.shop_ids import with_ids

Tables: TypeAlias = dict[str, list[dict[str, Any]]]


def export_tables(person: privacy.Person) -> Tables:
    """Return the rows of each table with any, as `store: table`. Raises what a store raises: no export is partial."""
    tables = {
        f"{store.name} {table}": [dict(row) for row in rows]
        for store in privacy.stores()
        for table, rows in store.export(person).items()
    }
    named: Tables = with_ids({name: rows for name, rows in tables.items() if rows}, of=person.subjects)
    return named
