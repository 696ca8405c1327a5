"""From two models and a fold to the case: whose answers, whose rows, which groups."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.evaluation.model_checks import held_out_case as heldout
from recsys.evaluation.model_checks.case import POPULAR, Limits
from recsys.evaluation.model_checks.held_out_case import activity, build_case, fitted_until_by_part
from recsys.sources.registry import make
from recsys.training.served_slates import model_slates
from tests.recsys.planted_bundles import ITEMS, fold, honest


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heldout, "LATENCY_SAMPLES", 3)


def test_a_champion_is_the_reference_and_so_are_its_rows() -> None:
    ours, asked = honest(fold()), fold()
    single = {**ours.manifest, "stage": "single", "until": asked.until - 1e9}
    champion, labels = replace(ours, manifest=single), ("north", "") * len(asked)

    case = build_case(
        ours, asked, champion=champion, labels={"region": labels[: len(asked)]}, limits=Limits(latency_p99_ms=9.0)
    )

    for table, model in ((case.challenger, ours), (case.reference, champion)):
        assert table.slates.tolist() == model_slates(model, asked).tolist()
        assert [own.tolist() for own in table.targets] == [own.tolist() for own in asked.targets]
        assert table.groups == {"activity": activity(asked), "region": labels[: len(asked)]}
    assert case.challenger.slates.tolist() != case.reference.slates.tolist()
    assert (case.has_champion, case.reference_stage, case.limits.latency_p99_ms) == (True, "single", 9.0)
    assert case.challenger.fitted_until == asked.until == case.catalog_view.cut
    assert case.reference.fitted_until == asked.past.times.max() < asked.until
    assert case.challenger.latency_ms is not None
    assert (len(case.challenger.latency_ms), case.reference.latency_ms) == (3, None)
    assert case.catalog_view.popularity.tolist() == [(asked.past.items == code).sum() for code in range(ITEMS)]


def test_without_a_champion_the_reference_is_what_is_popular() -> None:
    ours, asked = honest(fold()), fold()

    case = build_case(ours, asked, champion=None, labels={})

    assert case.reference.slates.tolist() == model_slates(ours, asked, strategy=POPULAR).tolist()
    assert case.reference.slates.tolist() != case.challenger.slates.tolist()
    assert (case.has_champion, case.reference_stage, case.limits, case.expected) == (False, POPULAR, Limits(), None)


def test_a_part_that_learnt_nothing_is_out() -> None:
    asked, latest = fold(), max(float(own.times.max(initial=-np.inf)) for own in fold().profiles)
    model = replace(honest(asked), sources={"popular": make("popular")})
    past = float(asked.past.times.max())

    assert fitted_until_by_part(model, asked) == {
        "plan": asked.until,
        "past": past,
        "statistics": past,
        "profiles": latest,
    }
