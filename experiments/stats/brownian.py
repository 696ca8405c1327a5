"""How a watched test ends: the probabilities of a Brownian motion with drift that is stopped at boundaries.

A test's z at information t behaves like S(t) / √t, where S is a Brownian motion whose drift θ is the effect over its
standard error at t = 1. Armitage, McPherson and Rowe (1969) integrate over the looks one after the other; here with
Gauss–Legendre nodes. One pass without drift is enough: its densities times exp(θs − θ²t / 2) are those with drift θ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil, inf, sqrt

import numpy as np
from scipy import special

from experiments.stats.moments import Floats

# Beyond so many standard deviations no path is followed.
REACH = 8.0
PANEL_NODES, PANEL_WEIGHTS = np.polynomial.legendre.leggauss(12)
PANEL_WIDTH = 5.0
MOST_PANELS = 120
# Siegmund (1985): watching at looks instead of all the time is like a boundary higher by so many √(time between looks).
DISCRETE_SHIFT = 0.5826


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths without drift that still run at a time: where they are, and with what probability."""

    time: float
    nodes: Floats
    mass: Floats

    def drifted_mass(self, drift: float) -> Floats:
        """Return the probabilities at the nodes under a drift."""
        return np.asarray(self.mass * np.exp(drift * self.nodes - drift**2 * self.time / 2))

    def above(self, time: float, level: float, drift: float = 0.0) -> float:
        """Return the probability of still running now and being above `level` (in S) at the later `time`."""
        return self._tail(time, level, drift, sign=1.0)

    def below(self, time: float, level: float, drift: float = 0.0) -> float:
        """Return the probability of still running now and being below `level` (in S) at the later `time`."""
        return self._tail(time, level, drift, sign=-1.0)

    def advance(self, time: float, low: float, high: float, *, gap: float) -> "Paths":
        """Return the paths between `low` and `high` at the later `time`; the next look comes `gap` after it."""
        step = time - self.time
        low, high = max(low, -REACH * sqrt(time)), min(high, REACH * sqrt(time))
        nodes, weights = _nodes(low, high, sqrt(min(step, gap)))
        distance = nodes[:, None] - self.nodes[None, :]
        density = np.exp(distance**2 / (-2 * step)) @ self.mass / sqrt(2 * np.pi * step)
        return Paths(time, nodes, density * weights)

    def _tail(self, time: float, level: float, drift: float, *, sign: float) -> float:
        step = time - self.time
        if level == sign * inf:
            return 0.0
        distance = (self.nodes + drift * step - level) * (sign / sqrt(step))
        return float(self.drifted_mass(drift) @ special.ndtr(distance))


START = Paths(0.0, np.zeros(1), np.ones(1))


@dataclass(frozen=True)
class Boundaries:
    """When a test stops: at information `times`, where z ≥ upper or z ≤ lower. At the last look it stops anyway.

    Raises ValueError where times do not rise from above 0, or a lower boundary is not below the upper one.
    """

    times: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]

    def __post_init__(self) -> None:
        require_rising(self.times)
        if any(low > high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError("a lower boundary must lie below the upper one")

    @cached_property
    def paths(self) -> tuple[Paths, ...]:
        """Return the paths that run before each look."""
        running = [START]
        for look, time in enumerate(self.times[:-1]):
            root, gap = sqrt(time), self.times[look + 1] - time
            running.append(running[-1].advance(time, self.lower[look] * root, self.upper[look] * root, gap=gap))
        return tuple(running)

    def upper_exits(self, drift: float, *, looks: int | None = None) -> Floats:
        """Return for each look, or the first `looks`, the probability of stopping there at the upper boundary."""
        each = list(zip(self.paths, self.times, self.upper, strict=True))[:looks]
        return np.array([paths.above(time, bound * sqrt(time), drift) for paths, time, bound in each])

    def lower_exits(self, drift: float, *, looks: int | None = None) -> Floats:
        """Return for each look, or the first `looks`, the probability of stopping there at the lower boundary."""
        each = list(zip(self.paths, self.times, self.lower, strict=True))[:looks]
        return np.array([paths.below(time, bound * sqrt(time), drift) for paths, time, bound in each])

    def power(self, drift: float) -> float:
        """Return the probability of ever stopping at the upper boundary."""
        return float(self.upper_exits(drift).sum())

    def expected_time(self, drift: float) -> float:
        """Return the mean information at which the test stops."""
        stops = (self.upper_exits(drift) + self.lower_exits(drift))[:-1]
        times = np.array(self.times)
        return float(stops @ times[:-1] + (1 - stops.sum()) * times[-1])


def require_rising(times: Sequence[float]) -> None:
    """Raise ValueError where times of looks do not rise from above 0, or there are none."""
    if len(times) == 0 or np.diff((0.0, *times)).min() <= 0:
        raise ValueError("times of looks must rise from above 0")


def even_times(looks: int) -> tuple[float, ...]:
    """Return equally spaced information times, the last of them 1."""
    return tuple((np.arange(1, looks + 1) / looks).tolist())


def symmetric(times: Sequence[float], upper: Sequence[float]) -> Boundaries:
    """Return two-sided boundaries ±upper."""
    return Boundaries(tuple(times), tuple(-bound for bound in upper), tuple(upper))


def _nodes(low: float, high: float, scale: float) -> tuple[Floats, Floats]:
    """Return Gauss–Legendre nodes and weights on [low, high]: one panel for every PANEL_WIDTH kernels' deviations."""
    count = min(max(1, ceil((high - low) / (PANEL_WIDTH * scale))), MOST_PANELS)
    edges = np.linspace(low, high, count + 1)
    half = (high - low) / count / 2
    nodes = (edges[:-1, None] + half * (PANEL_NODES + 1)).ravel()
    return nodes, np.tile(half * PANEL_WEIGHTS, count)
