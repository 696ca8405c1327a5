"""Results as plain JSON: what the API, the live page and stored looks hold. Pure."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from experiments.results import ExperimentResults


def as_json(results: ExperimentResults) -> dict[str, Any]:
    """Return the results as JSON-able values.

    Fields have the names of `experiments.results`. Times are ISO 8601, keys of mappings texts: quantiles "0.5",
    windows "7". Numbers that are not known are null.
    """
    document: dict[str, Any] = plain(results)
    return document


def plain(value: Any) -> Any:
    """Return records, mappings, dates and sequences as JSON-able values."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {f"{key:g}" if isinstance(key, float) else str(key): plain(one) for key, one in value.items()}
    if isinstance(value, date):
        return value.isoformat()
    return [plain(one) for one in value]
