"""The champion's plan on the challenger's past: an equal plan gives equal slates, and the window stays unseen."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys.data.folds import Fold
from recsys.evaluation.model_checks.held_out_case import build_case
from recsys.evaluation.model_checks.verdict import Verdict
from recsys.ranking.model import HybridModel
from recsys.ranking.network import Network
from recsys.sources.registry import RECOMMENDERS
from recsys.training.plan import Plan, plan_of
from recsys.training.refit import refit_champion
from recsys.training.served_slates import model_slates
from tests.recsys.trainings import TrainedShop


def earlier(shop: TrainedShop) -> list[Fold]:
    """Return the windows before the test window, as a training hands them over."""
    folds = shop.training.folds
    return [*folds.learning, folds.validation]


def followed(shop: TrainedShop, plan: Plan, test: Fold | None = None) -> HybridModel:
    """Return the plan, fitted on the past of the shop's test window."""
    model = refit_champion(plan, earlier(shop), test or shop.test, challenger=shop.training.model)
    assert model is not None
    return model


def test_the_same_plan_is_as_good_as_itself_and_passes_the_gate(small_training: TrainedShop) -> None:
    manifest = json.loads(json.dumps(small_training.model.manifest))
    plan = replace(plan_of(manifest), exposure=0.2)
    shares: list[float] = []

    champion = refit_champion(
        plan,
        earlier(small_training),
        small_training.test,
        challenger=small_training.training.model,
        progress=lambda step, share: shares.append(share),
    )

    assert champion is not None
    assert shares == sorted(shares)
    assert champion.exposure is not None
    assert champion.exposure.strength == 0.2
    assert len(champion.exposure.excess) == small_training.test.n_items
    assert champion.manifest["until"] == small_training.test.until
    case = build_case(champion, small_training.test, champion=champion, labels={})
    assert [check.name for check in Verdict.of(case, reference="itself").failed if check.name != "latency"] == []


def test_an_equal_plan_answers_alike(small_training: TrainedShop) -> None:
    champion = followed(small_training, small_training.training.plan)

    mine = model_slates(small_training.training.model, small_training.test)
    same = (model_slates(champion, small_training.test) == mine).mean()
    assert same > 0.5, "its ranker learns on the same windows, of which a training takes an even choice of questions"


def test_sources_with_equal_settings_are_shared_and_others_fitted_anew(small_training: TrainedShop) -> None:
    plan, model = small_training.training.plan, small_training.training.model
    configs = {**plan.configs, "rp3beta": {**plan.configs["rp3beta"], "alpha": 0.123}}
    other = replace(plan, stage="blend", quotas={**plan.quotas, "trending": 20}, configs=configs)

    champion = followed(small_training, other)

    assert vars(champion.sources["rp3beta"].config)["alpha"] == 0.123
    assert champion.sources["popular"] is model.sources["popular"]
    assert sorted(champion.sources) == sorted(other.quotas)


def test_the_champions_ranker_has_the_members_of_its_plan(small_training: TrainedShop) -> None:
    plan = replace(small_training.training.plan, stage="ranker")

    ranker = followed(small_training, plan).ranker

    assert ranker is not None
    assert [isinstance(model, Network) for model in ranker.models] == [False, True, False]
    assert followed(small_training, replace(plan, stage="blend")).ranker is None, "below its stage nobody asks it"


def test_a_champion_whose_ranker_finds_nothing_to_learn_from_cannot_be_followed(small_training: TrainedShop) -> None:
    plan, model = replace(small_training.training.plan, stage="ranker"), small_training.training.model
    nobody = [fold.of_rows(np.empty(0, np.int64)) for fold in earlier(small_training)]

    assert refit_champion(plan, nobody, small_training.test, challenger=model) is None
    assert refit_champion(plan, [], small_training.test, challenger=model) is None
    assert refit_champion(replace(plan, stage="blend"), [], small_training.test, challenger=model) is not None


def test_the_champion_knows_nothing_of_products_that_appear_later(small_training: TrainedShop) -> None:
    test, plan = small_training.test, replace(small_training.training.plan, stage="blend")
    appeared = np.zeros(test.n_items)
    appeared[3] = test.until + 1
    dated = replace(test.full_catalog, first_seen=appeared)

    champion = followed(small_training, plan, replace(test, full_catalog=dated))

    assert champion.catalog.titles == dated.at(test.until).titles != dated.titles


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"quotas": {"magic": 5}}, "not here: magic"),
        ({"configs": {"popular": {"gone": 1}}}, "not here: popular"),
        ({"quotas": {"popular": 5, "sequence_net": 5}}, "not here: sequence_net"),
        ({"unheard_of": 1}, "its plan has other parts"),
    ],
)
def test_a_plan_that_this_code_cannot_follow_is_refused_in_words(
    changed: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan({}, {"popular": 5}, {}, "popular", "popular").json()
    monkeypatch.setattr(RECOMMENDERS["sequence_net"], "installed", classmethod(lambda cls: False))

    assert plan_of({"plan": plan}).quotas == {"popular": 5}
    with pytest.raises(ValueError, match=words):
        plan_of({"plan": {**plan, **changed}})
    with pytest.raises(ValueError, match="its plan has other parts"):
        plan_of({})
