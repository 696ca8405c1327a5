"""From arrays to records: each arm against the control, in every row."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np

from experiments.analysis.bounds import Bounds, holm
from experiments.analysis.effects import Effects
from experiments.results import ArmComparison, Effect
from experiments.stats.moments import Floats


@dataclass(frozen=True, slots=True)
class Claims:
    """What may be called significant now. `past` are arms that an earlier look of the plan found significant.

    `present` says that the numbers of this moment decide: always in always-valid tests, at planned looks in others.
    """

    present: bool
    past: frozenset[str] = frozenset()


ALWAYS = Claims(present=True)
NEVER = Claims(present=False)


@dataclass(frozen=True, slots=True)
class Comparer:
    """Writes the comparisons of one metric, by the arms compared and the bounds of the plan."""

    arms: tuple[str, ...]
    bounds: Bounds
    higher_is_better: bool

    def rows(self, effects: Effects, claims: Claims) -> list[tuple[ArmComparison, ...]]:
        """Return the comparisons of each row."""
        p_values = self.bounds.p_values(effects)
        adjusted = holm(p_values)
        is_significant = self.bounds.significant(effects, adjusted) & claims.present
        reach = self.bounds.reach(effects)
        with np.errstate(invalid="ignore"):
            columns = [
                _numbers(effects.values, reach, effects.errors),
                _numbers(effects.shares, reach, effects.share_errors),
                p_values.tolist(),
                adjusted.tolist(),
                is_significant.tolist(),
                ((effects.values > 0) == self.higher_is_better).tolist(),
            ]
        return [tuple(map(self._comparison, self.arms, *row)) for row in zip(*columns, strict=True)]

    def first(self, effects: Effects, claims: Claims) -> tuple[ArmComparison, ...]:
        """Return the comparisons of the first row, with what earlier looks found."""
        return tuple(
            replace(one, is_significant=True) if one.arm in claims.past else one
            for one in self.rows(effects, claims)[0]
        )

    def effect(self, effects: Effects, treatment: int) -> Effect:
        """Return the absolute effect of the first row."""
        row = _numbers(effects.values[:1], self.bounds.reach(effects)[:1], effects.errors[:1])[0]
        return Effect(*row[treatment])

    @staticmethod
    def _comparison(
        arm: str,
        absolute: tuple[float | None, ...],
        relative: tuple[float | None, ...],
        p_value: float,
        adjusted: float,
        is_significant: bool,
        is_better: bool,
    ) -> ArmComparison:
        return ArmComparison(arm, Effect(*absolute), Effect(*relative), p_value, adjusted, is_significant, is_better)


def number(value: float) -> float | None:
    """Return a number, None where it is not finite."""
    return value if isfinite(value) else None


def _numbers(values: Floats, reach: Floats, errors: Floats) -> list[list[tuple[float | None, ...]]]:
    """Return value, low, high and standard error of each estimate; None where nothing can be said."""
    columns = values, values - reach * errors, values + reach * errors, errors
    return [
        [tuple(map(number, one)) for one in zip(*row, strict=True)]
        for row in _zipped(*(column.tolist() for column in columns))
    ]


def _zipped(*tables: list[list[float]]) -> Iterable[tuple[list[float], ...]]:
    return zip(*tables, strict=True)
