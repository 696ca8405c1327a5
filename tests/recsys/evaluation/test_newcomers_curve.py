"""How fast a newcomer is known: the same shoppers, with ever more of their newest events."""

import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import build
from recsys.data.profile import Context, Profile
from recsys.evaluation.cold_start_curve import (
    EVENT_COUNTS,
    MAX_SHOPPERS,
    cold_start,
    newest,
)
from tests.recsys.trainings import TrainedShop
from tests.recsys.trainings import trained as train_shop


@pytest.fixture
def trained(small_training: TrainedShop) -> TrainedShop:
    return small_training


def test_each_point_tells_of_the_same_shoppers_beside_popularity(trained: TrainedShop) -> None:
    curve = trained.report["cold_start"]

    assert [point["events"] for point in curve] == [*EVENT_COUNTS, None]
    counts = {point[model]["ndcg@10"]["n"] for point in curve for model in ("released", "popular")}
    assert counts == {min(len(trained.test), MAX_SHOPPERS)}
    assert len({point["popular"]["ndcg@10"]["value"] for point in curve}) == 1


def test_whole_histories_are_answered_better_than_none(trained: TrainedShop) -> None:
    curve = trained.report["cold_start"]

    assert curve[-1]["released"]["ndcg@10"]["value"] > curve[0]["released"]["ndcg@10"]["value"]


def test_the_next_item_is_told_with_live_history_and_without(trained: TrainedShop) -> None:
    result = trained.report["next_item"]

    assert set(result) == {"live", "frozen", "popular"}
    question_counts = {one["hit_rate@10"]["n"] for one in result.values()}
    assert len(question_counts) == 1
    assert 0 < question_counts.pop() <= len(trained.test)
    assert result["live"]["hit_rate@20"]["value"] >= result["live"]["hit_rate@5"]["value"] > 0


def test_who_has_done_nothing_is_answered_by_what_is_known_of_them_as_after_the_release() -> None:
    rng = np.random.default_rng(1)
    rows = [
        (f"u{user:03d}", f"i{user % 3 * 15 + int(rng.integers(15)):02d}", 1.7e9 + 86_400 * rng.uniform(0, 200))
        for user in range(240)
        for _ in range(8)
    ]
    kinds = pd.DataFrame([(f"u{user:03d}", "abc"[user % 3]) for user in range(240)], columns=["user_id", "segment"])
    data = build(pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"]), None, kinds)

    nothing, *_ = train_shop(data, names=("popular", "rp3beta")).report["cold_start"]

    assert nothing["released"]["ndcg@10"]["value"] > 1.5 * nothing["popular"]["ndcg@10"]["value"]


def test_who_has_done_nothing_is_shown_what_is_popular_and_not_what_a_ranker_makes_of_nobody(
    trained: TrainedShop,
) -> None:
    assert trained.training.model.ranker is not None
    model = replace(trained.training.model, manifest={**trained.training.model.manifest, "stage": "ranker"})
    nobody, somebody = Profile.empty(trained.test.until), trained.test.profiles[0]
    either = Context()

    answers = model.slate_many([somebody, nobody, somebody], [either] * 3, 5)

    popular = model.slate(nobody, either, 5, strategy="popular")
    assert answers[1].items.tolist() == popular.items.tolist()
    assert answers[0].items.tolist() == answers[2].items.tolist() == model.slate(somebody, either, 5).items.tolist()
    shelf = popular.items[::-1].copy()
    assert model.rank(nobody, either, shelf).items.tolist() == popular.items.tolist()


def test_a_list_of_the_shops_own_is_ranked_as_its_products_are_in_an_answer(trained: TrainedShop) -> None:
    model = replace(trained.training.model, manifest={**trained.training.model.manifest, "stage": "ranker"})
    context = Context(seen_allowed=not model.new_only)

    for profile in trained.test.profiles[:20]:
        answer = model.slate(profile, context, sum(model.quotas.values())).items
        given = np.sort(answer[5::4])
        assert model.rank(profile, Context(), given).items.tolist() == answer[5::4].tolist()


def test_only_the_newest_events_are_kept(trained: TrainedShop) -> None:
    profile = next(one for one in trained.test.profiles if len(one.items) > 3)

    assert newest(profile, 2).items.tolist() == profile.items[-2:].tolist()
    assert newest(profile, 2).times.tolist() == profile.times[-2:].tolist()
    assert len(newest(profile, 0).items) == 0
    assert newest(profile, 10_000).items.tolist() == profile.items.tolist()


def test_where_only_new_products_count_popularity_learns_nothing(trained: TrainedShop) -> None:
    new_only = replace(trained.test, new_only=True)
    only_popular = replace(trained.model, manifest={**trained.model.manifest, "stage": "popular"})

    curve = cold_start(only_popular, new_only)

    assert len({point["released"]["ndcg@10"]["value"] for point in curve}) == 1


def test_without_held_out_shoppers_there_is_no_curve(trained: TrainedShop) -> None:
    nobody = replace(trained.test, users=np.empty(0, np.int64), profiles=[], targets=[])

    assert cold_start(trained.model, nobody) == []


def test_it_costs_seconds_at_most(trained: TrainedShop) -> None:
    started = time.perf_counter()

    cold_start(trained.model, trained.test)

    assert time.perf_counter() - started < 10
