"""The champion's plan on the challenger's past: an equal plan gives equal slates, and the window stays unseen."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.interactions import Interactions
from recsys.evaluation.model_checks.held_out_case import build_case
from recsys.evaluation.model_checks.verdict import Verdict
from recsys.evaluation.pipeline import OWN_SHARE, TrainedBundle, train
from recsys.ranking.model import HybridModel
from recsys.sources.registry import RECOMMENDERS
from recsys.training import champion_refit as rival
from recsys.training.champion_refit import plan_of, refitted
from recsys.training.plan import Plan
from recsys.training.served_slates import model_slates
from tests.recsys.shop_history import history, products

SOURCES = ("covisitation", "popular", "rp3beta")


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return build(history(), products())


@pytest.mark.slow
def test_the_same_plan_is_as_good_as_itself_and_passes_the_gate(dataset: Dataset) -> None:
    manifest = json.loads(json.dumps(train(dataset, names=SOURCES, exposure=0.2).bundle.manifest))
    plan = plan_of(manifest)

    told: list[tuple[str, float]] = []
    again = train(
        dataset, names=SOURCES, exposure=0.2, rival=plan, progress=lambda step, share: told.append((step, share))
    )

    shares = [share for _, share in told]
    assert shares == sorted(shares)
    assert {share for step, share in told if "champion's plan" in step} >= {OWN_SHARE}
    assert told[-1] == ("Done", 1.0)
    assert again.rival is not None
    assert (model_slates(again.rival, again.test) == model_slates(again.tested, again.test)).all()
    assert again.rival.manifest["until"] == again.test.until
    case = build_case(replace(again.tested), again.test, champion=again.rival, labels={})
    assert [check.name for check in Verdict.of(case, reference="itself").failed if check.name != "latency"] == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"quotas": {"magic": 5}}, "not here: magic"),
        ({"features": ["magic"]}, "not here: magic"),
        ({"configs": {"popular": {"gone": 1}}}, "not here: popular"),
        ({"quotas": {"popular": 5, "sequence_net": 5}}, "not here: sequence_net"),
        ({"unheard_of": 1}, "another release"),
    ],
)
def test_a_plan_that_this_code_cannot_follow_is_refused_in_words(
    changed: dict[str, Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"configs": {}, "quotas": {"popular": 5}, "blend": {}, "single": "popular", "stage": "popular",
            "features": [], "rankers": []}  # fmt: skip
    monkeypatch.setattr(RECOMMENDERS["sequence_net"], "installed", classmethod(lambda cls: False))

    assert plan_of({"plan": plan}).features == ()
    with pytest.raises(ValueError, match=told):
        plan_of({"plan": {**plan, **changed}})
    with pytest.raises(ValueError, match="another release"):
        plan_of({})


@pytest.fixture
def once(small_training: TrainedBundle) -> TrainedBundle:
    return small_training


def test_a_source_that_the_champion_set_otherwise_or_has_alone_is_fitted_anew(once: TrainedBundle) -> None:
    plan = plan_of(once.tested.manifest)
    configs = {**plan.configs, "rp3beta": {**plan.configs.get("rp3beta", {}), "alpha": 0.123}}
    other = replace(plan, stage="blend", quotas={**plan.quotas, "trending": 20}, configs=configs)

    held = refitted(other, [once.test], once.test, beside=once.tested)

    assert held is not None
    assert held.sources["rp3beta"].config.alpha == 0.123  # type: ignore[attr-defined]
    assert held.sources["popular"] is once.tested.sources["popular"]
    assert sorted(held.sources) == sorted(other.quotas)
    assert held.ranker is None, "nobody asks it below its stage"


def test_the_champion_knows_nothing_of_products_that_appear_later(once: TrainedBundle) -> None:
    plan = plan_of(once.tested.manifest)
    appeared = np.zeros(once.tested.catalogue.n_items)
    appeared[3] = once.test.until + 1
    dated = replace(once.tested.catalogue, first_seen=appeared)

    held = refitted(replace(plan, stage="blend"), [once.test], replace(once.test, whole=dated), beside=once.tested)

    assert held is not None
    assert held.catalogue.titles == dated.at(once.test.until).titles != dated.titles


def test_the_champions_lift_and_exposure_are_followed_too(once: TrainedBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it lifts is bounded by its own plan and by profiles as live ones hold them, like what is released."""
    plan = plan_of(once.tested.manifest)
    lifted = replace(plan, stage="ranker", cold_lift=0.5, cold_share=1.0, exposure=0.4)

    def halved(model: HybridModel, own: Plan, past: Interactions, *, newest: int | None) -> HybridModel:
        assert (own, past, newest) == (lifted, once.test.past, 300)
        return replace(model, cold_lift=model.cold_lift / 2)

    monkeypatch.setattr(rival, "bounded", halved)

    held = refitted(lifted, [once.test], once.test, beside=once.tested, newest=300)

    assert held is not None
    assert held.cold_lift == 0.25
    assert held.exposure is not None
    assert held.exposure.strength == 0.4
    assert len(held.exposure.excess) == once.tested.catalogue.n_items
