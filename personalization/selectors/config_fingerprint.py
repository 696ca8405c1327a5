"""A fingerprint of placements, rules and experiments: each process compares it every two seconds and reads no row."""

from typing import Any

from django.db import connection

from experiments.selectors.designs import LIVE_FINGERPRINT
from personalization.models import Placement, Rule


def config_fingerprint() -> tuple[Any, ...]:
    """Return a fingerprint that changes with every edit of an active placement, rule or experiment, whoever makes it.

    Each write gives a row another position (ctid) or transaction (xmin), so no column of ours is needed. Rule versions
    never change; a new version also writes the rule's row.
    """
    parts = " CROSS JOIN ".join(_table_fingerprint(model) for model in (Placement, Rule))
    with connection.cursor() as sql:
        sql.execute(f"SELECT * FROM {parts} CROSS JOIN ({LIVE_FINGERPRINT}) AS experiments")  # names of our own tables
        return tuple(sql.fetchone())


def _table_fingerprint(model: type[Placement] | type[Rule]) -> str:
    table = model._meta.db_table
    row = "hashtextextended(concat_ws(' ', id, xmin, ctid), 0)"
    return f"(SELECT count(*), sum({row}) FROM {table} WHERE active) AS {table}"
