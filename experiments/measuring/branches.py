"""Variables over events as SQL: one branch each, which gives an amount where an event counts."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from experiments.metrics.base import Filter, Variable

NUMBER: Final = r"^\s*[-+]?[0-9]{1,12}(\.[0-9]*)?\s*$"
"""What counts as a number, in JSON or as text; it lies below 1e12."""


def branches(bases: Mapping[Variable, int]) -> tuple[str, dict[str, Any]]:
    """Return the branches over the event `happened` with their arguments: `base` and `amount`, null for none."""
    parts: list[str] = []
    values: dict[str, Any] = {"number": NUMBER}
    for base, number in bases.items():
        conditions = [f"happened.name = ANY(%(names_{number})s)"]
        values[f"names_{number}"] = list(base.events)
        for place, one in enumerate(base.filters):
            name = f"filter_{number}_{place}"
            conditions.append(_condition(one, name))
            values |= {f"{name}_field": one.field, f"{name}_value": _argument(one)}
        amount = "1"
        if base.aggregate == "sum":
            values[f"field_{number}"] = base.field
            amount = _number(f"field_{number}")
        parts.append(f"SELECT {number} AS base, {amount}::numeric AS amount WHERE {' AND '.join(conditions)}")
    return " UNION ALL ".join(parts), values


def _number(field: str) -> str:
    stated_number = f"(happened.properties ->> %({field})s)"
    return f"CASE WHEN {stated_number} ~ %(number)s THEN {stated_number}::numeric END"


def _condition(one: Filter, name: str) -> str:
    field, value = f"{name}_field", f"%({name}_value)s"
    if one.operator == "at_least":
        return f"{_number(field)} >= {value}"
    if one.operator == "at_most":
        return f"{_number(field)} <= {value}"
    comparison = "IS NOT DISTINCT FROM" if one.operator == "is" else "IS DISTINCT FROM"
    if isinstance(one.value, str):
        return f"(happened.properties ->> %({field})s) {comparison} {value}"
    if isinstance(one.value, bool):
        return f"(happened.properties -> %({field})s) {comparison} {value}::jsonb"
    return f"{_number(field)} {comparison} {value}"


def _argument(one: Filter) -> Any:
    return orjson.dumps(one.value).decode() if isinstance(one.value, bool) else one.value
