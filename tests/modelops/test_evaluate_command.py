"""The `evaluate` command with peers and all protocols; independent code computes the same NDCG."""

from collections.abc import Mapping
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from bench.recompute_ndcg import hit_cold, recomputed
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Protocol
from recsys.evaluation import evaluate as evaluation
from recsys.evaluation.evaluate import Evaluation, Options, _difference_to_best, evaluate, folds_of
from recsys.evaluation.report_lines import summary_lines
from recsys.ranking.model import HybridModel
from recsys.training import model_selection
from recsys.training.training import Training, train_on
from tests.recsys.shop_history import DAY, history, products

CLEAN = {"interactions": 3_000, "removed": []}
EXPLAINED = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text()
SOURCES = ("content", "personal_top", "popular", "rp3beta", "session_knn")


@lru_cache
def evaluated(*, new_only: bool = False) -> Evaluation:
    """Return the cached evaluation of the small shop."""
    return evaluate(build(history(), products()), Options(new_only=new_only, names=SOURCES))


@pytest.mark.parametrize("new_only", [False, True])
def test_ndcg_can_be_recomputed_from_the_written_answers(new_only: bool) -> None:
    frame = history()

    evaluation = evaluated(new_only=new_only)

    value, shoppers, unanswered = recomputed(frame, evaluation.recommendations, new_only=new_only, warm_only=True)
    reported = evaluation.report["released"]["warm"]["ndcg@10"]
    assert value == pytest.approx(reported["value"])
    assert (shoppers, unanswered) == (reported["n"], 0)
    some = evaluation.recommendations[evaluation.recommendations["user"] != evaluation.recommendations["user"].iloc[0]]
    assert recomputed(frame, some, new_only=new_only, warm_only=True)[1:] == (shoppers - 1, 1)
    assert list(evaluation.recommendations.columns) == ["user", "rank", "item", "score"]
    assert evaluation.report["ours"]["discovering"] == ([] if new_only else ["session_knn"])


def test_hit_rate_of_new_products_can_be_recomputed() -> None:
    rows = [(user, "old", at) for at, user in enumerate(["ann", "bob", "cy"] * 6)]
    rows += [("ann", "new", 100), ("bob", "other", 101), ("cy", "old", 102)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    answers = pd.DataFrame(
        {"user": ["ann", "ann", "bob", "cy"], "rank": [1, 2, 1, 1], "item": ["old", "new", "new", "new"]}
    )

    assert hit_cold(frame, answers, new_only=False) == (0.5, 2)


@pytest.mark.parametrize("protocol", ["leave-one-out", "next-item"])
def test_all_protocols_report_intervals(protocol: Protocol) -> None:
    evaluation = evaluate(build(history(shoppers=12, visits=8), products()), Options(protocol=protocol, names=SOURCES))

    interval = evaluation.report["released"]["together"]["hit_rate@10"]
    assert 0 < interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert ("frozen_profile" in evaluation.report) == (protocol == "next-item")
    assert bool(evaluation.report["ours"]["next_item"]) == (protocol == "next-item"), (
        "no question about what was learnt"
    )
    keys = {*evaluation.report, *(f"ours.{key}" for key in evaluation.report["ours"])} - {"ours"}
    assert [key for key in sorted(keys) if f"`{key}`" not in EXPLAINED] == []
    answers = evaluation.recommendations
    if protocol == "next-item":  # one shopper is asked many times, and each answer is a question's
        assert not answers.duplicated(["question", "rank"]).any()
        assert answers.groupby("question")[["user", "time"]].nunique().max().tolist() == [1, 1]
    assert answers.duplicated(["user", "rank"]).any() == (protocol == "next-item")


def test_planted_favorites_are_recommended() -> None:
    evaluation = evaluated()

    answers = evaluation.recommendations
    same = answers["user"].str[1:].astype(int) % 2 == answers["item"].str[1:].astype(int) % 2
    first = answers["rank"] <= 5
    assert same[first].mean() > 0.9
    assert evaluation.report["released"]["warm"]["ndcg@10"]["value"] > 0.4
    assert np.isfinite(answers["score"]).all()


def test_new_products_have_their_own_metrics() -> None:
    frame = history()
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + shopper % 4:03d}", end - DAY, "purchase", 1.0) for shopper in range(60)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    evaluation = evaluate(
        build(frame, products(items=44)), Options(new_only=True, names=("content", "new_arrivals", "popular"))
    ).report

    cold_only = evaluation["cold_alone"]
    assert cold_only["cold"]["hit_rate@10"]["value"] >= evaluation["released"]["cold"]["hit_rate@10"]["value"]
    assert cold_only["cold"]["hit_rate@10"]["value"] > 0.9
    assert cold_only["warm"]["hit_rate@10"]["value"] == 0


def test_products_after_the_cut_are_reported() -> None:
    frame, items = history(), products(items=44).assign(first_seen=0.0).drop(columns="title")
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + shopper % 4:03d}", end - DAY, "purchase", 1.0) for shopper in range(60)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    def evaluation(seen: float) -> Mapping[str, Any]:
        dated = items.assign(first_seen=items["first_seen"].where(items["item_id"] < "i042", seen))
        return evaluate(
            build(frame, dated), Options(new_only=True, names=("content", "new_arrivals", "popular"))
        ).report

    after, before = evaluation(end - 2 * DAY), evaluation(0.0)

    assert after["appeared_later"] == {"questions": 30, "shoppers": 30, "products": 2}
    assert any("  30 of those with a cold target" in line for line in summary_lines(after))
    ours = after["ours"]
    coverages = [one["coverage"] * 42 for one in (*ours["beyond"].values(), *ours["exposure"]["curve"])]
    assert coverages == pytest.approx(np.round(coverages)), "of 44 products two could not be shown yet"
    assert "appeared_later" not in before
    assert not any("first_seen" in line for line in summary_lines(before))


def test_targets_after_the_cut_are_counted_once() -> None:
    frame, items = history(), products(items=42).assign(first_seen=0.0).drop(columns="title")
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + n:03d}", end - n, "purchase", 1.0) for shopper in range(30) for n in range(2)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")
    dated = items.assign(first_seen=items["first_seen"].where(items["item_id"] < "i040", end - DAY))

    evaluation = evaluate(build(frame, dated), Options(protocol="next-item", names=("content", "popular"))).report

    assert evaluation["appeared_later"] == {"questions": 60, "shoppers": 30, "products": 2}
    assert evaluation["released"]["cold"]["ndcg@10"]["n"] == 30
    assert any("  30 of those with a cold target" in line for line in summary_lines(evaluation))


@pytest.mark.parametrize("stage", ["single", "blend"])
def test_the_answers_that_are_judged_are_those_that_are_served(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Short lists are filled up, or not, by the same code; what other sources proposed for the ranker plays no part."""
    monkeypatch.setattr(model_selection, "EARNED", {**dict.fromkeys(("single", "blend", "ranker"), 2.0), stage: 0.0})
    shop, released = build(history(), products()), list[HybridModel]()

    def trained(*folds: Any, **options: Any) -> Training:
        training = train_on(*folds, **options)
        released.append(training.model)
        return training

    monkeypatch.setattr(evaluation, "train_on", trained)
    options = Options(names=("buy_again", "personal_top", "popular", "trending"), exposure=0.3)
    result = evaluate(shop, options)

    fold = folds_of(shop, options).test
    served = released[0].slate_many(fold.profiles, fold.contexts, 20)
    assert released[0].stage == stage
    assert (released[0].exposure is None) == (stage == "single")
    answers = result.recommendations.groupby("user")["item"].agg(list)
    for row, slate in enumerate(served):
        ids = [shop.catalog.item_ids[code] for code in slate.items.tolist()]
        assert answers[shop.user_ids[fold.users[row]]] == ids
    assert result.report["ours"]["test"][stage]["together"] == result.report["released"]["together"]


def test_owned_products_are_no_new_targets() -> None:
    """New products viewed twice in a visit are known at the second view."""
    frame = history(shoppers=20)
    end = frame["timestamp"].max()
    late = [
        (f"u{shopper:03d}", f"new{shopper}", end - DAY + again, "purchase", 1.0)
        for shopper in range(20)
        for again in (0.0, 60.0)
    ]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    evaluation = evaluate(
        build(frame, products()), Options(protocol="next-item", names=("personal_top", "popular"))
    ).report

    own = evaluation["ours"]["test"]["personal_top"]
    assert own["cold"]["hit_rate@10"]["n"] == 20
    assert own["cold"]["hit_rate@10"]["value"] == 0, "a list of own products holds no new one"
    assert own["together"]["hit_rate@10"]["value"] > 0.3, "of all, it finds the second looks"


@pytest.mark.parametrize(
    ("rows", "protocol", "message"),
    [
        (0, "temporal", "no row is left to learn from"),
        (1, "temporal", "no shopper has two rows: there is nothing to hold back"),
        (1, "leave-one-out", "no shopper has two rows: there is nothing to hold back"),
    ],
)
def test_file_without_test_cases_is_rejected(rows: int, protocol: Protocol, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        evaluate(build(history().head(rows)), Options(protocol=protocol))


@pytest.mark.parametrize("protocol", ["temporal", "next-item"])
def test_message_suggests_another_protocol(protocol: Protocol) -> None:
    rows = [("ada", f"p{at}", DAY * at) for at in (1, 2)] + [(f"s{at}", "p1", DAY * at) for at in range(3, 11)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])

    with pytest.raises(ValueError, match="--protocol leave-one-out"):
        evaluate(build(frame), Options(protocol=protocol))


@pytest.mark.parametrize("gap", [float("nan"), None])
def test_recomputed_metric_handles_float_ids(gap: object) -> None:
    rows = pd.DataFrame({"user_id": [1.0, 1.0, 1.0, gap], "item_id": ["a", "b", "a", "a"], "timestamp": [1, 2, 3, 4]})
    answers = pd.DataFrame({"user": ["1"], "rank": [1], "item": ["a"]})

    assert recomputed(
        rows.loc[[0, 1, 3, 2]].assign(timestamp=[1, 2, 3, 4]), answers, new_only=False, warm_only=True
    ) == (
        1.0,
        1,
        0,
    )


@pytest.mark.parametrize("times", [None, 0.0])
def test_row_order_replaces_missing_times(times: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = history(shoppers=8).drop(columns="timestamp")
    (frame if times is None else frame.assign(timestamp=times)).to_parquet(tmp_path / "interactions.parquet")
    datasets: list[Dataset] = []

    def kept(dataset: Dataset, options: Options, **_: object) -> Evaluation:
        datasets.append(dataset)
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.command_line.evaluate", kept)
    output = StringIO()

    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), stderr=output)

    assert "the file's order is taken" in output.getvalue()
    dataset = datasets[0]
    assert dataset.clock.tolist() == list(range(1, len(frame) + 1))
    assert [dataset.user_ids[user] for user in dataset.interactions.users] == frame["user_id"].tolist()


@pytest.mark.parametrize(
    ("users", "protocol", "has_warning"),
    [("aabbcc", "temporal", True), ("aabbcc", "leave-one-out", False), ("abcabc", "temporal", False),
     ("aaaa", "temporal", False), ("abcd", "temporal", False)],
)  # fmt: skip
def test_rows_sorted_by_shopper_without_times_cause_warning(
    users: str, protocol: str, has_warning: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> Evaluation:
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.command_line.evaluate", refused)
    frame = pd.DataFrame({"user_id": list(users), "item_id": "i", "event": "view"})
    frame.to_parquet(tmp_path / "interactions.parquet")
    output = StringIO()

    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), protocol=protocol, stderr=output)

    assert ("--protocol leave-one-out" in output.getvalue()) == has_warning


def test_over_exposed_items_are_held_back_in_an_evaluation_as_wished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(shoppers=8).to_parquet(tmp_path / "interactions.parquet")
    wishes: list[float] = []

    def evaluated(dataset: Dataset, options: Options, **more: object) -> Evaluation:
        wishes.append(options.exposure)
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.command_line.evaluate", evaluated)

    with pytest.raises(CommandError, match="--exposure: 0 to 1"):
        call_command("evaluate", str(tmp_path), "--exposure", "1.5")
    assert wishes == []
    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), "--exposure", "0.35")

    assert wishes == [0.35]


def test_report_compares_with_the_best_source() -> None:
    evaluation = evaluated().report

    values = {name: evaluation["ours"]["test"][name]["warm"]["ndcg@10"]["value"] for name in (*SOURCES, "single")}
    best, released = max(values.values()), evaluation["released"]["warm"]["ndcg@10"]["value"]
    assert values[evaluation["best_source"]] == pytest.approx(best)
    assert evaluation["over_best_source"]["difference"]["value"] == pytest.approx(released - best)
    assert any(f": over own {evaluation['best_source']} ×" in line for line in summary_lines(evaluation))


def test_ratio_to_zero_is_null() -> None:
    evaluation = _difference_to_best(
        "peer",
        np.array([0.3, 0.0, 0.6]),
        {"most popular": np.zeros(3)},
        shoppers=np.arange(3),
        options=Options(),
    )

    assert evaluation["over_best_peer"]["ratio"] is None
    assert evaluation["over_best_peer"]["difference"]["value"] == pytest.approx(0.3)
    (line,) = [one for one in summary_lines({**report(), **evaluation}) if "over most popular" in one]
    assert "over most popular, difference 0.3000 [" in line


def report(**more: Any) -> dict[str, Any]:
    """Return the report of an evaluation that asked nobody."""
    ours = {"stage": "blend", "ladder": [], "test": {}, "exposure": {"chosen": 0.0, "curve": []}, "data": CLEAN}
    nobody = dict.fromkeys(("warm", "cold", "together"), {"ndcg@10": {"n": 0}})
    return {"protocol": "temporal", "mode": "new", "questions": 0, "ours": {**ours, **more}, "released": nobody}


def test_output_states_the_cost_of_exposure_strength() -> None:
    curve = [
        {"strength": strength, "ndcg": 0.1 - strength / 10, "gini": 0.6 - strength, "coverage": 0.5 + strength}
        for strength in (0.0, 0.2, 1.0)
    ]

    assert summary_lines(report(exposure={"chosen": 0.2, "curve": curve}))[-1] == (
        "  over-exposed items held back by 0.2, validation: "
        "NDCG@10 0.1000 to 0.0800, Gini 0.6000 to 0.4000, coverage 0.5000 to 0.7000"
    )


def test_a_stage_without_a_curve_has_no_line_of_exposure() -> None:
    lines = summary_lines(report(exposure={"chosen": 0.2, "curve": []}))

    assert lines == summary_lines(report())


def test_output_lists_removed_rows_with_reasons() -> None:
    removed_rows = [("ids", 0, "nobody"), ("duplicates", 1_200, "was there already"), ("machines", 5, "too quick")]
    removed = [{"rule": rule, "rows": rows, "reason": reason} for rule, rows, reason in removed_rows]

    assert summary_lines(report(data={"interactions": 3_000, "removed": removed}))[1] == (
        "  1,205 of 4,205 rows removed: 1,200 duplicates (was there already); 5 machines (too quick)"
    )
    assert summary_lines(report())[1] == "  0 of 3,000 rows removed"


def test_missing_peers_are_named() -> None:
    lines = summary_lines({**report(), "peers": {}, "peers_not_installed": ["LightFM"]})

    assert "  peers that are not installed: LightFM" in lines
    assert not any("installed" in line for line in summary_lines({**report(), "peers": {}, "peers_not_installed": []}))


@pytest.mark.parametrize(("shoppers", "warned"), [(0, False), (1, True), (49, True), (50, False)])
@pytest.mark.parametrize("protocol", ["temporal", "leave-one-out"])
def test_few_shoppers_cause_warning(protocol: str, shoppers: int, warned: bool) -> None:
    interval = {"value": 0.5, "low": 0.5, "high": 0.5, "n": shoppers}
    released = {**report()["released"], "warm": {"ndcg@10": interval, "hit_rate@10": interval}}

    lines = [
        one for one in summary_lines({**report(), "protocol": protocol, "released": released}) if "may be chance" in one
    ]

    assert len(lines) == warned
    assert all(f"target: {shoppers}. " in one for one in lines)
    assert all(("--protocol leave-one-out" in one) == (protocol == "temporal") for one in lines)
