"""Multivariate tests: every combination of the levels of several factors is an arm.

An effect is a contrast of cell values. A main effect averages over the levels of the other factors with equal weight;
an interaction is a difference of differences. A joint test is Wald's χ² = (Ch)' (C V C')⁻¹ (Ch), where V holds the
variances of the cells.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from math import prod

import numpy as np
from scipy import special

from experiments.stats.estimands import Estimand
from experiments.stats.estimates import Estimate, arm_estimate, contrast
from experiments.stats.moments import ArmMoments, Floats
from experiments.stats.sequential import DEFAULT_N_STAR, always_valid_joint_p

Cell = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LevelEffect:
    """The effect of one level of a factor against its first level, averaged over all other factors."""

    factor: int
    level: int
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class WaldTest:
    """A joint test of several contrasts; `factors` are those concerned. p is 1 where a cell allows no estimate.

    `p_value` is for one look at the planned size. While a test is watched, `watched_p_value` is the one to read.
    """

    factors: tuple[int, ...]
    chi_square: float
    degrees_of_freedom: int
    p_value: float
    n: int

    def watched_p_value(self, *, alpha: float = 0.05, n_star: float = DEFAULT_N_STAR) -> float:
        """Return the always-valid p-value; N* is the planned number of units of all cells together."""
        if self.n == 0:
            return 1.0
        return float(always_valid_joint_p(self.chi_square, self.degrees_of_freedom, self.n, alpha=alpha, n_star=n_star))


@dataclass(frozen=True, slots=True)
class FactorialAnalysis:
    """All that a table of results shows: main effects, their tests, interactions, and whether anything differs."""

    level_effects: tuple[LevelEffect, ...]
    main_effects: tuple[WaldTest, ...]
    interactions: tuple[WaldTest, ...]
    joint: WaldTest


def factorial_analysis(
    cells: Mapping[Cell, ArmMoments], levels: Sequence[int], estimand: Estimand
) -> FactorialAnalysis:
    """Return the analysis of a full factorial; `cells` maps the level of each factor, counted from 0, to its arm.

    Raises ValueError where a cell is missing or a factor has fewer than two levels.
    """
    arms = _ordered(cells, levels)
    factors = range(len(levels))
    return FactorialAnalysis(
        level_effects=tuple(
            LevelEffect(factor, level, contrast(arms, _level_weights(levels, factor, level), estimand))
            for factor in factors
            for level in range(1, levels[factor])
        ),
        main_effects=tuple(_wald(arms, levels, (factor,), estimand) for factor in factors),
        interactions=tuple(
            _wald(arms, levels, group, estimand)
            for size in range(2, len(levels) + 1)
            for group in combinations(factors, size)
        ),
        joint=joint_test(arms, estimand),
    )


def interaction(cells: Mapping[Cell, ArmMoments], estimand: Estimand) -> Estimate:
    """Return the interaction of a 2×2: (y₁₁ − y₁₀) − (y₀₁ − y₀₀)."""
    arms = _ordered(cells, (2, 2))
    return contrast(arms, [1.0, -1.0, -1.0, 1.0], estimand)


def joint_test(arms: Sequence[ArmMoments], estimand: Estimand) -> WaldTest:
    """Return the test of whether any arm differs from the first. Raises ValueError where there are fewer than two."""
    if len(arms) < 2:
        raise ValueError("a joint test needs two arms")
    matrix = np.hstack([-np.ones((len(arms) - 1, 1)), np.eye(len(arms) - 1)])
    return _wald_of(matrix, arms, (), estimand)


def _ordered(cells: Mapping[Cell, ArmMoments], levels: Sequence[int]) -> list[ArmMoments]:
    if not levels or min(levels) < 2:
        raise ValueError("every factor needs two levels")
    try:
        return [cells[cell] for cell in product(*map(range, levels))]
    except KeyError as missing:
        raise ValueError(f"the cell {missing} of the factorial is missing") from missing


def _level_weights(levels: Sequence[int], factor: int, level: int) -> list[float]:
    """Return weights that compare a level with the first one, averaged over the other factors."""
    others = prod(levels) // levels[factor]
    signs = {level: 1 / others, 0: -1 / others}
    return [signs.get(cell[factor], 0.0) for cell in product(*map(range, levels))]


def _wald(arms: Sequence[ArmMoments], levels: Sequence[int], group: tuple[int, ...], estimand: Estimand) -> WaldTest:
    """Return the test of a main effect or an interaction: differences along its factors, averages along the others."""
    matrix = np.ones((1, 1))
    for factor, count in enumerate(levels):
        differences = np.hstack([-np.ones((count - 1, 1)), np.eye(count - 1)])
        matrix = np.kron(matrix, differences if factor in group else np.full((1, count), 1 / count))
    return _wald_of(matrix, arms, group, estimand)


def _wald_of(matrix: Floats, arms: Sequence[ArmMoments], group: tuple[int, ...], estimand: Estimand) -> WaldTest:
    estimates = [arm_estimate(arm, estimand) for arm in arms]
    freedom, n = len(matrix), sum(arm.n for arm in arms)
    if not all(estimate.is_usable for estimate in estimates):
        return WaldTest(group, 0.0, freedom, 1.0, n)
    values = matrix @ np.array([estimate.value for estimate in estimates])
    spread = matrix @ np.diag([estimate.standard_error**2 for estimate in estimates]) @ matrix.T
    chi_square = float(values @ np.linalg.solve(spread, values))
    return WaldTest(group, chi_square, freedom, float(special.chdtrc(freedom, chi_square)), n)
