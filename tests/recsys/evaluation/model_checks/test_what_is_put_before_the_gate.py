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
    ours, questions = honest(fold()), fold()
    single = {**ours.manifest, "stage": "single", "until": questions.until - 1e9}
    champion, labels = replace(ours, manifest=single), ("north", "") * len(questions)

    case = build_case(
        ours,
        questions,
        champion=champion,
        labels={"region": labels[: len(questions)]},
        limits=Limits(latency_p99_ms=9.0),
    )

    for table, model in ((case.challenger, ours), (case.reference, champion)):
        assert table.slates.tolist() == model_slates(model, questions).tolist()
        assert [own.tolist() for own in table.targets] == [own.tolist() for own in questions.targets]
        assert table.groups == {"activity": activity(questions), "region": labels[: len(questions)]}
    assert case.challenger.slates.tolist() != case.reference.slates.tolist()
    assert (case.has_champion, case.reference_stage, case.limits.latency_p99_ms) == (True, "single", 9.0)
    assert case.challenger.fitted_until == questions.until == case.catalog_view.cut
    assert case.reference.fitted_until == questions.past.times.max() < questions.until
    assert case.challenger.latency_ms is not None
    assert (len(case.challenger.latency_ms), case.reference.latency_ms) == (3, None)
    assert case.catalog_view.popularity.tolist() == [(questions.past.items == code).sum() for code in range(ITEMS)]


def test_without_a_champion_the_reference_is_what_is_popular() -> None:
    ours, questions = honest(fold()), fold()

    case = build_case(ours, questions, champion=None, labels={})

    assert case.reference.slates.tolist() == model_slates(ours, questions, strategy=POPULAR).tolist()
    assert case.reference.slates.tolist() != case.challenger.slates.tolist()
    assert (case.has_champion, case.reference_stage, case.limits, case.expected) == (False, POPULAR, Limits(), None)


def test_a_part_that_learnt_nothing_is_out() -> None:
    questions, latest = fold(), max(float(own.times.max(initial=-np.inf)) for own in fold().profiles)
    model = replace(honest(questions), sources={"popular": make("popular")})
    past = float(questions.past.times.max())

    assert fitted_until_by_part(model, questions) == {
        "plan": questions.until,
        "past": past,
        "statistics": past,
        "profiles": latest,
    }
