"""What tells that placements or rules changed, without reading them: a process asks every two seconds."""

from typing import Any

from django.db import connection

from personalization.models import Placement, Rule


def marks() -> tuple[Any, ...]:
    """Return what is another one whenever a placement or rule that is on is written, whoever writes it and however.

    A row that is written lies elsewhere (ctid) or is of another transaction (xmin): no column of ours need be right. A
    wording never changes; another one is a write to the rule's row. Where one is on and when it holds, the rule says.
    """
    parts = " CROSS JOIN ".join(_mark(model) for model in (Placement, Rule))
    with connection.cursor() as sql:
        sql.execute(f"SELECT * FROM {parts}")  # names of our own tables
        return tuple(sql.fetchone())


def _mark(model: type[Placement] | type[Rule]) -> str:
    table = model._meta.db_table
    row = "hashtextextended(concat_ws(' ', id, xmin, ctid), 0)"
    return f"(SELECT count(*), sum({row}) FROM {table} WHERE active) AS {table}"
