"""What shoppers did lately, summed over shoppers: the traffic and the present value of a metric, for a plan.

A shopper is a user, or an anonymous id that no user claimed. Everybody counts who has an id in an event, or in an
answer of the placement if one is named, from the first of these on. One scan of the days that are asked for; the caller
limits its time.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from django.conf import settings
from django.db import connection

SERVED: Final = "Recommendation Served"
CLICKED: Final = "Product Clicked"
CLAIMS: Final = "SELECT from_id, min(user_id) AS owner FROM customers_link WHERE kind = 'claim' GROUP BY from_id"
UNIT: Final = "coalesce('user:' || coalesce(e.user_id, c.owner), 'anonymous:' || e.anonymous_id)"
EVENTS: Final = "events_event e LEFT JOIN claims c ON c.from_id = e.anonymous_id"
OF_UNITS: Final = f"{EVENTS} JOIN units ON units.unit = {UNIT}"
LISTS: Final = (
    f"SELECT {UNIT} AS unit, e.at, e.properties->>'recommendation_id' AS list_id,"
    f" row_number() OVER (PARTITION BY {UNIT} ORDER BY e.at, e.message_id) AS number FROM {EVENTS}"
)
IN_SPAN: Final = (
    "e.at >= %s AND e.at < %s AND (e.user_id IS NOT NULL OR e.anonymous_id IS NOT NULL)"
    " AND coalesce(e.context #>> '{device,type}', '') <> 'bot'"
)
"""Of declared machines nothing counts."""
OPERATORS: Final = {"is": "=", "is_not": "<>", "at_least": ">=", "at_most": "<="}
NUMBER: Final = """(jsonb_path_query_first(e.properties -> %s, '$ ? (@.type() == "number")') #>> '{}')::numeric"""
"""A property where it is a number, else NULL."""
OF_ORDERS: Final = {
    "revenue": "greatest(coalesce(e.revenue, 0) - e.refunded, 0)",
    "items": "(SELECT coalesce(sum(l.quantity), 0) FROM events_orderline l WHERE l.order_id = e.id)",
    "margin": (
        "(SELECT coalesce(sum(l.quantity * (l.price - p.cost)), 0) FROM events_orderline l"
        " JOIN catalog_product p ON p.product_id = l.product_id WHERE l.order_id = e.id)"
    ),
}


class PropertyFilter(Protocol):
    """A condition on one property of an event."""

    @property
    def field(self) -> str: ...
    @property
    def operator(self) -> str: ...
    @property
    def value(self) -> Any: ...


class UnitVariable(Protocol):
    """One number of a shopper, as `experiments.metrics.base.Variable` describes it."""

    @property
    def source(self) -> str: ...
    @property
    def aggregate(self) -> str: ...
    @property
    def events(self) -> Sequence[str]: ...
    @property
    def field(self) -> str: ...
    @property
    def filters(self) -> Sequence[PropertyFilter]: ...
    @property
    def window_hours(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class UnitSums:
    """Sums Σxᵢ and Σxᵢxⱼ of k variables over `n` shoppers: float[k], float[k][k]."""

    n: int
    sums: tuple[float, ...]
    products: tuple[tuple[float, ...], ...]


def new_shoppers_by_day(*, since: datetime, until: datetime, placement: str | None = None) -> list[int]:
    """Return how many shoppers came for the first time within the span, by day of it, the first day first."""
    where, arguments = _population(since, until, placement)
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH claims AS ({CLAIMS}), units AS ("
            f" SELECT {UNIT} AS unit, min(e.at) AS first_at FROM {EVENTS} WHERE {where} GROUP BY 1)"
            " SELECT floor(extract(epoch FROM first_at - %s) / 86400)::int AS day, count(*) FROM units GROUP BY 1",
            [*arguments, since],
        )
        by_day = dict(cursor.fetchall())
    return [by_day.get(day, 0) for day in range((until - since).days)]


def unit_sums(
    variables: Sequence[UnitVariable],
    *,
    since: datetime,
    until: datetime,
    visit: timedelta,
    most_lists: int,
    placement: str | None = None,
) -> UnitSums:
    """Return the sums of the variables over the shoppers of the span, those who did nothing included.

    A variable counts from a shopper's first time on, within its own window. Shoppers whose longest window ends after
    the span are left out. A visit is what lies within `visit` of the first time, before or after. Of each shopper the
    first `most_lists` lists count, with the clicks in them.
    """
    longest = timedelta(hours=max((one.window_hours or 0 for one in variables), default=0))
    served, of_lists = _population(since, until, placement)
    served += "" if placement else f" AND e.name = '{SERVED}'"
    where, of_units = _population(since, until - longest, placement)
    arguments = [*of_lists, *of_units]
    parts, joins, columns = [], [], []
    for place, variable in enumerate(variables):
        text, own = _variable(variable, since, until, visit, most_lists)
        parts.append(f"v{place} AS ({text})")
        joins.append(f"LEFT JOIN v{place} USING (unit)")
        columns.append(f"coalesce(v{place}.x, 0)::float8 AS x{place}")
        arguments += own
    pairs = [(i, j) for i in range(len(variables)) for j in range(i, len(variables))]
    sums = [f"coalesce(sum(x{i}), 0)" for i in range(len(variables))]
    products = [f"coalesce(sum(x{i} * x{j}), 0)" for i, j in pairs]
    query = (
        f"WITH claims AS ({CLAIMS}), lists AS ({LISTS} WHERE {served}), units AS"
        f" (SELECT {UNIT} AS unit, min(e.at) AS first_at FROM {EVENTS} WHERE {where} GROUP BY 1),"
        f" {', '.join(parts)}, sheet AS (SELECT {', '.join(columns)} FROM units {' '.join(joins)})"
        f" SELECT count(*), {', '.join([*sums, *products])} FROM sheet"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, arguments)
        n, *numbers = cursor.fetchone()
    by_pair = dict(zip(pairs, numbers[len(variables) :], strict=True))
    places = range(len(variables))
    matrix = tuple(tuple(float(by_pair[min(i, j), max(i, j)]) for j in places) for i in places)
    return UnitSums(int(n), tuple(map(float, numbers[: len(variables)])), matrix)


def _population(since: datetime, until: datetime, placement: str | None) -> tuple[str, list[Any]]:
    if placement is None:
        return IN_SPAN, [since, until]
    return f"{IN_SPAN} AND e.name = '{SERVED}' AND e.properties->>'placement' = %s", [since, until, placement]


def _variable(
    variable: UnitVariable, since: datetime, until: datetime, visit: timedelta, most_lists: int
) -> tuple[str, list[Any]]:
    """Return the query of one variable by shopper, and its arguments."""
    if variable.source == "orders":
        return _of_orders(variable, since, until)
    if variable.source == "visits":  # who saw a single page in it
        around = "e.at >= units.first_at - %s AND e.at <= units.first_at + %s"
        text = f"SELECT unit, 1 AS x FROM {OF_UNITS} WHERE {IN_SPAN} AND e.kind IN ('page', 'screen') AND {around}"
        return f"{text} GROUP BY unit HAVING count(*) = 1", [since - visit, until, visit, visit]
    value, before = _aggregate(variable)
    if variable.source == "answers":
        inside, own = _window(variable, "e.at")
        text = f"SELECT unit, {value} AS x FROM lists e JOIN units USING (unit) WHERE number <= %s AND {inside}"
        return f"{text} GROUP BY unit", [*before, most_lists, *own]
    where = IN_SPAN
    arguments: list[Any] = [since, until]
    if variable.source == "clicks":
        where += f" AND e.name = '{CLICKED}' AND (units.unit, e.properties->>'list_id') IN"
        where += " (SELECT unit, list_id FROM lists WHERE number <= %s)"
        arguments = [*arguments, most_lists]
    else:
        where += " AND e.name = ANY(%s)"
        arguments = [*arguments, list(variable.events)]
    for one in variable.filters:
        where, own = f"{where} AND {_filter(one)}", [one.field, one.value if _is_number(one.value) else str(one.value)]
        arguments += own
    inside, own = _window(variable, "e.at")
    text = f"SELECT unit, {value} AS x FROM {OF_UNITS} WHERE {where} AND {inside} GROUP BY unit"
    return text, [*before, *arguments, *own]


def _window(variable: UnitVariable, at: str) -> tuple[str, list[Any]]:
    """Return the condition that a moment lies in a shopper's window, and its arguments."""
    if variable.window_hours is None:
        return f"{at} >= units.first_at", []
    return f"{at} >= units.first_at AND {at} < units.first_at + %s", [timedelta(hours=variable.window_hours)]


def _of_orders(variable: UnitVariable, since: datetime, until: datetime) -> tuple[str, list[Any]]:
    aggregates = {"any": "1", "count": "count(*)", "sum": f"sum({OF_ORDERS.get(variable.field, '0')})"}
    inside, own = _window(variable, "e.placed_at")
    return (
        f"SELECT unit, {aggregates[variable.aggregate]} AS x"
        f" FROM events_order e LEFT JOIN claims c ON c.from_id = e.anonymous_id JOIN units ON units.unit = {UNIT}"
        " WHERE e.placed_at >= %s AND e.placed_at < %s AND e.confirmed AND e.status <> 'cancelled'"
        " AND e.currency IN ('', %s) AND NOT e.wholly_refunded"
        f" AND (e.user_id IS NOT NULL OR e.anonymous_id IS NOT NULL) AND {inside} GROUP BY unit",
        [since, until, settings.SHOP_CURRENCY, *own],
    )


def _aggregate(variable: UnitVariable) -> tuple[str, list[Any]]:
    if variable.aggregate == "any":
        return "1", []
    if variable.aggregate == "count":
        return "count(*)", []
    return f"coalesce(sum({NUMBER}), 0)", [variable.field]


def _filter(one: PropertyFilter) -> str:
    operator = OPERATORS[one.operator]
    if _is_number(one.value):
        return f"{NUMBER} {operator} %s"
    return f"coalesce(e.properties->>%s, '') {operator} %s"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
