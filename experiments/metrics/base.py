"""What a metric is: variables of a unit, and how their means become one number."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

from experiments.stats.estimands import Estimand, Mean, Ratio

Source = Literal["events", "orders", "answers", "clicks", "visits"]
"""`orders`: confirmed orders in the shop's currency, less refunds. `answers`: lists that name the experiment, the first
`MOST_LISTS` of each unit, and `clicks`: products clicked in them. `visits`: the one around the first exposure, where it
saw a single page."""
Aggregate = Literal["any", "count", "sum"]
MetricKind = Literal["proportion", "mean", "ratio"]
Display = Literal["share", "money", "number"]
BEFORE_DAYS: Final = 28
"""How long before the first exposure the same variable is counted, to adjust for what units did anyway."""
VISIT_MINUTES: Final = 30
"""Page views within this time of the first exposure, before or after, are its visit."""
MACHINES: Final = "device:bot"
"""The group of units that declare to be machines: they are counted, and set aside."""
MOST_LISTS: Final = 50
"""Of each unit and epoch the first so many lists count: a rate of clicks is not that of a few who see hundreds."""
CAPPED: Final = "capped:lists"
"""The group of units that saw more lists: it is counted, and no breakdown."""


@dataclass(frozen=True, slots=True)
class Filter:
    """A condition on one property of an event: `is`, `is_not`, `at_least`, `at_most`."""

    field: str
    operator: Literal["is", "is_not", "at_least", "at_most"]
    value: Any


@dataclass(frozen=True, slots=True)
class Variable:
    """One number of a unit: an aggregate over what it did after its exposure, within the metric's window.

    `field` is the property to add up where `aggregate` is "sum": of an event, or of an order (`revenue`, `items`,
    `margin`). `any` is 1 or 0. Two equal variables are counted once, so the union of all metrics is one query.
    """

    source: Source
    aggregate: Aggregate = "count"
    events: tuple[str, ...] = ()
    field: str = ""
    filters: tuple[Filter, ...] = ()
    window_hours: int | None = None
    """How long after the exposure it counts; None: as long as the experiment runs."""
    is_before: bool = False
    """Whether it counts the `BEFORE_DAYS` before the first exposure instead."""

    @property
    def before(self) -> "Variable | None":
        """The same before the exposure, None where there can be none: a list names no experiment before it began."""
        if self.source not in ("events", "orders"):
            return None
        return replace(self, window_hours=None, is_before=True)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. A ratio divides the sum of `numerator` by the sum of `denominator`; others have no denominator.

    `margin` is the harm that a guardrail allows, as a share of the control's value. `winsor_share` .99 cuts the values
    of units above that quantile of all values other than 0, all arms joined; None leaves them.
    """

    key: str
    name: str
    kind: MetricKind
    numerator: Variable
    denominator: Variable | None = None
    description: str = ""
    display: Display = "number"
    higher_is_better: bool = True
    winsor_share: float | None = None
    margin: float = 0.02
    has_quantiles: bool = False

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The variables of a unit that it needs."""
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    def estimand(self, places: dict[Variable, int]) -> Estimand:
        """Return how it is computed from an arm whose variables stand at these places."""
        if self.denominator is None:
            return Mean(places[self.numerator])
        return Ratio(places[self.numerator], places[self.denominator])
