"""The exposure constraint: the same order at strength 0, a wider shelf as it grows, at a price that the curve tells."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold, lived
from recsys.data.profile import Context, Profile
from recsys.data.time_split import cut_times
from recsys.evaluation.exposure_tradeoff import STRENGTHS, curve
from recsys.metrics.registry import mean_ndcg
from recsys.metrics.spread import coverage, gini, shown_among_first
from recsys.ranking.candidates import Candidates
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from recsys.training import model_selection as choosing
from recsys.training.ranker_training import TrainedRanker
from recsys.training.ranking_dataset import Examples, examples
from recsys.training.slates import blend_slates, slates
from tests.recsys.furniture import model
from tests.recsys.shop_history import history, products

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


def test_the_curve_trades_hits_for_spread() -> None:
    points = curve(
        CANDIDATES, SCORES, TARGETS, exposure=measured(0.2), new=np.arange(N_ITEMS) >= 80, listed=np.ones(N_ITEMS, bool)
    )

    assert [point["strength"] for point in points] == list(STRENGTHS)
    assert points[0]["coverage"] < points[-1]["coverage"]
    assert points[0]["gini"] > points[-1]["gini"]
    assert points[0]["ndcg"] > points[-1]["ndcg"]
    assert points[0]["new_items"] < points[-1]["new_items"]


def test_the_curve_is_of_what_could_be_shown() -> None:
    listed = (np.arange(N_ITEMS) < 5) | (np.arange(N_ITEMS) >= 85)

    point = curve(CANDIDATES, SCORES, TARGETS, exposure=measured(0.0), new=~listed, listed=listed)[0]

    exposure = shown_among_first(slates(CANDIDATES, SCORES), N_ITEMS)
    assert (point["coverage"], point["gini"]) == (coverage(exposure[listed]), gini(exposure[listed]))
    assert point["coverage"] < coverage(exposure)


@pytest.mark.parametrize("stage", ["ranker", "blend"])
def test_a_training_measures_it_by_what_its_rung_shows_as_visits_begin(
    stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "TRADED", 20)
    late, fold, ranked = validated()
    seen = np.array([fold.until + 86_400.0 * day for day in range(-35, 5)])
    dated = replace(fold, whole=replace(fold.whole, first_seen=seen))
    begins = np.flatnonzero(fold.begins)
    assert 20 < len(begins) < len(fold)
    asked = begins[evenly_spaced(len(begins), 20)]

    limit, points = choosing._exposure(late, dated, BLEND, stage, ranked, strength=0.3)

    part, own = late.of_rows(asked).candidates, ranked.scores[-len(late.labels) :]
    scores = own[np.isin(late.candidates.rows, asked)]
    first = slates(part, scores) if stage == "ranker" else blend_slates(part, BLEND)
    assert limit is not None
    assert limit.strength == 0.3
    expected = ExposureConstraint.from_slates(first, n_items=fold.n_items, strength=0.3).excess
    assert limit.excess.tolist() == expected.tolist()
    targets = [fold.targets[row] for row in asked]
    assert [point["strength"] for point in points] == sorted({*STRENGTHS, 0.3})
    assert points[0]["ndcg"] == pytest.approx(mean_ndcg(first, targets, fold.n_items))
    shown, month, listed = shown_among_first(first, 40), (seen >= seen[5]) & (seen <= fold.until), seen <= fold.until
    assert points[0]["new_items"] == pytest.approx(shown[month].sum() / shown.sum())
    assert points[0]["coverage"] == coverage(shown[listed])


def test_a_training_without_strength_tells_the_curve_alone_and_a_rung_of_one_source_nothing() -> None:
    late, fold, ranked = validated()

    def found(stage: str, fold: Fold, model: TrainedRanker | None) -> tuple[ExposureConstraint | None, int]:
        limit, points = choosing._exposure(late, fold, BLEND, stage, model, strength=0.0)
        return limit, len(points)

    assert found("ranker", fold, ranked) == found("blend", fold, None) == (None, len(STRENGTHS))
    assert found("single", fold, ranked) == found("popular", fold, ranked) == (None, 0)
    assert found("blend", fold.of_rows(np.empty(0, np.int64)), None) == (None, 0)


BLEND = {"popular": 1.0, "trending": 0.5}


def validated() -> tuple[Examples, Fold, TrainedRanker]:
    """Return a validation's examples, its questions, and a ranker by whom the judges' pairs before are scored too."""
    shop = build(history(), products())
    start, end = cut_times(shop.interactions.times)
    fold = lived(shop, start=start, end=end, new_only=False)
    sources = {name: make(name).fit(fold.past, shop.catalogue) for name in BLEND}
    statistics = ItemStatistics.fit(fold.past, shop.catalogue, until=start)
    late = examples(sources, statistics, fold, quotas=dict.fromkeys(BLEND, 15))
    scores = np.random.default_rng(7).random(len(late.labels) + 50).astype(np.float32)
    return late, fold, TrainedRanker((), np.empty(0, np.int64), (), scores, np.empty(0))


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
    held = replace(free, exposure=ExposureConstraint.from_slates(shown, n_items=free.catalogue.n_items, strength=1.0))

    sealed = held.save(tmp_path / "model")
    again = HybridModel.load(tmp_path / "model", expected=sealed)

    slate = again.slate(Profile.empty(1.76e9), Context(), 3).items
    assert again.manifest["exposure"] == 1.0
    assert slate.tolist() == held.slate(Profile.empty(1.76e9), Context(), 3).items.tolist()
    assert not set(slate.tolist()) & set(shown[0].tolist())
    assert again.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist() == (
        free.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist()
    )
    more = pd.DataFrame({"item_id": ["vase"], "title": ["Blue vase"]})
    assert len(again.extended(more).slate(Profile.empty(1.76e9), Context(), 3)) == 3
