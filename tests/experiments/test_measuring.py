"""Who saw which arm and what they did then: counted as events come, and the same when counted again."""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from catalog.services import bulk_upsert
from events.services.recorder import Recorder, offsets
from events.types.base import Event
from experiments.measuring import rows as measured_rows
from experiments.measuring.plan import read_plan
from experiments.models import Cell, Epoch, Experiment, Exposure
from experiments.selectors.counting import is_behind
from experiments.services import measuring
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from experiments.services.metrics import define_metric
from experiments.stats.sketches import sketch_from_json
from tests.events.builders import START, entry, event
from tests.experiments.measured_reference import expected_cells, expected_rows, moment

MO = "staff:mo"
HOUR, DAY = 3_600, 86_400
PRODUCTS = ("sofa", "lamp", "rug")


def record(*events: Event, shard: int = 0) -> None:
    before = offsets([shard]).get(shard, 0)
    entries = [(before + place, entry(one)) for place, one in enumerate(events, 1)]
    Recorder().record({shard: entries}, after={shard: before})


def count() -> None:
    measuring.count_new()
    while is_behind():
        measuring.count_new()


def served(second: int, arm: str, *, key: str = "button", epoch: int = 1, **more: Any) -> Event:
    stated = {
        "recommendation_id": list_id(second),
        "placement": "home" if second % 2 else "cart",
        "products": [],
        "experiments": [{"key": key, "variation": arm, "epoch": epoch}],
    }
    return event(second, name="Recommendation Served", properties=stated, **more)


def list_id(second: int) -> str:
    return f"00000000-0000-7000-8000-{second:012d}"


def ordered(second: int, order: str, revenue: float, what: str = "Completed", **more: Any) -> Event:
    line = {"product_id": PRODUCTS[second % 3], "price": revenue, "quantity": 1 + second % 2}
    stated = {"order_id": order, "revenue": revenue, "currency": "EUR", "products": [line]}
    return event(second, name=f"Order {what}", properties=stated, **more)


def begin(key: str, *, at: int = 0, epochs: tuple[int, ...] = (), end: int | None = None, **data: Any) -> Experiment:
    """Create an experiment that began and ended at these seconds after START."""
    create_experiment(key, data=data, actor=MO)
    start(key, actor=MO)
    row = Experiment.objects.get(key=key)
    row.epochs.update(started_at=second_of(at))
    for number, second in enumerate(epochs, 2):
        Epoch.objects.create(experiment=row, number=number, weights={}, started_at=second_of(second))
    ended = None if end is None else second_of(end)
    Experiment.objects.filter(pk=row.pk).update(started_at=second_of(at), ended_at=ended)
    return row


def second_of(second: int) -> Any:
    return moment(START) + timedelta(seconds=second)


def define_metrics() -> None:
    filters = [
        {"field": "rating", "operator": "at_least", "value": 4},
        {"field": "spam", "operator": "is_not", "value": True},
    ]
    variable = {"source": "events", "events": ["Product Reviewed", "Product Rated"], "filters": filters}
    for key, kind, more in (
        ("good_reviews", "proportion", {"aggregate": "any", "window_hours": 48}),
        ("stars", "mean", {"aggregate": "sum", "field": "rating"}),
    ):
        define_metric(key, data={"name": key, "kind": kind, "numerator": {**variable, **more}}, actor=MO)
    early = {"source": "orders", "aggregate": "sum", "field": "revenue", "window_hours": 24}
    define_metric(
        "early_revenue", data={"name": "Early", "kind": "mean", "numerator": early, "winsor_share": 0.9}, actor=MO
    )


def stored() -> tuple[list[Any], list[Any]]:
    rows = Exposure.objects.order_by("experiment", "epoch", "unit").values_list(
        "experiment__key", "epoch", "unit", "arm", "first_at", "counts_from", "switches", "groups", "values"
    )
    cells = Cell.objects.order_by("experiment", "epoch", "arm", "dimension", "value").values_list(
        "experiment__key", "epoch", "arm", "dimension", "value", "n", "quarantined", "sums", "products", "sketches"
    )
    return list(rows), list(cells)


def compare_with_reference(events: list[Event]) -> None:
    for plan in read_plan().experiments:
        rows = expected_rows(events, plan)
        stored = {(one.epoch, one.unit): one for one in Exposure.objects.filter(experiment=plan.pk)}
        assert stored.keys() == rows.keys()
        for key, row in rows.items():
            one = stored[key]
            assert (one.arm, one.first_at, one.switches) == (row.arm, moment(row.first_at), row.switches), key
            assert one.groups == row.groups, key
            assert one.counts_from == (None if row.counts_from is None else moment(row.counts_from)), key
            assert (one.values or [Decimal(0)] * len(plan.variables)) == row.values, key
        cells = expected_cells(rows, plan)
        numbers = {(c.epoch, c.arm, c.dimension, c.value): c for c in Cell.objects.filter(experiment=plan.pk)}
        assert numbers.keys() == cells.keys()
        for place, (n, quarantined, sums, products, sketches) in cells.items():
            cell = numbers[place]
            assert (cell.n, cell.quarantined, cell.sums, cell.products) == (n, quarantined, sums, products), place
            found_sketches = {at: sketch_from_json(one) for at, one in cell.sketches.items()}
            assert {at: one for at, one in found_sketches.items() if one.count} == {
                at: one for at, one in sketches.items() if one.count
            }, place


class Story:
    """Random events of a few shoppers who log in, share devices, buy, return and see arms."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0
        self.seconds = self.chance.sample(range(-35 * DAY, 20 * DAY), 400)
        self.lists: list[str] = []

    def events(self, n: int) -> list[Event]:
        makers = [self.served] * 6 + [self.viewed] * 2 + [self.order] * 3 + [self.after_order] * 2 + [self.page] * 4
        makers += [self.reviewed] * 2 + [self.segment, self.click, self.click, self.added, self.login, self.login]
        makers += [self.alias] if self.chance.random() < 0.5 else []
        return [self.chance.choice(makers)() for _ in range(n)]

    def second(self) -> int:
        self.number += 1
        if self.chance.random() < 0.3:  # near another one
            self.seconds[self.number] = self.seconds[self.number - 1] + self.chance.randrange(-2 * HOUR, 2 * HOUR)
        return self.seconds[self.number]

    def who(self) -> dict[str, str | None]:
        user, visitor = f"u{self.chance.randrange(4)}", f"a{self.chance.randrange(4)}"
        return self.chance.choice([{"user_id": user}, {"user_id": None, "anonymous_id": visitor}])

    def make(self, second: int, **fields: Any) -> Event:
        if self.chance.random() < 0.5:
            fields.setdefault("context", {"device": {"type": self.chance.choice(["mobile", "desktop"])}})
        return event(second, **{"message_id": f"s{self.number}", **self.who(), **fields})

    def served(self) -> Event:
        second, key = self.second(), self.chance.choice(["button", "active"])
        arm = "treatment" if self.chance.random() < 0.2 else "control"
        epoch = 2 if key == "button" and second > 3 * DAY else 1
        self.lists.append(list_id(self.number))
        stated: dict[str, Any] = {
            "recommendation_id": self.lists[-1],
            "placement": self.chance.choice(["home", "cart"]),
        }
        stated |= {"experiments": [{"key": key, "variation": arm, "epoch": epoch}]} if second >= 0 else {}
        return self.make(second, name="Recommendation Served", properties=stated, context={})

    def viewed(self) -> Event:
        arm = self.chance.choice(["control", "0", "1", "none"])
        stated = {"experiment_id": self.chance.choice(["button", "other"]), "variation_id": arm}
        return self.make(self.second(), name="Experiment Viewed", properties=stated)

    def order(self) -> Event:
        second, revenue = self.second(), self.chance.choice([10, 19.99, 250.5])
        stated = ordered(second, f"o{self.number}", revenue).properties
        return self.make(second, name="Order Completed", properties=stated)

    def after_order(self) -> Event:
        order = f"o{self.chance.randrange(1, self.number + 2)}"
        what = self.chance.choice(["Refunded", "Refunded", "Cancelled", "Updated"])
        stated: dict[str, Any] = {"order_id": order, "currency": "EUR"}
        if what == "Refunded":
            stated["revenue"] = 5
        if what == "Updated":
            stated |= {"revenue": 7, "products": [{"product_id": "lamp", "price": 7, "quantity": 1}]}
        return self.make(self.second(), name=f"Order {what}", properties=stated)

    def page(self) -> Event:
        return self.make(self.second(), kind="page", name="Home")

    def reviewed(self) -> Event:
        stated: dict[str, Any] = {"rating": self.chance.randrange(1, 6)} | (
            {"spam": True} if self.chance.random() < 0.2 else {}
        )
        return self.make(
            self.second(), name=self.chance.choice(["Product Reviewed", "Product Rated"]), properties=stated
        )

    def segment(self) -> Event:
        name = self.chance.choice(["Segment Entered", "Segment Left"])
        return self.make(self.second(), name=name, properties={"segment": self.chance.choice(["vip", "new"])})

    def click(self) -> Event:
        stated = {"product_id": self.chance.choice(PRODUCTS), "list_id": self.chance.choice(self.lists or ["autumn"])}
        return self.make(self.second(), name="Product Clicked", properties=stated)

    def added(self) -> Event:
        return self.make(self.second(), name="Product Added")

    def login(self) -> Event:
        user, visitor = f"u{self.chance.randrange(4)}", f"a{self.chance.randrange(4)}"
        return self.make(self.second(), kind="identify", name="", user_id=user, anonymous_id=visitor)

    def alias(self) -> Event:
        one, other = self.chance.sample(["u0", "u1", "u2", "u3", "a0"], 2)
        return self.make(self.second(), kind="alias", name="", user_id=other, anonymous_id=None, previous_id=one)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(16))
def test_any_order_of_events_gives_the_numbers_of_a_recount_and_of_plain_loops(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured_rows, "LARGE", 1 if seed % 2 else measured_rows.LARGE)  # with and without ANALYZE
    define_metrics()
    rows = [{"product_id": one, "title": one, "price": 50, "cost": 3, "currency": "EUR"} for one in PRODUCTS[:2]]
    bulk_upsert(rows, actor=MO)
    goals = ["margin_per_visitor", "click_through_rate", "good_reviews", "early_revenue", "bounce_rate"]
    begin("button", epochs=(3 * DAY,), goal_metric="revenue_per_visitor", secondary_metrics=goals)
    begin(
        "active",
        end=10 * DAY,
        goal_metric="items_per_order",
        secondary_metrics=["stars", "bounce_rate"],
        guardrail_metrics=["conversion_rate"],
        activation_metric="add_to_cart_rate",
    )
    story = Story(seed)
    events = story.events(120)
    story.chance.shuffle(events)
    for one in events:
        record(one, shard=story.chance.choice([0, 1, 2]))
        if story.chance.random() < 0.3:
            count()
    count()

    at_once = stored()
    compare_with_reference(events)
    measuring.recount()
    assert stored() == at_once
    measuring.recount()
    assert stored() == at_once
    assert at_once[1]
