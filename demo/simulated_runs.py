"""Runs of simulated shoppers: what they need set up, the record of a run, and the plant beside the counted performance.

The comparison reads `events.performance`, as the pages do, so it also judges a recount. What other visitors did on the
same placements before the run is taken off; during a run nobody else should visit them.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings

from audit.selectors import entries
from audit.services import record
from common import clock
from common.errors import Conflict, NotFound
from demo.datasets.simulated import SEED
from demo.filling import loaded_dataset
from demo.setup import ACTOR
from demo.simulation.catalog import make_products
from demo.simulation.effects import Effects
from demo.simulator import Tallies, Tally
from events.performance import Totals, days_of
from events.rule_performance import results_of_rule
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import live_rules
from personalization.services.placements import save_placement
from personalization.services.rules import create_rule

HYBRID, POPULAR, WITH_PIN = "home", "home-popular", "home-pinned"
PLACEMENTS: Final = (HYBRID, POPULAR, WITH_PIN)
RULE: Final = "Simulated pin"
HOLDOUT_PERCENT: Final = 50
APPLIED: Final = ("rule applied", True)
HELD_OUT: Final = ("rule held out", True)
"""The keys under which the groups of the rule stand beside the placements."""
SIMULATED_ACTION: Final = "demo.simulated"
FILL: Final = ["trending", "popular", "catalog_order"]
NEW_PLACEMENTS: Final = {
    POPULAR: {"name": "Home page: popular products alone", "strategy": "popular", "fallback": FILL},
    WITH_PIN: {"name": "Home page with a pin that costs clicks", "strategy": "hybrid", "fallback": FILL},
}
Key = tuple[str, bool]
"""A placement, and whether its answers are personalized."""


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run: its days by the product's clock, its plant, tallies, and what the pages counted before it."""

    first: date
    last: date
    effects: Effects
    tallies: Tallies
    before: dict[Key, Totals]


@dataclass(frozen=True, slots=True)
class Row:
    """Answers of one kind: what shoppers did, and what the pages count."""

    placement: str
    personalized: bool
    tally: Tally
    page: Totals

    @property
    def agrees(self) -> bool:
        """Return whether the pages count exactly what the shoppers did."""
        counts = [getattr(self.page, one.name) == getattr(self.tally, one.name) for one in fields(Totals)]
        return all(counts)

    @property
    def expected_rate(self) -> float:
        """Return the planted clicks for each answer, those of shoppers who may not be counted left out."""
        return self.tally.expected / max(1, self.tally.answers)

    @property
    def rate(self) -> float:
        """Return the clicks for each answer on the pages."""
        return self.page.click_rate or 0.0

    @property
    def error(self) -> float:
        """Return the standard error of the rate."""
        return math.sqrt(self.tally.variance) / max(1, self.tally.answers)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The click rate of one kind of answer over that of another, less 1: planted, expected and on the pages.

    `expected` is what the plant makes of the answers that were served: it is `planted` if all had what was compared.
    """

    name: str
    planted: float
    expected: float
    on_pages: float
    error: float

    @property
    def errors_off(self) -> float:
        """Return how many standard errors the pages are away from what was expected."""
        return abs(self.on_pages - self.expected) / self.error if self.error else math.inf


def prepare() -> bool:
    """Create the placements and the pin where they are missing; return whether any was.

    Raises Conflict for another data set.
    """
    data_set = loaded_dataset()
    if data_set is None or data_set["name"] != "simulated":
        raise Conflict("the shoppers are those of the simulated shop: `make demo` loads it")
    present = active_placements()
    if HYBRID not in present:
        raise Conflict(f"there is no placement {HYBRID}, or it is off")
    for key, data in NEW_PLACEMENTS.items():
        if key not in present:
            save_placement(key, data={**data, "size": present[HYBRID].size}, actor=ACTOR)
    wording = {
        "effect": "pin", "position": 1, "placements": [WITH_PIN], "products": [unwanted_product()],
        "holdout_percent": HOLDOUT_PERCENT,
    }  # fmt: skip
    if WITH_PIN not in present:
        create_rule(name=RULE, wording=wording, actor=ACTOR)
    return not present.keys() >= NEW_PLACEMENTS.keys()


def unwanted_product() -> str:
    """Return the product in stock, on sale from the start, that appeals least."""
    products = [one for one in make_products(seed=SEED) if one.data["stock"] and not one.arrives]
    return min(products, key=lambda one: one.appeal).product_id


def today() -> date:
    """Return the day of the pages of performance."""
    return clock.now().astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date()


def page_totals(*, first: date, last: date) -> dict[Key, Totals]:
    """Return what the pages of performance count in these days."""
    result: dict[Key, Totals] = {}
    for placement in PLACEMENTS:
        days = days_of(placement, first=first, last=last)
        result[placement, True] = sum((day.personalized for day in days), Totals())
        result[placement, False] = sum((day.others for day in days), Totals())
    return result


def rule_totals() -> dict[Key, Totals]:
    """Return what the page of the rule counts so far, for both groups; impressions are left out."""
    result = {APPLIED: Totals(), HELD_OUT: Totals()}
    for rule in live_rules():
        for version in results_of_rule(rule.id) if rule.name == RULE else ():
            for key, lot in ((APPLIED, version.applied), (HELD_OUT, version.held_out)):
                result[key] += Totals(lot.answers, 0, lot.clicks, lot.carts, lot.orders, lot.revenue)
    return result


def note_run(run: Run) -> None:
    """Record a run in the audit log, which has no floats: numbers are texts."""
    data = {
        "first": run.first.isoformat(),
        "last": run.last.isoformat(),
        "effects": _texts(asdict(run.effects)),
        "tallies": [[*key, _texts(asdict(tally))] for key, tally in run.tallies.items()],
        "before": [[*key, _texts(asdict(totals))] for key, totals in run.before.items()],
    }
    record(category="demo", action=SIMULATED_ACTION, actor=ACTOR, object=f"dataset:{loaded_name()}", data=data)


def loaded_name() -> str:
    """Return the name of the loaded data set."""
    data_set = loaded_dataset()
    return "none" if data_set is None else str(data_set["name"])


def latest_run() -> Run:
    """Return the latest recorded run. Raises NotFound before the first."""
    rows = entries(action=SIMULATED_ACTION, limit=1)
    if not rows:
        raise NotFound("nothing was simulated yet: run `make simulate`")
    data = rows[0].data
    return Run(
        first=date.fromisoformat(data["first"]),
        last=date.fromisoformat(data["last"]),
        effects=Effects(**_numbers(Effects, data["effects"])),
        tallies={(key, personal): Tally(**_numbers(Tally, texts)) for key, personal, texts in data["tallies"]},
        before={(key, personal): Totals(**_numbers(Totals, texts)) for key, personal, texts in data["before"]},
    )


def rows_of(run: Run) -> list[Row]:
    """Return the tallies of a run beside what the pages count now."""
    now = page_totals(first=run.first, last=run.last)
    return [Row(*key, tally, _less(now[key], run.before[key])) for key, tally in sorted(run.tallies.items())]


def comparisons(run: Run) -> list[Comparison]:
    """Return the lift of the hybrid and the cost of the pin, among personalized answers."""
    rows = {row.placement: row for row in rows_of(run) if row.personalized}
    pairs = (
        ("lift of the hybrid over popular", run.effects.lift, HYBRID, POPULAR),
        ("effect of the pin, by placement", -run.effects.pin_cost, WITH_PIN, HYBRID),
    )
    result = [
        compare(name, planted, rows[one], rows[other])
        for name, planted, one, other in pairs
        if one in rows and other in rows
    ]
    return [*result, compare_groups(run)]


def compare_groups(run: Run) -> Comparison:
    """Return the effect of the pin on the shoppers of its rule, beside those held out."""
    name, planted, now = "effect of the pin, by the hold-out of its rule", -run.effects.pin_cost, rule_totals()
    one, other = (_less(now[key], run.before[key]) for key in (APPLIED, HELD_OUT))
    if not (one.clicks and other.clicks):
        return Comparison(name, planted, planted, math.nan, math.inf)
    ratio = (one.click_rate or 0.0) / (other.click_rate or 1.0)
    # Of the plant only the sum by placement is known: the variance of rare clicks is at most their number.
    return Comparison(name, planted, planted, ratio - 1, ratio * math.sqrt(1 / one.clicks + 1 / other.clicks))


def compare(name: str, planted: float, one: Row, other: Row) -> Comparison:
    """Return how much more `one` is clicked than `other`."""
    if not (one.page.clicks and other.page.clicks and other.expected_rate):
        return Comparison(name, planted, planted, math.nan, math.inf)
    ratio = one.rate / other.rate
    error = ratio * math.hypot(*(math.sqrt(row.tally.variance) / row.page.clicks for row in (one, other)))
    return Comparison(name, planted, one.expected_rate / other.expected_rate - 1, ratio - 1, error)


def _less(now: Totals, before: Totals) -> Totals:
    return Totals(*(getattr(now, one.name) - getattr(before, one.name) for one in fields(Totals)))


def _texts(numbers: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in numbers.items()}


def _numbers(record_type: type, texts: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of a record of numbers from their texts."""
    types: dict[str, Any] = {one.name: one.type for one in fields(record_type)}
    return {name: types[name](text) for name, text in texts.items()}
