"""What was decided before anybody saw numbers: the arms, the metrics and their roles, the inference and its sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from experiments.design import Design
from experiments.metrics.base import Metric, Variable
from experiments.results import Role
from experiments.stats.power import AnalysisPlan, InferenceKind
from experiments.stats.sequential import DEFAULT_N_STAR


@dataclass(frozen=True, slots=True)
class MetricUse:
    """A metric in its role. `margin` is the harm that a guardrail allows, as a share of the control's value."""

    metric: Metric
    role: Role
    margin: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One experiment as its analysis reads it.

    `planned_units` are the units of each arm. `variables` are those of the cells' sums, in their order. `weights` are
    the shares of arms in each epoch that were intended.
    """

    design: Design
    metrics: tuple[MetricUse, ...]
    variables: tuple[Variable, ...]
    factors: Mapping[str, Any] = field(default_factory=dict)
    inference: InferenceKind = InferenceKind.ALWAYS_VALID
    alpha: float = 0.05
    power: float = 0.8
    minimum_effect: float = 0.05
    planned_units: int | None = None
    planned_looks: int = 50
    minimum_days: int = 7
    maximum_days: int = 28
    weights: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    started_at: datetime | None = None
    ended_at: datetime | None = None
    final_arm: str = ""

    @cached_property
    def places(self) -> dict[Variable, int]:
        """The place of each variable among the sums."""
        return {one: place for place, one in enumerate(self.variables)}

    @property
    def arm_keys(self) -> tuple[str, ...]:
        """The keys of the arms, the control first."""
        return tuple(arm.key for arm in self.design.arms)

    @property
    def planned_total(self) -> int | None:
        """The planned units of all arms."""
        return None if self.planned_units is None else self.planned_units * len(self.design.arms)

    @property
    def planned_pair(self) -> int | None:
        """The planned units of an arm and the control together."""
        return None if self.planned_units is None else 2 * self.planned_units

    @property
    def n_star(self) -> float:
        """N* of always-valid bounds: the planned units of two arms, 5,000 without a plan."""
        return float(self.planned_pair or DEFAULT_N_STAR)

    @cached_property
    def analysis(self) -> AnalysisPlan:
        """The plan as power and futility ask for it."""
        kind, n_star = self.inference, None
        if self.planned_units is None and kind is InferenceKind.ALWAYS_VALID:
            n_star = DEFAULT_N_STAR
        return AnalysisPlan(kind, self.alpha, max(self.power, self.alpha + 0.01), self.planned_looks, n_star=n_star)

    @property
    def is_placebo(self) -> bool:
        """Whether all arms are the same by their payloads: an A/A test."""
        payloads = [arm.payload for arm in self.design.arms]
        has_payload = bool(self.design.payload_kind) or payloads[0] is not None
        return has_payload and all(payload == payloads[0] for payload in payloads)
