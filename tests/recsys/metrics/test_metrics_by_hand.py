"""Metrics against numbers worked out by hand."""

from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from recsys.metrics.beyond_accuracy import beyond_accuracy, coverage, gini
from recsys.metrics.errors import rmse
from recsys.metrics.hits import hits
from recsys.metrics.intervals import bootstrap, share_better
from recsys.metrics.registry import mean_ndcg, metric_values
from recsys.ranking.candidates import Candidates
from recsys.training import model_selection
from recsys.training.candidate_quotas import recall, tuned_quotas
from recsys.training.model_selection import best_singles, climb, tuned_blend
from recsys.training.slates import slates

SLATES = np.array([[4, 1, 2], [0, 3, -1]], np.int32)
TARGETS = [np.array([1, 9]), np.array([7])]


def test_ranking_metrics() -> None:
    hit = hits(SLATES, TARGETS, 10)
    result = metric_values(hit, np.array([2, 1]), k=3)

    second = 1 / np.log2(3)
    assert hit.tolist() == [[False, True, False], [False, False, False]]
    assert result["ndcg"] == pytest.approx([second / (1 + second), 0])
    assert result["precision"] == pytest.approx([1 / 3, 0])
    assert result["recall"] == pytest.approx([0.5, 0])
    assert result["hit_rate"].tolist() == [1, 0]
    assert result["mrr"].tolist() == [0.5, 0]


def test_the_ideal_list_is_no_longer_than_the_cut_off() -> None:
    hit = np.array([[True, False, True, True]])

    result = metric_values(hit, np.array([5]), k=2)

    assert result["ndcg"] == pytest.approx([1 / (1 + 1 / np.log2(3))])
    assert result["precision"] == pytest.approx([1 / 2])
    assert result["recall"] == pytest.approx([1 / 5])
    assert metric_values(hit, np.array([1]), k=2)["recall"] == pytest.approx([1.0])
    deeper = metric_values(hit, np.array([5]), k=4)
    assert [deeper[name].tolist() for name in ("precision", "recall", "hit_rate")] == [[3 / 4], [3 / 5], [1.0]]


def test_where_nobody_is_asked_nothing_is_hit() -> None:
    assert hits(SLATES[:0], [], 10).shape == (0, 3)
    assert mean_ndcg(SLATES[:0], [], 10) == 0.0
    nothing = bootstrap(np.empty(0))
    assert nothing.n == 0
    assert np.isnan([nothing.value, nothing.low, nothing.high]).all()
    assert (gini(np.zeros(4)), coverage(np.empty(0))) == (0.0, 0.0)


def test_intervals_hold_the_mean_and_shrink() -> None:
    values = np.random.default_rng(0).normal(1.0, 1.0, 400)

    few, many = bootstrap(values[:40]), bootstrap(values)

    assert few.low < few.value < few.high
    assert many.high - many.low < few.high - few.low
    assert bootstrap(values) == many
    assert many.value == pytest.approx(values.mean())
    error = values.std() / np.sqrt(400)
    assert [many.low, many.high] == pytest.approx(
        [many.value - 1.96 * error, many.value + 1.96 * error], abs=error / 15
    )


def test_a_shopper_asked_often_is_drawn_with_all_answers() -> None:
    rng = np.random.default_rng(0)
    values, often = rng.normal(0.02, 1.0, 60), np.repeat(np.arange(60), 9)

    once, same = bootstrap(values), bootstrap(values[often], shoppers=often)

    assert (same.low, same.high, same.n) == pytest.approx((once.low, once.high, 60))
    assert bootstrap(values, shoppers=rng.permutation(60)) == once
    singly = bootstrap(values[often])
    assert singly.high - singly.low < (same.high - same.low) / 2
    zero = np.zeros(540)
    chance = share_better(values[often], zero, shoppers=often, seed=7)
    assert chance < share_better(values[often], zero, shoppers=np.arange(540), seed=7)
    begins = np.arange(540) % 9 < 4
    steps, _ = climb({"popular": ("popular", values[often])}, shoppers=often, seed=8, begins=begins)
    assert steps[0].ndcg == bootstrap(values[often], shoppers=often, seed=8) != same
    assert steps[0].begins == bootstrap(values[often][begins], shoppers=often[begins], seed=8)


def test_spread_of_exposure() -> None:
    popularity = np.array([8.0, 1.0, 1.0, 0.0])

    assert gini(np.array([1.0, 1.0, 1.0, 1.0])) == pytest.approx(0)
    assert gini(np.array([0.0, 0.0, 0.0, 4.0])) == pytest.approx(0.75)
    metrics = beyond_accuracy(np.array([[0, 1]], np.int32), popularity, listed=np.ones(4, bool))
    assert [metrics["coverage"], metrics["gini"]] == pytest.approx([0.5, 0.5])
    assert metrics["novelty"] == pytest.approx(-np.log2([9 / 14, 2 / 14]).mean())
    assert metrics["popularity_lift"] == pytest.approx(4.5 / 6.6)
    behind_the_tenth = np.array([[0, 1, *[-1] * 8, 2, 3]], np.int32)
    assert beyond_accuracy(behind_the_tenth, popularity, listed=np.ones(4, bool)) == metrics
    sold_no_more = beyond_accuracy(
        np.array([[0, 1]], np.int32), popularity, listed=np.array([True, True, False, False])
    )
    assert [sold_no_more["coverage"], sold_no_more["gini"]] == pytest.approx([1.0, 0.0])
    assert rmse(np.array([1.0, 4.0]), np.array([1.0, 1.0])) == pytest.approx(np.sqrt(9 / 2))


def test_slates_break_ties_by_the_lower_code() -> None:
    nothing = np.empty((4, 0), np.float32)
    result = Candidates(np.array([0, 0, 0, 2]), np.array([3, 5, 8, 1]), nothing, nothing, (), 3)

    assert slates(result, np.array([1, 2, 1, 0], np.float32), k=2).tolist() == [[5, 3], [-1, -1], [1, -1]]


def test_a_stage_must_be_earned() -> None:
    rng = np.random.default_rng(0)
    low, noise = rng.random(300), rng.normal(0, 0.2, 300)

    steps, released = climb(
        {
            "popular": ("popular", low),
            "single": ("ease", low + 0.2),
            "blend": ("blend", low + 0.2 + noise - noise.mean() - 0.001),
            "ranker": ("ranker", low + 0.1),
        },
        shoppers=np.arange(300),
        seed=7,
    )

    expected = [("popular", "popular"), ("single", "ease"), ("blend", "blend"), ("ranker", "ranker")]
    assert [(step.stage, step.name) for step in steps] == expected
    assert [step.taken for step in steps] == [True, True, False, False]
    assert [step.chance for step in steps[:2]] == [1.0, 1.0]
    assert released == "single"


def test_a_stage_that_helps_some_and_changes_nothing_for_the_others_is_better() -> None:
    low, shoppers = np.full(300, 0.2), np.arange(300)

    assert share_better(low + (shoppers < 30) * 0.1, low, shoppers=shoppers, seed=7) == 1.0
    assert share_better(low + (shoppers < 1) * 0.1, low, shoppers=shoppers, seed=7) == pytest.approx(
        1 - 1 / np.e, abs=0.03
    )
    assert share_better(low, low, shoppers=shoppers, seed=7) == 0.0
    assert share_better(low[:0], low[:0], shoppers=shoppers[:0], seed=7) == 0.0


@pytest.mark.parametrize(
    ("sure", "earned"), [(0.4, []), (0.6, ["ranker"]), (0.82, ["ranker"]), (0.93, ["single", "blend", "ranker"])]
)
def test_the_ranker_must_be_ahead_and_the_other_stages_surely_better(sure: float, earned: list[str]) -> None:
    rng, n = np.random.default_rng(0), 400
    low, noise = rng.random(n), rng.normal(0, 0.2, n)
    better_so_surely = low + noise - noise.mean() + NormalDist().inv_cdf(sure) * noise.std() / np.sqrt(n)

    def taken(stage: str) -> bool:
        stages = {"popular": ("popular", low), stage: (stage, better_so_surely)}
        steps, released = climb(stages, shoppers=np.arange(n), seed=7)
        assert steps[-1].chance == pytest.approx(sure, abs=0.03)
        return released == stage

    assert [stage for stage in ("single", "blend", "ranker") if taken(stage)] == earned


def test_who_is_as_sure_as_is_asked_has_earned_it(monkeypatch: pytest.MonkeyPatch) -> None:
    low, shoppers = np.full(300, 0.2), np.arange(300)
    once = low + (shoppers < 1) * 0.1
    chance = share_better(once, low, shoppers=shoppers, seed=7)
    assert 0.5 < chance < 0.75

    monkeypatch.setattr(model_selection, "EARNED", {"single": chance})
    _, released = climb({"popular": ("popular", low), "single": ("ease", once)}, shoppers=shoppers, seed=7)

    assert released == "single"


def test_a_stage_is_judged_apart_where_visits_begin() -> None:
    low = np.repeat([0.2, 0.1], 150)

    def climbed(begins: np.ndarray | None) -> list[float | None]:
        steps, _ = climb({"popular": ("popular", low)}, shoppers=np.arange(300), seed=7, begins=begins)
        return [step.begins.value if step.begins else None for step in steps]

    assert climbed(np.arange(300) < 150) == pytest.approx([0.2])
    assert climbed(np.ones(300, bool)) == climbed(np.zeros(300, bool)) == climbed(None) == [None]


def test_a_source_that_only_harms_stays_out_of_the_blend() -> None:
    """Five shoppers who want product 0: the good source lists it first, the poor one three others."""
    rows, items = np.repeat(np.arange(5), 4), np.tile(np.arange(4), 5)
    good = np.where(items == 0, 0.0, np.nan)
    poor = np.where(items == 0, np.nan, items - 1.0)
    ranks = np.column_stack([good, poor]).astype(np.float32)
    result = Candidates(rows, items, np.nan_to_num(ranks), ranks, ("good", "poor"), 5)
    wanted = [np.array([0])] * 5

    assert best_singles(result, wanted, 4) == {"good": 1.0, "poor": 0.0}
    assert list(best_singles(replace(result, sources=("poor", "good")), wanted, 4)) == ["poor", "good"]
    alike = replace(result, ranks=ranks[:, [0, 0]], sources=("second", "first"))
    assert list(best_singles(alike, wanted, 4)) == ["first", "second"], "whatever their order"
    assert tuned_blend(result, wanted, 4) == {"good": 1.0}


def test_a_source_that_finds_what_the_best_one_does_not_joins_the_blend() -> None:
    """Six shoppers who want product 0: one source lists it first for four of them, another for the two others."""
    rows, items = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    best = np.where(rows < 4, items, np.where(items == 0, np.nan, items - 1.0))
    other = np.where((rows >= 4) & (items == 0), 0.0, np.nan)
    ranks = np.column_stack([other, best]).astype(np.float32)
    result = Candidates(rows, items, np.nan_to_num(ranks), ranks, ("another", "best"), 6)

    assert tuned_blend(result, [np.array([0])] * 6, 4) == {"best": 1.0, "another": 1.0}


def test_a_source_that_would_harm_with_all_its_weight_joins_with_half_of_it() -> None:
    """Six shoppers who want product 0: the best source puts it first for four, where the other prefers product 1."""
    rows, items = np.repeat(np.arange(6), 3), np.tile(np.arange(3), 6)
    best = np.where(rows < 4, items, (items + 2) % 3)
    other = np.where(rows < 4, (items + 2) % 3, np.where(items == 0, 0.0, np.nan))
    ranks = np.column_stack([best, other]).astype(np.float32)
    result = Candidates(rows, items, np.nan_to_num(ranks), ranks, ("best", "other"), 6)

    assert best_singles(result, [np.array([0])] * 6, 3) == pytest.approx({"best": 5 / 6, "other": 4 / 6})
    assert tuned_blend(result, [np.array([0])] * 6, 3) == {"best": 1.0, "other": 0.5}


def test_quotas_go_to_the_source_that_finds_targets() -> None:
    n = 100
    ranks = np.full((2 * n, 2), np.nan, np.float32)
    ranks[:n, 0], ranks[n:, 1] = np.arange(n), np.arange(n)
    result = Candidates(np.zeros(2 * n, np.int64), np.arange(2 * n), ranks, ranks, ("good", "poor"), 1)
    hit = np.zeros(2 * n, bool)
    hit[:60:3] = True

    quotas = tuned_quotas(result, hit, total=80)

    assert quotas == {"good": 60, "poor": 20}, "one block for whom the good one knows nothing of"


@pytest.mark.parametrize(
    ("total", "quotas"),
    [
        (40, {"good": 20, "other": 20}),
        (45, {"good": 40, "other": 20}),
        (60, {"good": 40, "other": 40}),
        (1_000, {"good": 40, "other": 60}),
    ],
)
def test_next_comes_the_block_whose_new_candidates_are_hit_most_often(total: int, quotas: dict[str, int]) -> None:
    """Two shoppers are proposed the same. Half of the good source's second block stands in the other's first."""
    ranks = np.full((110, 2), np.nan, np.float32)
    ranks[:60, 0], ranks[[*range(20, 30), *range(60, 110)], 1] = np.arange(60), np.arange(60)
    every = np.tile(ranks, (2, 1))
    result = Candidates(np.repeat([0, 1], 110), np.tile(np.arange(110), 2), every, every, ("good", "other"), 2)
    good, other = [*range(20, 26), 30, 31, 32], [*range(70, 74), 90]  # of the former's new half 3 of 10, then 4 of 20

    assert tuned_quotas(result, np.isin(result.items, good + other), total=total) == quotas


def test_recall_is_the_share_of_all_targets_that_are_candidates() -> None:
    assert recall([np.array([1, 2]), np.array([3])], np.array([True, False, True, False])) == pytest.approx(2 / 3)
    assert recall([np.array([1])], np.array([True])) == 1.0
    assert recall([np.empty(0, np.int64)], np.zeros(4, bool)) == 0.0
