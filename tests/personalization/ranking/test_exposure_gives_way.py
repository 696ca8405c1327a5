"""The exposure constraint: the same order at strength 0, a wider shelf as it grows, at a price that the curve tells."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from personalization.ranking.bundle import Bundle
from personalization.ranking.candidates import Candidates
from personalization.ranking.exposure import Exposure, shown_among_first
from personalization.recommenders.base import Context, Profile
from personalization.training.metrics import coverage, gini
from personalization.training.slates import slates
from personalization.training.tradeoff import STRENGTHS, curve
from tests.personalization.shop import model

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


def measured(strength: float) -> Exposure:
    return Exposure.measured(slates(CANDIDATES, SCORES), n_items=N_ITEMS, strength=strength)


def test_excess_is_zero_below_the_equal_share_and_one_for_the_most_shown() -> None:
    excess = measured(0.5).excess

    assert excess.max() == 1.0
    assert excess[99] == 0.0
    assert ((excess >= 0) & (excess <= 1)).all()


def test_excess_grows_with_the_logarithm_of_what_the_first_ten_places_show() -> None:
    shown = np.full((4, 12), -1, np.int32)
    shown[:, 0], shown[:2, 1], shown[0, 2], shown[:2, 9], shown[:, 10:] = 0, 1, 2, 3, 4

    excess = Exposure.measured(shown, n_items=9, strength=0.5).excess

    # Nine places, one for each of nine items: these have 4, 2, 1 and 2 times as many, the last only behind the tenth.
    assert excess.tolist() == [1.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def test_each_shoppers_scores_are_held_against_their_own_and_nobodys_against_none() -> None:
    rows, items = np.array([1, 1, 1, 2, 2]), np.array([0, 1, 2, 0, 2])
    nothing = np.zeros((5, 1), np.float32)
    exposure = Exposure(0.5, np.array([1.0, 0.5, 0.0], np.float32))

    eased = exposure.eased(
        Candidates(rows, items, nothing, nothing, ("one",), 3), np.array([12.0, 11.0, 10.0, -3.0, 97.0], np.float32)
    )
    none = exposure.eased(
        Candidates(rows[:0], items[:0], nothing[:0], nothing[:0], ("one",), 3), np.empty(0, np.float32)
    )

    assert eased.tolist() == [0.5, 0.25, 0.0, -0.5, 1.0]
    assert none.tolist() == []


def test_strength_zero_changes_nothing() -> None:
    assert measured(0.0).eased(CANDIDATES, SCORES) is SCORES


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


def test_new_products_have_no_excess() -> None:
    more = measured(0.5).extended(N_ITEMS + 3)

    assert more.excess[N_ITEMS:].tolist() == [0, 0, 0]
    assert (more.excess[:N_ITEMS] == measured(0.5).excess).all()


def test_a_shopper_whose_candidates_score_alike_is_served_the_least_shown() -> None:
    flat = np.zeros(len(SCORES), np.float32)

    first = slates(CANDIDATES, measured(0.5).eased(CANDIDATES, flat))[:, 0]

    assert (measured(0.5).excess[first] == 0).all()


def test_a_bundle_keeps_its_constraint_and_answers_by_it(tmp_path: Path) -> None:
    free = model(("popular", "rp3beta", "covisitation"))
    shown = np.stack([free.slate(Profile.empty(1.76e9), Context(), 3).items] * 20)
    held = replace(free, exposure=Exposure.measured(shown, n_items=free.catalogue.n_items, strength=1.0))

    sealed = held.save(tmp_path / "model")
    again = Bundle.load(tmp_path / "model", expected=sealed)

    slate = again.slate(Profile.empty(1.76e9), Context(), 3).items
    assert again.manifest["exposure"] == 1.0
    assert slate.tolist() == held.slate(Profile.empty(1.76e9), Context(), 3).items.tolist()
    assert not set(slate.tolist()) & set(shown[0].tolist())
    assert again.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist() == (
        free.slate(Profile.empty(1.76e9), Context(), 3, strategy="popular").items.tolist()
    )
    more = pd.DataFrame({"item_id": ["vase"], "title": ["Blue vase"]})
    assert len(again.extended(more).slate(Profile.empty(1.76e9), Context(), 3)) == 3
