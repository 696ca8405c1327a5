"""One comparison by each of the three inferences."""

import pytest

from experiments.stats.estimands import Mean
from experiments.stats.inference import compare
from experiments.stats.methods import method_of
from experiments.stats.moments import proportion_arm
from experiments.stats.power import AnalysisPlan, InferenceKind, planned_boundaries

CONTROL, TREATMENT = proportion_arm(5_000, 500), proportion_arm(5_000, 600)


@pytest.mark.parametrize("kind", InferenceKind)
def test_at_the_planned_size_intervals_reach_to_the_planned_bound(kind: InferenceKind) -> None:
    plan = AnalysisPlan(kind, looks=1)

    comparison = compare(CONTROL, TREATMENT, Mean(), method_of(plan, 10_000, sizes=[10_000]))

    reach = (
        comparison.absolute.high - comparison.absolute.estimate.value
    ) / comparison.absolute.estimate.standard_error
    assert reach == pytest.approx(planned_boundaries(plan).upper[-1], rel=1e-3)
    assert comparison.is_significant


def test_a_given_n_star_is_used() -> None:
    near, far = (compare(CONTROL, TREATMENT, Mean(), method_of(AnalysisPlan(n_star=n), 10_000)) for n in (10_000, 100))

    assert far.absolute.low < near.absolute.low


def test_an_early_group_sequential_look_is_wide() -> None:
    method = method_of(AnalysisPlan(InferenceKind.GROUP_SEQUENTIAL), 100_000, sizes=[5_000, 10_000])

    assert not compare(CONTROL, TREATMENT, Mean(), method).is_significant
