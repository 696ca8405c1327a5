"""Cold lift: new products rise by what they are given, but never into the first places, and each shopper by itself."""

import numpy as np

from recsys.ranking.candidates import Candidates
from recsys.ranking.cold_boost import FAR_OUT, OUT_OF_REACH, lifted

N_SHOPPERS, N_EACH = 3, 12


def asked() -> tuple[Candidates, np.ndarray, np.ndarray]:
    """Return candidates of three shoppers, scores that fall with the item, and the last two items as untouched."""
    rows = np.repeat(np.arange(N_SHOPPERS), N_EACH)
    items = np.tile(np.arange(N_EACH, dtype=np.int64), N_SHOPPERS)
    nothing = np.zeros((len(rows), 1), np.float32)
    scores = (-items * np.repeat([1.0, 10.0, 0.1], N_EACH)).astype(np.float32)
    return Candidates(rows, items, nothing, nothing, ("one",), N_SHOPPERS), scores, items >= N_EACH - 2


def orders(scores: np.ndarray) -> list[list[int]]:
    return [np.argsort(-own, kind="stable").tolist() for own in scores.reshape(N_SHOPPERS, N_EACH)]


def test_a_lift_moves_new_products_up_alike_for_all_shoppers_whatever_their_scale() -> None:
    candidates, scores, untouched = asked()

    for order in orders(lifted(candidates, scores, untouched, 1.0)):
        assert order == [0, 1, 2, 3, 4, 5, 6, 10, 7, 11, 8, 9]


def test_where_nothing_new_comes_near_the_first_places_known_products_keep_their_scores() -> None:
    candidates, scores, untouched = asked()

    found = lifted(candidates, scores, untouched, 0.1)

    assert found[~untouched].tolist() == scores[~untouched].tolist()
    assert (found > scores).tolist() == untouched.tolist()


def test_however_large_the_first_places_stay_and_new_products_keep_their_order() -> None:
    candidates, scores, untouched = asked()

    for order in orders(lifted(candidates, scores, untouched, 100.0)):
        assert order == [*range(OUT_OF_REACH), 10, 11, *range(OUT_OF_REACH, N_EACH - 2)]
    for order in orders(lifted(candidates, scores, candidates.items == 6, 0.9)):
        assert order == [0, 1, 2, 3, 4, 6, 5, *range(7, N_EACH)], "nor does a small one bring it before the fifth"


def test_below_zero_new_products_are_held_back_on_the_first_places_too() -> None:
    candidates, scores, _ = asked()

    for order in orders(lifted(candidates, scores, candidates.items < 2, -100.0)):
        assert order == [*range(2, N_EACH), 0, 1]
    for order in orders(lifted(candidates, scores, candidates.items < 2, -0.9)):
        assert order == [2, 3, 0, 4, 1, *range(5, N_EACH)], "by no more than that"


def test_without_lift_or_new_products_scores_stay_as_they_are() -> None:
    candidates, scores, untouched = asked()

    assert lifted(candidates, scores, untouched, 0.0) is scores
    assert lifted(candidates, scores, np.zeros_like(untouched), 2.0) is scores


def test_a_new_product_that_the_ranker_puts_first_stays_there() -> None:
    candidates, scores, _ = asked()

    for order in orders(lifted(candidates, scores, candidates.items == 0, 2.0)):
        assert order == list(range(N_EACH))


def test_fewer_candidates_than_first_places() -> None:
    nothing = np.zeros((2, 1), np.float32)
    candidates = Candidates(np.array([0, 0]), np.array([3, 4]), nothing, nothing, ("one",), 2)

    found = lifted(candidates, np.array([2.0, 1.0], np.float32), np.array([False, True]), 9.0)

    assert found[0] >= found[1]


def test_from_a_level_on_new_products_come_right_behind_the_first_places() -> None:
    candidates, scores, untouched = asked()

    first, second, third = orders(lifted(candidates, scores, untouched, 0.0, level=-10.5))

    assert first == [*range(FAR_OUT), 10, *range(FAR_OUT, 10), 11], "-10 is enough, -11 is not"
    assert second == list(range(N_EACH)), "-100 is not"
    assert third == [*range(FAR_OUT), 10, 11, *range(FAR_OUT, 10)]


def test_a_level_leaves_new_products_where_the_lift_brought_them() -> None:
    candidates, scores, untouched = asked()

    order = orders(lifted(candidates, scores, untouched, 1.0, level=-10.5))[0]

    assert order == [0, 1, 2, 3, 4, 5, 6, 10, 7, 11, 8, 9], "10 is before the tenth already, 11 is below the level"


def test_a_level_brings_a_new_product_forward_from_far_behind_all_others() -> None:
    candidates, _, _ = asked()
    scores = np.where(candidates.items == N_EACH - 1, -1.0, -candidates.items / 1e3).astype(np.float32)

    for order in orders(lifted(candidates, scores, candidates.items == N_EACH - 1, 0.0, level=-1.0)):
        assert order == [*range(FAR_OUT), N_EACH - 1, *range(FAR_OUT, N_EACH - 1)]
