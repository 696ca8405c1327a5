"""What a plan starts from: how many shoppers come, and the present value of a metric with its spread."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.db import InterfaceError, OperationalError

from common import clock, postgres
from events.unit_sums import new_shoppers_by_day, unit_sums
from experiments.metrics.base import MOST_LISTS, VISIT_MINUTES, Metric
from experiments.stats.moments import ArmMoments, arm_from_sums
from experiments.stats.power import unit_variance

DAYS: Final = 28
MOST_SECONDS: Final = 5.0
"""A form can do without these numbers, so a large shop's scan is given up then."""
KEPT_SECONDS: Final = 600.0
MOST_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Baseline:
    """A metric among the shoppers of the last days: its value, and its variance per shopper."""

    units: int
    value: float
    variance: float


class _Answers:
    """Values that are read again after ten minutes, for each question."""

    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[float, Any]] = {}

    def get(self, question: Hashable, read: Callable[[], Any]) -> Any:
        """Return the answer; None where reading takes too long."""
        now = time.monotonic()
        if question in self._values and now - self._values[question][0] < KEPT_SECONDS:
            return self._values[question][1]
        if len(self._values) >= MOST_KEPT:
            self._values.clear()
        try:
            with postgres.time_limit(MOST_SECONDS):
                value = read()
        except (OperationalError, InterfaceError):
            value = None
        self._values[question] = (now, value)
        return value

    def forget(self) -> None:
        """Read everything anew."""
        self._values.clear()


recent_numbers: Final = _Answers()
"""The numbers of this process."""


def traffic(placement: str | None) -> tuple[int, ...] | None:
    """Return how many shoppers came for the first time on each of the last 28 days: to the placement, or at all.

    None where counting takes too long.
    """
    until = clock.now()
    since = until - timedelta(days=DAYS)
    result: tuple[int, ...] | None = recent_numbers.get(
        ("traffic", placement),
        lambda: tuple(new_shoppers_by_day(since=since, until=until, placement=placement)),
    )
    return result


def baseline(metric: Metric, placement: str | None) -> Baseline | None:
    """Return the metric among the shoppers of 28 days, each within the metric's own window as an experiment counts it.

    None where it has no value or counting is too slow.
    """
    arm: ArmMoments | None = recent_numbers.get((metric, placement), lambda: _moments(metric, placement))
    if arm is None or arm.n < 2:
        return None
    places = {variable: place for place, variable in enumerate(metric.variables)}
    estimand = metric.estimand(places)
    try:
        value, _ = estimand.linearize(arm.mean_vector)
        variance = unit_variance(arm, estimand)
    except (ValueError, ZeroDivisionError, FloatingPointError):
        return None
    return Baseline(arm.n, float(value), variance) if value > 0 and variance > 0 else None


def _moments(metric: Metric, placement: str | None) -> ArmMoments:
    """Return the moments of the shoppers of 28 days, who all had their whole window since."""
    until = clock.now()
    window = timedelta(hours=max(one.window_hours or 0 for one in metric.variables))
    sums = unit_sums(
        metric.variables,
        since=until - window - timedelta(days=DAYS),
        until=until,
        visit=timedelta(minutes=VISIT_MINUTES),
        most_lists=MOST_LISTS,
        placement=placement,
    )
    return arm_from_sums(sums.n, sums.sums, sums.products)
