"""Products as a table of text, one row for each product, for CSV files and spreadsheets. Pure.

Columns are the field names of the API. `category` is a path such as `Furniture > Chairs`; an attribute is a column
`attributes.color`, or `attributes` holds them all as JSON. An empty cell means: not stated. A JSON file may hold lists
and objects themselves.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from catalog.validation import CHECKS
from common.errors import FieldError, InvalidInput
from common.spreadsheet import restored
from common.strictjson import loads

COLUMNS: Final = ("product_id", *CHECKS)
ATTRIBUTE: Final = "attributes."
BETWEEN_STEPS: Final = re.compile(r"(?<!\\)>")
TRUE: Final = frozenset({"1", "true", "yes", "y", "on"})
FALSE: Final = frozenset({"0", "false", "no", "n", "off"})

UNEVEN: Final = (
    "the row has more or fewer cells than the header; a cell that holds a comma or tab, as 9,90 does, stands in double "
    "quotes"
)


def unknown_columns(header: Iterable[str | None]) -> str:
    """Return a message about unknown columns; "" without any."""
    names = [name or "" for name in header]
    unknown = [name for name in names if name not in COLUMNS and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE)]
    hint = ". Cells are separated by commas." if unknown and ";" in unknown[0] else ""
    return f"unknown columns: {', '.join(unknown)}{hint}" if unknown else ""


def row_of(cells: Mapping[Any, Any]) -> dict[str, Any] | InvalidInput:
    """Return the row for `bulk_upsert`, or an InvalidInput for a row that cannot be read."""
    if None in cells or None in cells.values():
        return InvalidInput.of("", UNEVEN)
    row: dict[str, Any] = {"price": None}
    attributes: dict[str, Any] = {}
    errors: list[FieldError] = []
    for name, cell in cells.items():
        value = cell if isinstance(cell, list | dict) else restored(str(cell)).strip()
        if name is None or value == "":
            continue
        if name.startswith(ATTRIBUTE):
            attributes[name.removeprefix(ATTRIBUTE)] = value
            continue
        try:
            row[name] = _value(name, value) if isinstance(value, str) else value
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    if errors:
        return InvalidInput(str(errors[0]), errors=tuple(errors))
    if attributes and isinstance(existing := row.get("attributes", {}), dict):
        row["attributes"] = {**existing, **attributes}
    return row


def _value(name: str, text: str) -> Any:
    match name:
        case "category":
            return steps_of(text)
        case "stock":
            return int(text) if text.lstrip("+-").isdecimal() and len(text) < 20 else text
        case "active":
            return _flag(text)
        case "attributes":
            return _object(text)
    return text


def steps_of(path: str) -> list[str]:
    """Return the steps of a path such as `Furniture > Chairs`; in a step, > is written \\>."""
    steps = (step.strip().replace("\\>", ">") for step in BETWEEN_STEPS.split(path))
    return [step for step in steps if step]


def path_of(steps: Iterable[str]) -> str:
    """Return the path as `steps_of` reads it."""
    return " > ".join(step.replace(">", "\\>") for step in steps)


def _flag(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise ValueError("must be true or false")


def _object(text: str) -> dict[str, Any]:
    try:
        value = loads(text)
    except ValueError as error:
        raise ValueError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ValueError("must be a JSON object of names and values")
    return value


def cell(name: str, value: Any) -> str:
    """Return a value as its cell."""
    if value is None:
        return ""
    match name:
        case "category":
            return path_of(value)
        case "attributes":
            return json.dumps(value, ensure_ascii=False) if value else ""
        case "active":
            return "true" if value else "false"
        case "available_from":
            return str(value.isoformat())
    return str(value)
