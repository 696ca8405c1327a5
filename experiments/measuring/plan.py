"""What is measured: the live experiments with their arms, epochs and variables, as the queries read them."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

from django.conf import settings
from django.db.models import Q

from experiments.design import LIVE_STATUSES
from experiments.metrics.base import BEFORE_DAYS, Aggregate, Variable
from experiments.models import Experiment
from experiments.selectors.designs import live_fingerprint
from experiments.selectors.metrics import activation_of, metrics_of, variables

VERSION: Final = 4
"""Raise it when the same events shall give other numbers: all experiments are then counted again."""


@dataclass(frozen=True, slots=True)
class EpochPlan:
    """An epoch: its number and the half-open time in which it is the present one; None is without end."""

    number: int
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class ExperimentPlan:
    """One experiment. `arms` maps what an exposure may say, a key or a position, to the key of an arm.

    `variables` are in the order of `Cell.sums`; those at the places of `sketched` have quantiles.
    """

    pk: int
    key: str
    started_at: datetime
    ended_at: datetime | None
    epochs: tuple[EpochPlan, ...]
    arms: tuple[tuple[str, str], ...]
    variables: tuple[Variable, ...]
    sketched: frozenset[int]
    activation: Variable | None

    @property
    def digest(self) -> str:
        """A hash of everything that the numbers depend on besides the events and `moments`."""
        parts = (VERSION, self.arms, self.variables, sorted(self.sketched), self.activation)
        shop = (settings.SHOP_TIME_ZONE, settings.SHOP_CURRENCY)
        return sha256(repr((parts, shop)).encode()).hexdigest()

    @property
    def moments(self) -> dict[str, float]:
        """When each epoch began, and the end: events before it are counted alike with and without it."""
        epochs = {f"epoch {one.number}": one.since.timestamp() for one in self.epochs}
        return epochs if self.ended_at is None else {**epochs, "end": self.ended_at.timestamp()}


@dataclass(frozen=True)
class Plan:
    """All experiments that are measured at once."""

    experiments: tuple[ExperimentPlan, ...]

    @cached_property
    def bases(self) -> tuple[Variable, ...]:
        """What is looked for in events and orders, each once: variables without window, time and kind of counting."""
        every = (one for plan in self.experiments for one in (*plan.variables, plan.activation) if one is not None)
        return tuple(dict.fromkeys(base_of(one) for one in every))

    @cached_property
    def base_numbers(self) -> dict[Variable, int]:
        """The place of each base."""
        return {base: number for number, base in enumerate(self.bases)}

    @property
    def width(self) -> int:
        """The most variables of an experiment."""
        return max((len(plan.variables) for plan in self.experiments), default=0)

    @cached_property
    def digests(self) -> dict[int, str]:
        """The digest of each experiment by its primary key."""
        return {plan.pk: plan.digest for plan in self.experiments}

    @property
    def since(self) -> datetime:
        """The time of the first event that may matter. Raises ValueError without experiments."""
        return min(plan.started_at for plan in self.experiments) - timedelta(days=BEFORE_DAYS, hours=1)

    @cached_property
    def keys(self) -> dict[int, str]:
        """The key of each experiment by its primary key."""
        return {plan.pk: plan.key for plan in self.experiments}

    def only(self, pks: Iterable[int]) -> "Plan":
        """Return the plan of some of the experiments."""
        chosen_pks = set(pks)
        return Plan(tuple(plan for plan in self.experiments if plan.pk in chosen_pks))


def pairs_of(width: int) -> list[tuple[int, int]]:
    """Return the pairs of places in the order of `Cell.products`."""
    return [(one, other) for one in range(width) for other in range(one, width)]


def base_of(variable: Variable) -> Variable:
    """Return what a variable looks for: `any` and `count` find the same."""
    aggregate: Aggregate = "sum" if variable.aggregate == "sum" else "count"
    return replace(variable, aggregate=aggregate, window_hours=None, is_before=False)


def read_plan() -> Plan:
    """Return the plan of all live experiments."""
    return _plan(Q(status__in=LIVE_STATUSES))


def plan_of(pks: Iterable[int]) -> Plan:
    """Return the plan of some experiments that were started, archived ones too."""
    return _plan(Q(pk__in=list(pks)))


def _plan(condition: Q) -> Plan:
    rows = Experiment.objects.filter(condition, started_at__isnull=False)
    return Plan(tuple(_plan_of(row) for row in rows.prefetch_related("arms", "epochs").order_by("pk")))


class PlanReader:
    """Reads the plan again only after an experiment was written."""

    def __init__(self) -> None:
        self._last: tuple[Any, Plan] | None = None

    def __call__(self) -> Plan:
        """Return the present plan."""
        fingerprint = (live_fingerprint(), settings.SHOP_TIME_ZONE, settings.SHOP_CURRENCY)
        if self._last is None or self._last[0] != fingerprint:
            self._last = fingerprint, read_plan()
        return self._last[1]


def _plan_of(row: Experiment) -> ExperimentPlan:
    epochs = sorted(row.epochs.all(), key=lambda one: one.number)
    untils = [*(one.started_at for one in epochs[1:]), None]
    keys = [arm.key for arm in sorted(row.arms.all(), key=lambda arm: arm.position)]
    positions = {str(place): key for place, key in enumerate(keys)}
    metrics = metrics_of(row)
    layout = variables(metrics)
    sketched = {one.numerator for one in metrics if one.has_quantiles or one.winsor_share is not None}
    assert row.started_at is not None
    return ExperimentPlan(
        pk=row.pk,
        key=row.key,
        started_at=row.started_at,
        ended_at=row.ended_at,
        epochs=tuple(EpochPlan(one.number, one.started_at, until) for one, until in zip(epochs, untils, strict=True)),
        arms=tuple(sorted((positions | {key: key for key in keys}).items())),
        variables=layout,
        sketched=frozenset(place for place, one in enumerate(layout) if one in sketched),
        activation=activation_of(row),
    )
