"""Four shops to simulate experiments in: effect and standard error at every look, for many runs at once.

Every look adds new units to both arms. A world draws the sums that a shop would keep, and the formulas are those of
`experiments.stats.estimates` written for arrays; a test compares the two.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.stats.power import proportion_variance

Floats = NDArray[np.float64]
CHUNK_VALUES = 4_000_000


@dataclass(frozen=True)
class World:
    """`draw(rng, runs, looks, units, lift)` returns sums of one arm for each run and look, float[runs, looks, k].

    k = 2: Σx, Σx². k = 5: Σm, Σd, Σm², Σd², Σmd of a ratio. `units` is the planned size of an arm, `base` the value
    without a lift. `variance` returns that of the estimand for one unit, under a lift.
    """

    name: str
    base: float
    variance: Callable[[float], float]
    units: int
    draw: Callable[[np.random.Generator, int, int, int, float], Floats]

    def chunks(self, runs: int) -> Iterator[int]:
        """Return numbers of runs that together are `runs` and fit into memory one by one."""
        size = max(1, CHUNK_VALUES // self.units)
        yield from (min(size, runs - start) for start in range(0, runs, size))


@dataclass(frozen=True)
class Runs:
    """Effect and standard error at every look, float[runs, looks]; `n` units of both arms, float[looks]."""

    effect: Floats
    error: Floats
    n: Floats

    @property
    def z(self) -> Floats:
        """Return the statistics; 0 where there is no spread yet."""
        return np.divide(self.effect, self.error, out=np.zeros_like(self.effect), where=self.error > 0)


def simulate(
    world: World,
    rng: np.random.Generator,
    *,
    runs: int,
    looks: int,
    lift: float,
    shares: tuple[float, float] = (0.5, 0.5),
) -> Runs:
    """Return runs of an experiment whose treatment has the base value times 1 + lift; shares of control, treatment."""
    first, second = (round(2 * world.units * share) // looks for share in shares)
    parts = [
        _effects(
            (world.draw(rng, part, looks, first, 0.0), first), (world.draw(rng, part, looks, second, lift), second)
        )
        for part in world.chunks(runs)
    ]
    n = (first + second) * np.arange(1.0, looks + 1)
    return Runs(np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts]), n)


def _effects(control: tuple[Floats, int], treatment: tuple[Floats, int]) -> tuple[Floats, Floats]:
    """Return effect and error at each look, from the sums of each arm and its units for each look."""
    values, variances = [], []
    for sums, units in (control, treatment):
        n = units * np.arange(1.0, sums.shape[1] + 1)
        value, variance = _value(sums.cumsum(axis=1), n)
        values.append(value)
        variances.append(variance / n)
    return values[1] - values[0], np.sqrt(np.maximum(variances[0] + variances[1], 0))


def _value(sums: Floats, n: Floats) -> tuple[Floats, Floats]:
    """Return the estimand and its variance for one unit."""
    if sums.shape[2] == 2:
        total, squares = np.moveaxis(sums, 2, 0)
        return total / n, (squares - total**2 / n) / (n - 1)
    m, d, mm, dd, md = np.moveaxis(sums, 2, 0) / n
    ratio = m / d
    variance = (mm - m**2) - 2 * ratio * (md - m * d) + ratio**2 * (dd - d**2)
    return ratio, variance / d**2 * n / (n - 1)


def _normal(rng: np.random.Generator, runs: int, looks: int, units: int, lift: float) -> Floats:
    """Mean 10, standard deviation 20: mean and sum of squares of normal values are independent."""
    mean = 10 * (1 + lift) + 20 / np.sqrt(units) * rng.standard_normal((runs, looks))
    return np.stack([units * mean, 400 * rng.chisquare(units - 1, (runs, looks)) + units * mean**2], axis=2)


def _conversion(rng: np.random.Generator, runs: int, looks: int, units: int, lift: float) -> Floats:
    """One in a hundred buys."""
    buyers = rng.binomial(units, 0.01 * (1 + lift), (runs, looks)).astype(np.float64)
    return np.stack([buyers, buyers], axis=2)


def _revenue(rng: np.random.Generator, runs: int, looks: int, units: int, lift: float) -> Floats:
    """Five in a hundred buy, for lognormal amounts (σ = 1); more buy under the lift."""
    buyers = rng.binomial(units, 0.05 * (1 + lift), (runs, looks))
    amounts = rng.lognormal(3.0, 1.0, int(buyers.sum()))
    ends = buyers.ravel().cumsum()
    sums = [np.concatenate([[0.0], values.cumsum()]) for values in (amounts, amounts**2)]
    return np.stack([(s[ends] - s[ends - buyers.ravel()]).reshape(runs, looks) for s in sums], axis=2)


def _order_value(rng: np.random.Generator, runs: int, looks: int, units: int, lift: float) -> Floats:
    """Sum over sum: one order or more, whose value varies with the shopper's taste."""
    orders = 1.0 + rng.poisson(0.6, (runs, looks, units))
    revenue = orders * rng.lognormal(3.0, 0.6, (runs, looks, units)) * (1 + lift)
    columns = (revenue, orders, revenue**2, orders**2, revenue * orders)
    return np.stack([column.sum(axis=2) for column in columns], axis=2)


# Moments of the last two worlds, by those of the lognormal and the Poisson distribution.
REVENUE_MEAN, REVENUE_SQUARE = float(0.05 * np.exp(3.5)), float(0.05 * np.exp(8.0))
# Var(m − Rd) / μd² with m = d·a: E d² Var a / (E d)².
ORDER_VALUE = float(np.exp(3.18))
ORDER_VALUE_VARIANCE = float((1.6**2 + 0.6) * np.expm1(0.36) * np.exp(6.36) / 1.6**2)


def _conversion_variance(lift: float) -> float:
    return proportion_variance(0.01 * (1 + lift))


def _revenue_variance(lift: float) -> float:
    return (1 + lift) * REVENUE_SQUARE - ((1 + lift) * REVENUE_MEAN) ** 2


WORLDS = (
    World("normal", 10.0, lambda _: 400.0, 10_000, _normal),
    World("conversion 1 %", 0.01, _conversion_variance, 200_000, _conversion),
    World("revenue", REVENUE_MEAN, _revenue_variance, 50_000, _revenue),
    World("order value", ORDER_VALUE, lambda lift: ORDER_VALUE_VARIANCE * (1 + lift) ** 2, 3_000, _order_value),
)
