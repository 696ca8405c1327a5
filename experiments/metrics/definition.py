"""From what a marketer wrote to a metric, and back. Pure: errors name the field."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final, get_args

from common.errors import FieldError, InvalidInput
from experiments.metrics.base import Aggregate, Display, Filter, Metric, MetricKind, Source, Variable

KEY_PATTERN: Final = r"^[a-z][a-z0-9_]{0,59}\Z"
FIELDS: Final = (
    *("name", "description", "kind", "numerator", "denominator", "display", "higher_is_better", "winsor_share"),
    *("margin", "has_quantiles"),
)
"""What a definition states besides its key."""
VARIABLE_FIELDS: Final = ("source", "aggregate", "events", "field", "filters", "window_hours")
ORDER_FIELDS: Final = ("revenue", "items", "margin")
OPERATORS: Final = ("is", "is_not", "at_least", "at_most")
MOST_EVENTS: Final = 20
MOST_FILTERS: Final = 10
MOST_HOURS: Final = 90 * 24
TEXT: Final = 200


def metric_of(key: str, data: Mapping[str, Any]) -> Metric:
    """Return the metric that these fields define. Raises InvalidInput, which names every wrong field."""
    errors = tuple(_errors(key, data))
    if errors:
        raise InvalidInput(str(errors[0]), errors=errors)
    more = {name: data[name] for name in FIELDS if name in data and name not in ("numerator", "denominator")}
    denominator = data.get("denominator")
    return Metric(
        key=key,
        numerator=_variable(data["numerator"]),
        denominator=None if denominator is None else _variable(denominator),
        **more,
    )


def as_document(variable: Variable | None) -> dict[str, Any] | None:
    """Return a variable as `metric_of` takes it."""
    if variable is None:
        return None
    document = asdict(variable)
    return {name: document[name] for name in VARIABLE_FIELDS} | {"events": list(variable.events)}


def _errors(key: str, data: Mapping[str, Any]) -> Iterator[FieldError]:
    if not re.match(KEY_PATTERN, key):
        yield FieldError("key", "must be small letters, digits and underscores: repeat_orders")
    yield from (FieldError(name, "is no field that may be set") for name in sorted(set(data) - set(FIELDS)))
    if not _is_text(data.get("name"), 120):
        yield FieldError("name", "must be a text of at most 120 characters")
    if not isinstance(data.get("description", ""), str):
        yield FieldError("description", "must be a text")
    kind = data.get("kind")
    if kind not in get_args(MetricKind):
        yield FieldError("kind", f"must be one of {', '.join(get_args(MetricKind))}")
    yield from _number_errors(data)
    yield from _variable_errors("numerator", data.get("numerator"))
    if kind == "ratio":
        yield from _variable_errors("denominator", data.get("denominator"))
    elif data.get("denominator") is not None:
        yield FieldError("denominator", "belongs to a ratio only")
    numerator = data.get("numerator")
    if kind == "proportion" and isinstance(numerator, Mapping) and numerator.get("aggregate") != "any":
        yield FieldError("numerator.aggregate", "must be any: a proportion counts who did it at all")


def _number_errors(data: Mapping[str, Any]) -> Iterator[FieldError]:
    if data.get("display", "number") not in get_args(Display):
        yield FieldError("display", f"must be one of {', '.join(get_args(Display))}")
    for name in ("higher_is_better", "has_quantiles"):
        if not isinstance(data.get(name, False), bool):
            yield FieldError(name, "must be true or false")
    share = data.get("winsor_share")
    if share is not None and not (_is_number(share) and 0.5 <= share < 1):
        yield FieldError("winsor_share", "must be a share from 0.5 to below 1")
    if share is not None and data.get("kind") != "mean":
        yield FieldError("winsor_share", "belongs to a mean only")
    margin = data.get("margin", 0.0)
    if not (_is_number(margin) and 0 <= margin < 1):
        yield FieldError("margin", "must be a share from 0 to below 1")


def _variable_errors(place: str, data: Any) -> Iterator[FieldError]:
    if not isinstance(data, Mapping):
        yield FieldError(place, "must be an object with source and aggregate")
        return
    source, aggregate = data.get("source"), data.get("aggregate", "count")
    for name in sorted(set(data) - set(VARIABLE_FIELDS)):
        yield FieldError(f"{place}.{name}", "is no field that may be set")
    if source not in get_args(Source):
        yield FieldError(f"{place}.source", f"must be one of {', '.join(get_args(Source))}")
    if aggregate not in get_args(Aggregate):
        yield FieldError(f"{place}.aggregate", f"must be one of {', '.join(get_args(Aggregate))}")
    if source == "visits" and aggregate != "any":
        yield FieldError(f"{place}.aggregate", "must be any: a unit has one first visit")
    yield from _sum_errors(place, source, aggregate, data.get("field", ""))
    yield from _event_errors(place, source, data)
    hours = data.get("window_hours")
    if hours is not None and not (isinstance(hours, int) and not isinstance(hours, bool) and 1 <= hours <= MOST_HOURS):
        yield FieldError(f"{place}.window_hours", f"must be a whole number from 1 to {MOST_HOURS}")


def _sum_errors(place: str, source: Any, aggregate: Any, field: Any) -> Iterator[FieldError]:
    if aggregate != "sum":
        if field:
            yield FieldError(f"{place}.field", "belongs to a sum only")
    elif source == "orders" and field not in ORDER_FIELDS:
        yield FieldError(f"{place}.field", f"must be one of {', '.join(ORDER_FIELDS)}")
    elif source == "events" and not _is_text(field, TEXT):
        yield FieldError(f"{place}.field", "must name the property to add up")
    elif source in ("answers", "clicks"):
        yield FieldError(f"{place}.aggregate", "must be any or count: lists and clicks have no amount")


def _event_errors(place: str, source: Any, data: Mapping[str, Any]) -> Iterator[FieldError]:
    events, filters = data.get("events", []), data.get("filters", [])
    if source != "events":
        if events:
            yield FieldError(f"{place}.events", "belongs to the source events only")
        if filters:
            yield FieldError(f"{place}.filters", "belongs to the source events only")
        return
    is_list = isinstance(events, list | tuple) and all(_is_text(one, TEXT) for one in events)
    if not is_list or not 1 <= len(events) <= MOST_EVENTS:
        yield FieldError(f"{place}.events", f"must name 1 to {MOST_EVENTS} events")
    if not isinstance(filters, list | tuple) or len(filters) > MOST_FILTERS:
        yield FieldError(f"{place}.filters", f"must be a list of at most {MOST_FILTERS} conditions")
        return
    for number, one in enumerate(filters):
        yield from _filter_errors(f"{place}.filters.{number}", one)


def _filter_errors(place: str, data: Any) -> Iterator[FieldError]:
    if not isinstance(data, Mapping) or set(data) != {"field", "operator", "value"}:
        yield FieldError(place, "must be an object with field, operator and value")
        return
    if not _is_text(data["field"], TEXT):
        yield FieldError(f"{place}.field", "must name a property")
    if data["operator"] not in OPERATORS:
        yield FieldError(f"{place}.operator", f"must be one of {', '.join(OPERATORS)}")
    value = data["value"]
    if data["operator"] in ("at_least", "at_most"):
        if not _is_number(value):
            yield FieldError(f"{place}.value", "must be a number")
    elif not isinstance(value, bool) and not _is_number(value) and not (isinstance(value, str) and len(value) <= TEXT):
        yield FieldError(f"{place}.value", "must be a text, a number, true or false")


def _variable(data: Mapping[str, Any]) -> Variable:
    filters = (Filter(one["field"], one["operator"], one["value"]) for one in data.get("filters", ()))
    return Variable(
        source=data["source"],
        aggregate=data.get("aggregate", "count"),
        events=tuple(dict.fromkeys(data.get("events", ()))),
        field=data.get("field", ""),
        filters=tuple(filters),
        window_hours=data.get("window_hours"),
    )


def _is_text(value: Any, most: int) -> bool:
    return isinstance(value, str) and len(value.strip()) > 0 and len(value) <= most and "\0" not in value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
