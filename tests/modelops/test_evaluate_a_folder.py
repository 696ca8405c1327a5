"""`evaluate` beside peers, by each protocol; an outsider's code finds the same NDCG in the written answers."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from django.core.management import CommandError, call_command

from bench.recompute_ndcg import hit_cold, recomputed
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, Protocol
from recsys.evaluation.evaluate import (
    Evaluation,
    Options,
    _over_best,
    evaluate,
)
from recsys.evaluation.report import judged_report
from recsys.evaluation.report_lines import summary_lines
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.model import HybridModel
from recsys.training.model_selection import Choice, choose
from recsys.training.ranking_dataset import Examples
from tests.recsys.shop_history import DAY, history, products

CLEAN = {"interactions": 3_000, "removed": []}
EXPLAINED = (Path(__file__).parents[2] / "docs" / "evaluate.md").read_text()
SOURCES = ("content", "personal_top", "popular", "rp3beta", "session_knn")


@lru_cache
def evaluated(*, new_only: bool = False) -> Evaluation:
    """Return the evaluation of the small shop that several tests read."""
    return evaluate(build(history(), products()), Options(new_only=new_only, names=SOURCES))


@pytest.mark.parametrize("new_only", [False, True])
def test_the_figure_can_be_recomputed(new_only: bool) -> None:
    frame = history()

    found = evaluated(new_only=new_only)

    value, shoppers, unanswered = recomputed(frame, found.recommendations, new_only=new_only, warm_only=True)
    told = found.report["released"]["warm"]["ndcg@10"]
    assert value == pytest.approx(told["value"])
    assert (shoppers, unanswered) == (told["n"], 0)
    some = found.recommendations[found.recommendations["user"] != found.recommendations["user"].iloc[0]]
    assert recomputed(frame, some, new_only=new_only, warm_only=True)[1:] == (shoppers - 1, 1)
    assert list(found.recommendations.columns) == ["user", "rank", "item", "score"]
    assert found.report["ours"]["discovering"] == ([] if new_only else ["session_knn"])


def test_how_often_new_products_are_hit_can_be_recomputed() -> None:
    rows = [(user, "old", at) for at, user in enumerate(["ann", "bob", "cy"] * 6)]
    rows += [("ann", "new", 100), ("bob", "other", 101), ("cy", "old", 102)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])
    answers = pd.DataFrame(
        {"user": ["ann", "ann", "bob", "cy"], "rank": [1, 2, 1, 1], "item": ["old", "new", "new", "new"]}
    )

    assert hit_cold(frame, answers, new_only=False) == (0.5, 2)


@pytest.mark.parametrize("protocol", ["leave-one-out", "next-item"])
def test_every_protocol_reports_intervals(protocol: Protocol) -> None:
    found = evaluate(build(history(shoppers=12, visits=8), products()), Options(protocol=protocol, names=SOURCES))

    interval = found.report["released"]["together"]["hit_rate@10"]
    assert 0 < interval["low"] <= interval["value"] <= interval["high"] <= 1
    assert ("frozen_profile" in found.report) == (protocol == "next-item")
    assert bool(found.report["ours"]["next_item"]) == (protocol == "next-item"), "no question about what was learnt"
    keys = {*found.report, *(f"ours.{key}" for key in found.report["ours"])} - {"ours"}
    assert [key for key in sorted(keys) if f"`{key}`" not in EXPLAINED] == []
    answers = found.recommendations
    if protocol == "next-item":  # one shopper is asked many times, and each answer is a question's
        assert not answers.duplicated(["question", "rank"]).any()
        assert answers.groupby("question")[["user", "time"]].nunique().max().tolist() == [1, 1]
    assert answers.duplicated(["user", "rank"]).any() == (protocol == "next-item")


def test_planted_favorites_are_found_and_the_other_camp_is_not() -> None:
    found = evaluated()

    answers = found.recommendations
    same = answers["user"].str[1:].astype(int) % 2 == answers["item"].str[1:].astype(int) % 2
    first = answers["rank"] <= 5
    assert same[first].mean() > 0.9
    assert found.report["released"]["warm"]["ndcg@10"]["value"] > 0.4
    assert np.isfinite(answers["score"]).all()


def test_new_products_are_also_judged_by_themselves() -> None:
    frame = history()
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + shopper % 4:03d}", end - DAY, "purchase", 1.0) for shopper in range(60)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    found = evaluate(
        build(frame, products(items=44)), Options(new_only=True, names=("content", "new_arrivals", "popular"))
    ).report

    alone = found["cold_alone"]
    assert alone["cold"]["hit_rate@10"]["value"] >= found["released"]["cold"]["hit_rate@10"]["value"]
    assert alone["cold"]["hit_rate@10"]["value"] > 0.9
    assert alone["warm"]["hit_rate@10"]["value"] == 0


def test_products_that_appeared_after_the_cut_are_told_of() -> None:
    frame, items = history(), products(items=44).assign(first_seen=0.0).drop(columns="title")
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + shopper % 4:03d}", end - DAY, "purchase", 1.0) for shopper in range(60)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    def found(seen: float) -> Mapping[str, Any]:
        dated = items.assign(first_seen=items["first_seen"].where(items["item_id"] < "i042", seen))
        return evaluate(
            build(frame, dated), Options(new_only=True, names=("content", "new_arrivals", "popular"))
        ).report

    after, before = found(end - 2 * DAY), found(0.0)

    assert after["appeared_later"] == {"questions": 30, "shoppers": 30, "products": 2}
    assert any("  30 of those with a cold target" in line for line in summary_lines(after))
    ours = after["ours"]
    shown = [one["coverage"] * 42 for one in (*ours["beyond"].values(), *ours["exposure"]["curve"])]
    assert shown == pytest.approx(np.round(shown)), "of 44 products two could not be shown yet"
    assert "appeared_later" not in before
    assert not any("first_seen" in line for line in summary_lines(before))


def test_who_wanted_what_appeared_after_the_cut_is_counted_once_as_everywhere() -> None:
    frame, items = history(), products(items=42).assign(first_seen=0.0).drop(columns="title")
    end = frame["timestamp"].max()
    late = [(f"u{shopper:03d}", f"i{40 + n:03d}", end - n, "purchase", 1.0) for shopper in range(30) for n in range(2)]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")
    dated = items.assign(first_seen=items["first_seen"].where(items["item_id"] < "i040", end - DAY))

    found = evaluate(build(frame, dated), Options(protocol="next-item", names=("content", "popular"))).report

    assert found["appeared_later"] == {"questions": 60, "shoppers": 30, "products": 2}
    assert found["released"]["cold"]["ndcg@10"]["n"] == 30
    assert any("  30 of those with a cold target" in line for line in summary_lines(found))


@pytest.mark.parametrize(
    "rung", [{"rung": "single", "single": "buy_again"}, {"rung": "blend", "blend": {"personal_top": 1.0}}]
)
def test_the_answers_that_are_judged_are_those_that_are_served(
    rung: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short lists are filled up, or not, by the same code; what other sources proposed for the ranker plays no part."""
    names = ("buy_again", "personal_top", "popular", "trending")
    shop = build(history(), products())
    seen: list[tuple[HybridModel, Fold]] = []

    def noted(bundle: HybridModel, fold: Fold, asked: Examples, *args: Any, **more: Any) -> dict[str, Any]:
        seen.append((bundle, fold))
        return judged_report(bundle, fold, asked, *args, **more)

    def chosen(*args: Any, **more: Any) -> Choice:
        choice = choose(*args, **more)
        limit = Exposure(0.3, np.linspace(0, 1, shop.catalogue.n_items, dtype=np.float32))
        return replace(choice, plan=replace(choice.plan, exposure=0.3, **rung), exposure=limit)

    monkeypatch.setattr("recsys.evaluation.evaluate.judged_report", noted)
    monkeypatch.setattr("recsys.evaluation.pipeline.choose", chosen)
    found = evaluate(shop, Options(names=names))

    (bundle, fold), *_ = seen
    served = bundle.slate_many(fold.profiles, fold.contexts, 20)
    told = found.recommendations.groupby("user")["item"].agg(list)
    for row, slate in enumerate(served):
        ids = [shop.catalogue.item_ids[code] for code in slate.items.tolist()]
        assert told[shop.user_ids[fold.users[row]]] == ids
    assert found.report["ours"]["test"][rung["rung"]]["together"] == found.report["released"]["together"]


def test_what_the_shopper_had_is_no_new_product_to_be_found() -> None:
    """New products that are looked at twice in a visit: the second time they are asked for, they are known."""
    frame = history(shoppers=20)
    end = frame["timestamp"].max()
    late = [
        (f"u{shopper:03d}", f"new{shopper}", end - DAY + again, "purchase", 1.0)
        for shopper in range(20)
        for again in (0.0, 60.0)
    ]
    frame = pd.concat([frame, pd.DataFrame(late, columns=frame.columns)]).sort_values("timestamp", kind="stable")

    found = evaluate(build(frame, products()), Options(protocol="next-item", names=("personal_top", "popular"))).report

    own = found["ours"]["test"]["personal_top"]
    assert own["cold"]["hit_rate@10"]["n"] == 20
    assert own["cold"]["hit_rate@10"]["value"] == 0, "a list of own products holds no new one"
    assert own["together"]["hit_rate@10"]["value"] > 0.3, "of all, it finds the second looks"


@pytest.mark.parametrize(
    ("rows", "protocol", "said"),
    [
        (0, "temporal", "no row is left to learn from"),
        (1, "temporal", "no shopper has two rows: there is nothing to hold back"),
        (1, "leave-one-out", "no shopper has two rows: there is nothing to hold back"),
    ],
)
def test_a_file_with_nothing_to_ask_is_refused_in_words(rows: int, protocol: Protocol, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        evaluate(build(history().head(rows)), Options(protocol=protocol))


@pytest.mark.parametrize("protocol", ["temporal", "next-item"])
def test_another_protocol_is_named_where_nobody_came_again_after_the_cut(protocol: Protocol) -> None:
    rows = [("ada", f"p{at}", DAY * at) for at in (1, 2)] + [(f"s{at}", "p1", DAY * at) for at in range(3, 11)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp"])

    with pytest.raises(ValueError, match="--protocol leave-one-out"):
        evaluate(build(frame), Options(protocol=protocol))


@pytest.mark.parametrize("gap", [float("nan"), None])
def test_the_recomputed_figure_knows_ids_that_a_gap_made_floats(gap: object) -> None:
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
def test_without_times_the_order_of_rows_stands_for_them(
    times: float | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = history(shoppers=8).drop(columns="timestamp")
    (frame if times is None else frame.assign(timestamp=times)).to_parquet(tmp_path / "interactions.parquet")
    given: list[Dataset] = []

    def kept(dataset: Dataset, asked: Options, **_: object) -> Evaluation:
        given.append(dataset)
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.command_line.evaluate", kept)
    said = StringIO()

    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), stderr=said)

    assert "the file's order is taken" in said.getvalue()
    dataset = given[0]
    assert dataset.clock.tolist() == list(range(1, len(frame) + 1))
    assert [dataset.user_ids[user] for user in dataset.interactions.users] == frame["user_id"].tolist()


@pytest.mark.parametrize(
    ("users", "protocol", "told"),
    [("aabbcc", "temporal", True), ("aabbcc", "leave-one-out", False), ("abcabc", "temporal", False),
     ("aaaa", "temporal", False), ("abcd", "temporal", False)],
)  # fmt: skip
def test_rows_without_times_in_the_order_of_shoppers_are_told_of(
    users: str, protocol: str, told: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> Evaluation:
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.command_line.evaluate", refused)
    frame = pd.DataFrame({"user_id": list(users), "item_id": "i", "event": "view"})
    frame.to_parquet(tmp_path / "interactions.parquet")
    said = StringIO()

    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), protocol=protocol, stderr=said)

    assert ("--protocol leave-one-out" in said.getvalue()) == told


def test_over_exposed_items_are_held_back_in_an_evaluation_as_in_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history(shoppers=8).to_parquet(tmp_path / "interactions.parquet")
    given: dict[str, Any] = {}

    def chosen(*told: Any, exposure: float, **how: Any) -> Any:
        given["wished"] = exposure
        return SimpleNamespace(plan=None, learnt=[], exposure="measured")

    def released(*told: Any, exposure: Any, **how: Any) -> Any:
        given["released"] = exposure
        raise ValueError("enough seen")

    monkeypatch.setattr("recsys.evaluation.pipeline.choose", chosen)
    monkeypatch.setattr("recsys.evaluation.pipeline.release", released)

    with pytest.raises(CommandError, match="--exposure: 0 to 1"):
        call_command("evaluate", str(tmp_path), "--exposure", "1.5")
    assert given == {}
    with pytest.raises(CommandError, match="enough seen"):
        call_command("evaluate", str(tmp_path), "--exposure", "0.35")

    assert given == {"wished": 0.35, "released": "measured"}


def test_the_best_of_our_own_sources_stands_beside_what_is_released() -> None:
    found = evaluated().report

    values = {name: found["ours"]["test"][name]["warm"]["ndcg@10"]["value"] for name in (*SOURCES, "single")}
    best, released = max(values.values()), found["released"]["warm"]["ndcg@10"]["value"]
    assert values[found["best_source"]] == pytest.approx(best)
    assert found["over_best_source"]["difference"]["value"] == pytest.approx(released - best)
    assert any(f": over own {found['best_source']} ×" in line for line in summary_lines(found))


def test_nothing_is_not_a_number_of_times_nothing() -> None:
    found = _over_best(
        "peer",
        np.array([0.3, 0.0, 0.6]),
        {"most popular": np.zeros(3)},
        shoppers=np.arange(3),
        options=Options(),
    )

    assert found["over_best_peer"]["ratio"] is None
    assert found["over_best_peer"]["difference"]["value"] == pytest.approx(0.3)
    (line,) = [one for one in summary_lines({**report(), **found}) if "over most popular" in one]
    assert "over most popular, difference 0.3000 [" in line


def report(**more: Any) -> dict[str, Any]:
    """Return the report of an evaluation that asked nobody."""
    ours = {"rung": "blend", "ladder": [], "test": {}, "exposure": {"chosen": 0.0, "curve": []}, "data": CLEAN}
    nobody = dict.fromkeys(("warm", "cold", "together"), {"ndcg@10": {"n": 0}})
    return {"protocol": "temporal", "mode": "new", "questions": 0, "ours": {**ours, **more}, "released": nobody}


def test_what_holding_back_costs_is_told_in_a_line() -> None:
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


def test_what_cleaning_removed_is_told_with_its_reasons_in_a_line() -> None:
    taken = [("ids", 0, "nobody"), ("duplicates", 1_200, "was there already"), ("machines", 5, "too quick")]
    removed = [{"rule": rule, "rows": rows, "reason": reason} for rule, rows, reason in taken]

    assert summary_lines(report(data={"interactions": 3_000, "removed": removed}))[1] == (
        "  1,205 of 4,205 rows removed: 1,200 duplicates (was there already); 5 machines (too quick)"
    )
    assert summary_lines(report())[1] == "  0 of 3,000 rows removed"


def test_peers_that_are_not_installed_are_named() -> None:
    lines = summary_lines({**report(), "peers": {}, "peers_not_installed": ["LightFM"]})

    assert "  peers that are not installed: LightFM" in lines
    assert not any("installed" in line for line in summary_lines({**report(), "peers": {}, "peers_not_installed": []}))


@pytest.mark.parametrize(("shoppers", "warned"), [(0, False), (1, True), (49, True), (50, False)])
@pytest.mark.parametrize("protocol", ["temporal", "leave-one-out"])
def test_a_handful_of_shoppers_is_said_to_prove_nothing(protocol: str, shoppers: int, warned: bool) -> None:
    interval = {"value": 0.5, "low": 0.5, "high": 0.5, "n": shoppers}
    released = {**report()["released"], "warm": {"ndcg@10": interval, "hit_rate@10": interval}}

    lines = [one for one in summary_lines({**report(), "protocol": protocol, "released": released}) if "may be chance" in one]

    assert len(lines) == warned
    assert all(f"target: {shoppers}. " in one for one in lines)
    assert all(("--protocol leave-one-out" in one) == (protocol == "temporal") for one in lines)
