"""The exposure constraint: the same order at strength 0, a wider shelf as it grows, at a price that the curve tells."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold
from recsys.data.profile import Context, Profile
from recsys.evaluation.exposure_tradeoff import STRENGTHS, tradeoff
from recsys.metrics.beyond_accuracy import coverage, exposure_counts, gini
from recsys.ranking.candidates import Candidates
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.model import HybridModel
from recsys.training import model_selection
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.served_slates import model_slates
from recsys.training.slates import slates
from recsys.training.training import test_candidates as candidates_of
from tests.recsys.furniture import model
from tests.recsys.shop_history import history, products
from tests.recsys.shops import catalog as shop_catalog
from tests.recsys.shops import interactions
from tests.recsys.trainings import TrainedShop
from tests.recsys.trainings import trained as train_shop

N_SHOPPERS, N_ITEMS = 200, 100


def most_like_the_first_items() -> tuple[Candidates, np.ndarray]:
    """Return all items as candidates of each shopper; low codes score best, and everybody has a taste of their own."""
    rows, items = np.repeat(np.arange(N_SHOPPERS), N_ITEMS), np.tile(np.arange(N_ITEMS), N_SHOPPERS)
    taste = np.random.default_rng(7).random(len(rows))
    nothing = np.zeros((len(rows), 1), np.float32)
    scores = (taste - items / N_ITEMS).astype(np.float32)
    return Candidates(rows, items, nothing, nothing, ("one",), N_SHOPPERS), scores


CANDIDATES, SCORES = most_like_the_first_items()
TARGETS = [np.array([row % 10]) for row in range(N_SHOPPERS)]


def measured(strength: float) -> ExposureConstraint:
    return ExposureConstraint.from_slates(slates(CANDIDATES, SCORES), n_items=N_ITEMS, strength=strength)


def test_excess_is_zero_below_the_equal_share_and_one_for_the_most_shown() -> None:
    excess = measured(0.5).excess

    assert excess.max() == 1.0
    assert excess[99] == 0.0
    assert ((excess >= 0) & (excess <= 1)).all()


def test_excess_grows_with_the_logarithm_of_what_the_first_ten_places_show() -> None:
    shown = np.full((4, 12), -1, np.int32)
    shown[:, 0], shown[:2, 1], shown[0, 2], shown[:2, 9], shown[:, 10:] = 0, 1, 2, 3, 4

    excess = ExposureConstraint.from_slates(shown, n_items=9, strength=0.5).excess

    # Nine places, one for each of nine items: these have 4, 2, 1 and 2 times as many, the last only behind the tenth.
    assert excess.tolist() == [1.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("shown", "excess"),
    [
        ([[0], [0], [1], [2]], [1.0, 0.0, 0.0, 0.0]),
        ([[0, 1], [2, 3]], [0.0, 0.0, 0.0, 0.0]),
        ([[-1], [-1]], [0.0, 0.0, 0.0, 0.0]),
    ],
)
def test_whoever_is_shown_most_has_all_of_the_excess_and_nobody_has_any_where_all_are_shown_alike_or_none(
    shown: list[list[int]], excess: list[float]
) -> None:
    assert ExposureConstraint.from_slates(np.array(shown, np.int32), n_items=4, strength=0.5).excess.tolist() == excess


def test_each_shoppers_scores_are_held_against_their_own_and_nobodys_against_none() -> None:
    rows, items = np.array([1, 1, 1, 2, 2]), np.array([0, 1, 2, 0, 2])
    nothing = np.zeros((5, 1), np.float32)
    exposure = ExposureConstraint(0.5, np.array([1.0, 0.5, 0.0], np.float32))

    eased = exposure.penalized_scores(
        Candidates(rows, items, nothing, nothing, ("one",), 3), np.array([12.0, 11.0, 10.0, -3.0, 97.0], np.float32)
    )
    none = exposure.penalized_scores(
        Candidates(rows[:0], items[:0], nothing[:0], nothing[:0], ("one",), 3), np.empty(0, np.float32)
    )

    assert eased.tolist() == [0.5, 0.25, 0.0, -0.5, 1.0]
    assert none.tolist() == []


def test_strength_zero_changes_nothing() -> None:
    assert measured(0.0).penalized_scores(CANDIDATES, SCORES) is SCORES


def curve(shop: TrainedShop, stage: str, *, strength: float = 0.0) -> list[dict[str, Any]]:
    """Return the curve of a small shop's model as if the stage had been earned."""
    released = replace(shop.training.model, manifest={**shop.training.model.manifest, "stage": stage})
    if strength:
        released = released.with_exposure(ExposureConstraint(strength, np.ones(shop.test.n_items, np.float32)))
    return tradeoff(released, shop.candidates, shop.test)


@pytest.mark.parametrize("stage", ["ranker", "blend"])
def test_the_curve_begins_at_what_is_shown_without_the_constraint(stage: str, small_training: TrainedShop) -> None:
    points = curve(small_training, stage)

    assert [point["strength"] for point in points] == list(STRENGTHS)
    assert points[0]["ndcg"] > points[-1]["ndcg"]
    unheld = small_training.report["test"][stage]["together"]["ndcg@10"]["value"]
    assert points[0]["ndcg"] == pytest.approx(unheld)


def test_the_chosen_strength_is_on_the_curve(small_training: TrainedShop) -> None:
    assert [point["strength"] for point in curve(small_training, "blend", strength=0.3)] == sorted({*STRENGTHS, 0.3})


@pytest.mark.parametrize("stage", ["single", "popular"])
def test_a_stage_of_one_source_has_no_curve(stage: str, small_training: TrainedShop) -> None:
    assert curve(small_training, stage) == []


def test_where_nobody_is_asked_there_is_no_curve(small_training: TrainedShop) -> None:
    nobody = small_training.test.of_rows(np.empty(0, np.int64))
    released = small_training.training.model

    assert tradeoff(released, candidates_of(released, nobody), nobody) == []


def test_the_curve_trades_hits_for_spread_of_what_could_be_shown() -> None:
    """Products 0 to 4 and 85 to 99 are on sale at the cut; the latter appeared in the month before it."""
    until, day = 1_700_000_000.0, 86_400.0
    appeared = np.full(N_ITEMS, until + day)
    appeared[:5], appeared[85:] = until - 90 * day, until - 10 * day
    whole = replace(shop_catalog(N_ITEMS), first_seen=appeared)
    profiles = [Profile.empty(until)] * N_SHOPPERS
    fold = Fold(interactions([], n_users=N_SHOPPERS), whole, np.arange(N_SHOPPERS), profiles, TARGETS, until, False)
    labels = np.zeros(len(SCORES), np.bool_)
    candidates = LabeledCandidates(CANDIDATES, np.zeros((len(SCORES), 1), np.float32), labels)
    released = SimpleNamespace(stage="ranker", ranker=SimpleNamespace(scores=lambda seen: SCORES), exposure=None)

    point = tradeoff(cast("HybridModel", released), candidates, fold)[0]

    shown = exposure_counts(slates(CANDIDATES, SCORES), N_ITEMS)
    on_sale, new = appeared <= until, appeared == until - 10 * day
    assert (point["coverage"], point["gini"]) == (coverage(shown[on_sale]), gini(shown[on_sale]))
    assert point["new_items"] == pytest.approx(shown[new].sum() / shown.sum())
    spread = tradeoff(cast("HybridModel", released), candidates, replace(fold, full_catalog=shop_catalog(N_ITEMS)))
    assert spread[0]["coverage"] < spread[-1]["coverage"]
    assert spread[0]["gini"] > spread[-1]["gini"]
    assert spread[0]["ndcg"] > spread[-1]["ndcg"]


def test_a_training_holds_back_by_what_its_stage_shows_as_visits_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """The constraint is measured on validation, where nobody has seen the test window, and released unchanged."""
    monkeypatch.setattr(model_selection, "EARNED", dict.fromkeys(model_selection.EARNED, 0.0))
    names = ("personal_top", "popular", "rp3beta")
    free, constrained = (train_shop(build(history(), products()), names=names, exposure=one) for one in (0.0, 0.6))

    assert (free.model.exposure, constrained.training.plan.exposure) == (None, 0.6)
    exposure = constrained.training.model.exposure
    assert exposure is not None
    assert exposure.strength == 0.6
    assert constrained.model.exposure == exposure
    before, after = (model_slates(one.training.model, one.test) for one in (free, constrained))
    assert (before != after).any()
    assert constrained.report["exposure"]["chosen"] == 0.6
    assert 0.6 in [point["strength"] for point in constrained.report["exposure"]["curve"]]


def test_new_products_have_no_excess() -> None:
    more = measured(0.5).extended(N_ITEMS + 3)

    assert more.excess[N_ITEMS:].tolist() == [0, 0, 0]
    assert (more.excess[:N_ITEMS] == measured(0.5).excess).all()


def test_a_shopper_whose_candidates_score_alike_is_served_the_least_shown() -> None:
    flat = np.zeros(len(SCORES), np.float32)

    first = slates(CANDIDATES, measured(0.5).penalized_scores(CANDIDATES, flat))[:, 0]

    assert (measured(0.5).excess[first] == 0).all()


def test_a_bundle_keeps_its_constraint_and_answers_by_it(tmp_path: Path) -> None:
    free = model(("popular", "rp3beta", "covisitation"))
    shown = np.stack([free.slate(Profile.empty(1.76e9), Context(), 3).items] * 20)
    constrained = replace(
        free, exposure=ExposureConstraint.from_slates(shown, n_items=free.catalog.n_items, strength=1.0)
    )

    sealed = constrained.save(tmp_path / "model")
    again = HybridModel.load(tmp_path / "model", expected=sealed)

    slate = again.slate(Profile.empty(1.76e9), Context(), 3).items
    assert again.manifest["exposure"] == 1.0
    assert slate.tolist() == constrained.slate(Profile.empty(1.76e9), Context(), 3).items.tolist()
    assert not set(slate.tolist()) & set(shown[0].tolist())
    assert again.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist() == (
        free.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist()
    )
    more = pd.DataFrame({"item_id": ["vase"], "title": ["Blue vase"]})
    assert len(again.extended(more).slate(Profile.empty(1.76e9), Context(), 3)) == 3
