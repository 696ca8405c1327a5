"""What is known of an experiment at one moment: the records that pages, the API, exports and policies read. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

Role = Literal["goal", "secondary", "guardrail"]
Level = Literal["waiting", "unhealthy", "undecided", "better", "worse", "futile", "no_difference", "ended"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect with its interval and standard error; None where nothing can be said yet."""

    value: float | None
    low: float | None
    high: float | None
    standard_error: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class GuardrailState:
    """A guardrail: gains have the sign turned so that more is better; all in the unit of the metric."""

    margin: float
    least_gain: float | None
    greatest_gain: float | None
    is_breached: bool
    holds: bool


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """An arm against the control. `absolute` decides, `relative` is for reading.

    `adjusted_p_value` is corrected after Holm: of the goal over its arms, of other metrics over all of them, of groups
    over the groups of all metrics. `pooled` is the absolute effect without regard to epochs. `unadjusted` is the one
    without CUPED. `median_unbiased` stands for stopped tests alone. Chances never decide.
    """

    arm: str
    absolute: Effect
    relative: Effect
    p_value: float
    adjusted_p_value: float
    is_significant: bool
    is_better: bool
    chance_to_win: float | None = None
    risk: float | None = None
    pooled: Effect | None = None
    unadjusted: Effect | None = None
    median_unbiased: Effect | None = None
    guardrail: GuardrailState | None = None

    @property
    def is_shown_relative(self) -> bool:
        """Whether the relative effect may stand beside a decision: its interval says the same of 0 as the absolute one.

        Where the control's value is known badly, the relative interval is much wider, and would contradict it.
        """
        return self.relative.value is not None and self.relative.excludes_zero == self.absolute.excludes_zero


@dataclass(frozen=True, slots=True)
class ArmValue:
    """A metric in one arm: units, value, and quantiles of units by share where the metric has them."""

    arm: str
    units: int
    value: float | None
    quantiles: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """A metric among the units of one group, such as mobile or returning."""

    value: str
    arms: tuple[ArmValue, ...]
    comparisons: tuple[ArmComparison, ...]


@dataclass(frozen=True, slots=True)
class Breakdown:
    """A metric by one dimension: device, visitor, segment."""

    dimension: str
    groups: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class DayValue:
    """A metric of the units that were first exposed on one day, and the cumulative effect until then."""

    day: date
    arms: tuple[ArmValue, ...]
    cumulative: tuple[ArmComparison, ...]


@dataclass(frozen=True, slots=True)
class MetricResult:
    """A metric in all arms. `windows` maps 1, 7 and 28 days to the comparisons of the units exposed in them."""

    key: str
    name: str
    role: Role
    display: str
    higher_is_better: bool
    arms: tuple[ArmValue, ...]
    comparisons: tuple[ArmComparison, ...]
    breakdowns: tuple[Breakdown, ...] = ()
    days: tuple[DayValue, ...] = ()
    windows: Mapping[int, tuple[ArmComparison, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArmUnits:
    """The units of an arm, those quarantined, those that never were analyzed for want of consent.

    `machines` are devices that say that they are one, such as a crawler; they are set aside. `capped`
    units saw more lists than the first ones that count.
    """

    arm: str
    name: str
    units: int
    share: float
    planned_share: float
    quarantined: int = 0
    withheld: int = 0
    machines: int = 0
    capped: int = 0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the numbers may be trusted. `warnings` are sentences; with a mismatch nothing may be concluded.

    `srm_p_value` is the one that decides about the sizes of arms: of the test that may be watched while the experiment
    runs, of χ² once it has ended.
    """

    srm_p_value: float
    is_mismatch: bool
    switch_share: float
    has_switchers: bool
    is_imbalanced: bool
    counted_until: datetime | None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FactorResult:
    """A level effect or an interaction of a multivariate design, for the goal."""

    name: str
    effect: Effect
    p_value: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the plan is. `information` is the share of planned units; None without a plan."""

    days: float
    days_left: float | None
    minimum_days: int
    maximum_days: int
    planned_units: int | None
    information: float | None
    detectable_effect: float | None
    predictive_power: float | None
    is_futile: bool


@dataclass(frozen=True, slots=True)
class ExperimentResults:
    """All of an experiment at one moment. `verdict` says in one sentence what may be concluded now."""

    key: str
    name: str
    kind: str
    status: str
    inference: str
    alpha: float
    at: datetime
    epoch: int
    level: Level
    verdict: str
    arms: tuple[ArmUnits, ...]
    health: Health
    progress: Progress
    metrics: tuple[MetricResult, ...]
    factors: tuple[FactorResult, ...] = ()
    leader: str | None = None

    @property
    def goal(self) -> MetricResult | None:
        """The metric that decides."""
        return next((one for one in self.metrics if one.role == "goal"), None)

    @property
    def guardrails(self) -> tuple[MetricResult, ...]:
        """The metrics that must not get worse."""
        return tuple(one for one in self.metrics if one.role == "guardrail")
