"""Is the experiment healthy? Shoppers seen in two arms, arms that differed before the start, and the A/A mode."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from experiments.stats.corrections import adjusted_p_values
from experiments.stats.estimands import Estimand
from experiments.stats.factorial import joint_test
from experiments.stats.moments import ArmMoments
from experiments.stats.sequential import DEFAULT_N_STAR

MOST_SWITCHERS = 0.01
IMBALANCE_ALPHA = 0.001
# An A/A run of so few p-values says nothing about their distribution.
FEWEST_P_VALUES = 20


@dataclass(frozen=True, slots=True)
class SwitchCheck:
    """Units that were in more than one arm within an epoch: quarantined, and a warning above `most`."""

    quarantined: int
    share: float
    most: float

    @property
    def is_too_many(self) -> bool:
        """Tell whether the share of switchers needs a warning."""
        return self.share > self.most


@dataclass(frozen=True, slots=True)
class ImbalanceCheck:
    """Whether arms differed in what was measured before their exposure; p-values are Holm's, one for each estimand."""

    p_values: tuple[float, ...]
    alpha: float

    @property
    def is_imbalanced(self) -> bool:
        """Tell whether any covariate differs more than chance allows."""
        return min(self.p_values, default=1.0) < self.alpha


@dataclass(frozen=True, slots=True)
class AaCheck:
    """What p-values of comparisons without a difference look like: `share` are below alpha.

    `low` and `high` bound the true share (95 %, Clopper–Pearson), `uniformity_p` is Kolmogorov–Smirnov's.
    """

    comparisons: int
    share: float
    low: float
    high: float
    uniformity_p: float
    alpha: float

    @property
    def is_healthy(self) -> bool:
        """Tell whether no more differences appear than alpha allows. Few comparisons cannot say no."""
        return self.comparisons < FEWEST_P_VALUES or self.low <= self.alpha


def switch_check(switchers: int, units: int, *, most: float = MOST_SWITCHERS) -> SwitchCheck:
    """Return the share of units that changed the arm within an epoch.

    Raises ValueError where there are more switchers than units.
    """
    if not 0 <= switchers <= units:
        raise ValueError("switchers must be among the units")
    return SwitchCheck(switchers, switchers / units if units else 0.0, most)


def imbalance_check(
    arms: Sequence[ArmMoments],
    covariates: Sequence[Estimand],
    *,
    alpha: float = IMBALANCE_ALPHA,
    n_star: float = DEFAULT_N_STAR,
) -> ImbalanceCheck:
    """Return whether the arms differ in covariates from before the exposure.

    Joint tests, always-valid since a dashboard is watched, corrected after Holm.
    """
    raw = [joint_test(arms, covariate).watched_p_value(alpha=alpha, n_star=n_star) for covariate in covariates]
    return ImbalanceCheck(adjusted_p_values(raw), alpha)


def aa_check(p_values: Sequence[float], *, alpha: float = 0.05) -> AaCheck:
    """Return what the p-values of A/A comparisons (fixed horizon) say about the measuring itself."""
    values = np.asarray(p_values, dtype=np.float64)
    count, below = len(values), int((values < alpha).sum())
    if count == 0:
        return AaCheck(0, 0.0, 0.0, 1.0, 1.0, alpha)
    bounds = stats.binomtest(below, count).proportion_ci(0.95, method="exact")
    return AaCheck(
        count,
        below / count,
        float(bounds.low),
        float(bounds.high),
        float(stats.kstest(values, "uniform").pvalue),
        alpha,
    )
