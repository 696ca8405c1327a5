"""What needs no ranker, by hand: fused ranks, and one source's list filled by the next one's."""

import numpy as np
import pytest

from recsys.ranking.blend import (
    blend_scores,
    chained_scores,
    single_stage_sources,
    with_positive_score,
)
from recsys.ranking.candidates import Candidates

# Places in the lists of two sources; NaN: not listed.
RANKS = np.array([[0, np.nan], [1, 0], [np.nan, 2], [np.nan, np.nan], [199, 1]], np.float32)
ASKED = Candidates(np.zeros(5, np.int64), np.arange(5), np.zeros_like(RANKS), RANKS, ("als", "popular"), 1)


def test_a_blend_sums_weights_over_sixty_and_the_rank_from_one_of_each_source_that_lists_a_product() -> None:
    result = blend_scores(ASKED, {"als": 1.0, "popular": 0.5, "not asked": 9.0})

    assert result.tolist() == pytest.approx([1 / 21, 1 / 22 + 0.5 / 21, 0.5 / 23, 0.0, 1 / 220 + 0.5 / 22], rel=1e-6)
    assert blend_scores(ASKED, {"popular": 0.0}).tolist() == [0.0] * 5


def test_what_the_first_source_lists_comes_in_its_order_before_all_that_only_the_next_one_lists() -> None:
    def order(*names: str) -> list[int]:
        candidates, scores = with_positive_score(ASKED, chained_scores(ASKED, names))
        return [int(item) for item in candidates.items[np.argsort(-scores, kind="stable")]]

    assert order("als", "popular") == [0, 1, 4, 2], "nobody lists the fourth"
    assert order("popular", "als") == [1, 4, 2, 0]
    assert order("popular") == [1, 4, 2]
    with pytest.raises(KeyError):
        order("trending")


def test_a_source_alone_is_filled_with_popular_products_and_those_with_nothing() -> None:
    assert single_stage_sources("als") == ("als", "popular")
    assert single_stage_sources("popular") == ("popular",)
