"""What `experiments.services.measuring` must find, as plain loops over all events: slow, and easy to read."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from catalog.models import Product
from common.clock import to_microseconds
from customers.identity import Claim, People
from events.links import links_of
from events.models import Order
from events.types.base import Event
from events.types.products import product_id_of
from experiments.measuring.plan import ExperimentPlan
from experiments.metrics.base import Filter, Variable
from experiments.stats.sketches import sketch_of

DAY = 86_400_000_000
VISIT = 1_800_000_000


@dataclass
class Row:
    """One unit, in the epoch of its first exposure."""

    arm: str
    first_at: int
    switches: int
    groups: list[str]
    counts_from: int | None = None
    values: list[Decimal] = field(default_factory=list)


def expected_rows(events: Iterable[Event], plan: ExperimentPlan) -> dict[tuple[int, str], Row]:
    """Return the row of each epoch and unit."""
    return _Reference(list(events), plan).rows()


def expected_cells(rows: dict[tuple[int, str], Row], plan: ExperimentPlan) -> dict[tuple[Any, ...], Any]:
    """Return the numbers of each cell: n, quarantined, sums, products, sketches."""
    members: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for (epoch, _), row in rows.items():
        if row.switches or row.counts_from is not None:
            for group in ("device:bot",) if "device:bot" in row.groups else ("", *row.groups):
                dimension, _, value = group.partition(":")
                members[epoch, row.arm, dimension, value].append(row)
    return {key: _cell(many, plan) for key, many in members.items()}


def _cell(many: list[Row], plan: ExperimentPlan) -> Any:
    kept = [row.values for row in many if not row.switches]
    wide = range(len(plan.variables))
    sums = [sum((values[i] for values in kept), Decimal(0)) for i in wide]
    products = [sum((v[i] * v[j] for v in kept), Decimal(0)) for i in wide for j in wide if j >= i]
    sketches = {str(place): sketch_of([float(v[place]) for v in kept]) for place in plan.sketched}
    return len(kept), len(many) - len(kept), sums, products, sketches


class _Reference:
    def __init__(self, events: list[Event], plan: ExperimentPlan) -> None:
        self.events, self.plan, self.people = events, plan, People()
        for link in (link for event in events for link in links_of(event)):
            if link.kind == "claim":
                self.people.claim(link.from_id, Claim(link.at, link.message_id, link.user_id))
            else:
                self.people.join(link.from_id, link.user_id)
        self.of_unit: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(events, key=lambda one: (one.at, one.message_id)):
            if event.user_id or event.anonymous_id:
                self.of_unit[self.unit(event.user_id, event.anonymous_id, event.at)].append(event)

    def unit(self, user_id: str | None, anonymous_id: str | None, at: int) -> str:
        return self.people.person(user_id=user_id, anonymous_id=anonymous_id, at=at)

    def rows(self) -> dict[tuple[int, str], Row]:
        rows: dict[tuple[int, str], Row] = {}
        for unit, events in self.of_unit.items():
            exposures = [(event, *one) for event in events for one in self.exposures(event)]
            if not exposures:
                continue
            first, epoch, arm = exposures[0]
            seen = [(event, one) for event, number, one in exposures if number == epoch]
            groups = self.groups(unit, first)
            if sum(event.name == "Recommendation Served" for event, _ in seen) > 50:
                groups.insert(3, "capped:lists")
            rows[epoch, unit] = row = Row(arm, first.at, sum(one != arm for _, one in seen), groups)
            self.fill(row, unit, epoch)
        return rows

    def exposures(self, event: Event) -> Iterable[tuple[int, str]]:
        if self.plan.ended_at is not None and event.at > to_microseconds(self.plan.ended_at):
            return
        arms, numbers = dict(self.plan.arms), {epoch.number for epoch in self.plan.epochs}
        if event.name == "Recommendation Served":
            for one in event.properties.get("experiments", ()):
                if one["key"] == self.plan.key and one["epoch"] in numbers:
                    yield one["epoch"], arms[one["variation"]]
        if event.name == "Experiment Viewed" and event.properties["experiment_id"] == self.plan.key:
            started = [one.number for one in self.plan.epochs if to_microseconds(one.since) <= event.at]
            if started and event.properties["variation_id"] in arms:
                yield max(started), arms[event.properties["variation_id"]]

    def groups(self, unit: str, first: Event) -> list[str]:
        moment = datetime.fromtimestamp(first.at / 1e6, UTC).astimezone(ZoneInfo(settings.SHOP_TIME_ZONE))
        near = [one for one in self.of_unit[unit] if abs(one.at - first.at) <= VISIT and one.context.get("device")]
        near.sort(key=lambda one: (abs(one.at - first.at), one.at, one.message_id))
        device = near[0].context["device"]["type"] if near else "unknown"
        is_returning = self.of_unit[unit][0].at < first.at - VISIT
        groups = [f"day:{moment.date()}", f"device:{device}", f"visitor:{'returning' if is_returning else 'new'}"]
        if first.properties.get("placement"):
            groups.append(f"placement:{first.properties['placement']}")
        segments: set[str] = set()
        for event in self.of_unit[unit]:
            if event.name in ("Segment Entered", "Segment Left") and event.at <= first.at:
                segments.discard(event.properties["segment"])
                segments |= {event.properties["segment"]} if event.name == "Segment Entered" else set()
        return groups + [f"segment:{one}" for one in sorted(segments)]

    def fill(self, row: Row, unit: str, epoch: int) -> None:
        activation = self.plan.activation
        row.counts_from = row.first_at
        if activation is not None:
            facts = [at for at, _ in self.facts(activation, unit, epoch, row) if self.counts(activation, at, row)]
            row.counts_from = min(facts, default=None)
        row.values = [Decimal(0)] * len(self.plan.variables)
        if row.counts_from is None:
            return
        for place, one in enumerate(self.plan.variables):
            amounts = [
                amount
                for at, amount in self.facts(one, unit, epoch, row)
                if (row.first_at - 28 * DAY <= at < row.first_at if one.is_before else self.counts(one, at, row))
            ]
            total = round(sum(amounts, Decimal(0)), 4)
            row.values[place] = min(Decimal(1), total) if one.aggregate == "any" else total

    def counts(self, variable: Variable, at: int, row: Row) -> bool:
        start = row.first_at if row.counts_from is None else row.counts_from
        if at < start:
            return False
        if variable.window_hours is not None:
            return at < start + variable.window_hours * 3_600_000_000
        return self.plan.ended_at is None or at <= to_microseconds(self.plan.ended_at)

    def facts(self, variable: Variable, unit: str, epoch: int, row: Row) -> list[tuple[int, Decimal]]:
        events = self.of_unit[unit]
        match variable.source:
            case "orders":
                return self.orders(variable, unit)
            case "visits":
                pages = [one for one in events if one.kind == "page" and abs(one.at - row.first_at) <= VISIT]
                return [(row.counts_from or row.first_at, Decimal(1))] if len(pages) == 1 else []
            case "events":
                named = [one for one in events if one.kind == "track" and one.name in variable.events]
                return [
                    (one.at, amount)
                    for one in named
                    if all(_holds(condition, one.properties.get(condition.field)) for condition in variable.filters)
                    and (amount := _number(one.properties.get(variable.field)) if variable.field else Decimal(1))
                    is not None
                ]
        lists = {
            one.properties["recommendation_id"]: one.at
            for one in events
            if one.name == "Recommendation Served" and epoch in [number for number, _ in self.exposures(one)]
        }
        lists = dict(list(lists.items())[:50])
        if variable.source == "answers":
            return [(at, Decimal(1)) for at in lists.values()]
        clicks: dict[tuple[str, str], int] = {}
        for one in events:
            product = product_id_of(one.properties)
            if one.name == "Product Clicked" and one.properties.get("list_id") in lists and product:
                clicks.setdefault((one.properties["list_id"], product), one.at)
        return [(at, Decimal(1)) for at in clicks.values()]

    def orders(self, variable: Variable, unit: str) -> list[tuple[int, Decimal]]:
        facts = []
        costs = {one.product_id: one.cost for one in Product.objects.exclude(cost=None)}
        for order in Order.objects.filter(confirmed=True, wholly_refunded=False).exclude(status="cancelled"):
            if order.placed_at is None or order.currency != settings.SHOP_CURRENCY:
                continue
            at = to_microseconds(order.placed_at)
            if self.unit(order.user_id, order.anonymous_id, at) != unit:
                continue
            lines = list(order.lines.all())
            paid = sum(((line.price or 0) * line.quantity for line in lines), Decimal(0))
            share = min(Decimal(1), order.refunded / paid) if paid else Decimal(0)
            gains = [
                (line.price - cost) * line.quantity
                for line in lines
                if line.price is not None and (cost := costs.get(line.product_id)) is not None
            ]
            amounts = {
                "": Decimal(1),
                "revenue": max(Decimal(0), (order.revenue or 0) - order.refunded),
                "items": sum((line.quantity for line in lines), Decimal(0)),
                "margin": sum(gains, Decimal(0)) * (1 - share),
            }
            facts.append((at, Decimal(amounts[variable.field])))
        return facts


def _number(value: Any) -> Decimal | None:
    return Decimal(str(value)) if isinstance(value, int | float) else None


def _holds(condition: Filter, value: Any) -> bool:
    match condition.operator:
        case "is":
            return bool(value == condition.value)
        case "is_not":
            return bool(value != condition.value)
        case "at_least":
            return isinstance(value, int | float) and value >= condition.value
    return isinstance(value, int | float) and value <= condition.value


def moment(microseconds: int) -> datetime:
    """Return a time as the database holds it."""
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)
