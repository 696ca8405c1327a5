"""May the numbers be trusted? Sizes of arms, shoppers seen in two arms, arms that differed before, the A/A mode."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from experiments.analysis.effects import first_arms, moments_of
from experiments.analysis.metrics import Measured
from experiments.analysis.plan import Plan
from experiments.analysis.readings import Reading
from experiments.analysis.tables import Table
from experiments.analysis.words import percent
from experiments.assignment import bucket_shares
from experiments.results import ArmUnits, Health
from experiments.stats.checks import imbalance_check, switch_check
from experiments.stats.estimands import Mean
from experiments.stats.moments import ArmMoments
from experiments.stats.srm import sequential_srm, srm_check

FEWEST_UNITS: Final = 100
"""Of an arm, before arms are compared in what they did before: sums of so few are not near normal."""


def arm_units(plan: Plan, table: Table, reading: Reading) -> tuple[ArmUnits, ...]:
    """Return the sizes of the arms, beside what was planned: the weights of each epoch for the units that it had."""
    units = table.sums.n[:, 0].astype(np.int64)
    sizes, total = units.sum(axis=0).tolist(), max(int(units.sum()), 1)
    planned = (np.array(_weights(plan, table)) * units.sum(axis=1, keepdims=True)).sum(axis=0) / total
    weights = [arm.weight for arm in plan.design.arms] if not units.sum() else planned.tolist()
    quarantined = table.quarantined.sum(axis=0).tolist()
    return tuple(
        ArmUnits(
            arm=arm.key,
            name=arm.name,
            units=size,
            share=size / total,
            planned_share=weight,
            quarantined=switched,
            withheld=reading.withheld.get(arm.key, 0),
            machines=machines,
            capped=capped,
        )
        for arm, size, weight, switched, machines, capped in zip(
            plan.design.arms,
            sizes,
            weights,
            quarantined,
            table.machines.tolist(),
            table.capped.tolist(),
            strict=True,
        )
    )


def health_of(plan: Plan, table: Table, reading: Reading, measured: Sequence[Measured]) -> Health:
    """Return the health. Sizes count quarantined units as well: who switches may do so in one arm more often."""
    counts = (table.sums.n[:, 0].astype(np.int64) + table.quarantined).tolist()
    weights = _weights(plan, table)
    # χ² holds for one look, so it is asked only once nobody comes any more.
    ratio = sequential_srm(counts, weights) if plan.ended_at is None else srm_check(counts, weights)
    quarantined, units = int(table.quarantined.sum()), int(np.sum(counts))
    switches = switch_check(quarantined, units)
    many_switches = switches.share if switches.is_too_many else 0.0
    is_imbalanced = _is_imbalanced(table, measured, plan.n_star)
    return Health(
        srm_p_value=ratio.p_value,
        is_mismatch=ratio.is_mismatch,
        switch_share=switches.share,
        has_switchers=switches.is_too_many,
        is_imbalanced=is_imbalanced,
        counted_until=reading.counted_until,
        warnings=tuple(_warnings(plan, ratio.is_mismatch, many_switches, is_imbalanced)),
    )


def _weights(plan: Plan, table: Table) -> list[list[float]]:
    """Return the shares of arms in each epoch of the table that its buckets give, by the design where it has none."""
    own = {arm.key: arm.weight for arm in plan.design.arms}
    rows = [plan.weights.get(epoch, own) for epoch in table.epochs]
    weights = [tuple(max(row.get(arm, 0.0), 0.0) for arm in table.arms) for row in rows]
    return [list(bucket_shares(tuple(one / sum(row) for one in row), plan.design.coverage)) for row in weights]


def _is_imbalanced(table: Table, measured: Sequence[Measured], n_star: float) -> bool:
    """Tell whether the arms differed in the means of covariates, stratified by epoch."""
    places = sorted({place for one in measured if one.layout.covariate for place in one.layout.covariate.places})
    width = table.sums.sums.shape[-1]
    usable = [epoch for epoch in range(len(table.epochs)) if table.sums.n[epoch, 0].min() >= FEWEST_UNITS]
    if not places or not usable:
        return False
    moments = moments_of(table.sums.rows(slice(0, 1)), places, width=width)
    return _differ(first_arms(moments, usable), n_star)


@lru_cache(maxsize=512)
def _differ(arms: tuple[ArmMoments, ...], n_star: float) -> bool:
    """Tell whether the arms differ in the mean of any variable that has a spread in all of them."""
    variables = range(len(arms[0].means))
    means = [Mean(index) for index in variables if all(arm.covariance[index][index] > 0 for arm in arms)]
    return imbalance_check(arms, means, n_star=n_star).is_imbalanced


def _warnings(plan: Plan, is_mismatch: bool, switch_share: float, is_imbalanced: bool) -> list[str]:
    warnings = []
    if is_mismatch:
        warnings.append("The sizes of the arms contradict their weights: units are lost or counted wrongly.")
    if switch_share:
        warnings.append(f"{percent(switch_share)} of the units saw more than one arm; they are not analyzed.")
    if is_imbalanced:
        warnings.append("The arms differed before the experiment already: the assignment may be biased.")
    if plan.is_placebo:
        warnings.append("All arms are the same: this is an A/A test of the measuring itself.")
    return warnings
