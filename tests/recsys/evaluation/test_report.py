"""The report of a training: every section, each stage and source judged, and what is asked for seldom only then."""

import json

from recsys.evaluation.report import training_report
from recsys.training.plan import Plan
from tests.recsys.trainings import TrainedShop

THOROUGH = {"ablation", "surprise", "surprise_basis"}
SECTIONS = {
    *("stage", "single", "ladder", "data", "event_weights", "data_profile", "data_checks", "test", "beyond", "groups"),
    *("importance", "candidate_recall", "validation_singles", "tuning", "discovering", "quotas", "blend", "exposure"),
    *("rmse", "cold_start", "next_item", "latency_ms"),
}


def test_a_report_has_every_section_and_what_is_costly_only_where_it_is_thorough(small_training: TrainedShop) -> None:
    shop = small_training

    usual = training_report(shop.training, shop.candidates, shop.dataset)

    assert set(usual) == SECTIONS
    assert set(shop.report) == SECTIONS | THOROUGH
    for section in SECTIONS - {"latency_ms"}:
        assert json.dumps(usual[section]) == json.dumps(shop.report[section]), "JSON values, the same each time"


def test_each_source_and_stage_is_judged_on_the_same_questions(small_training: TrainedShop) -> None:
    report, plan = small_training.report, small_training.training.plan

    assert set(report["test"]) == {*plan.quotas, "single", "blend", "ranker"} == set(report["beyond"])
    assert {one["together"]["ndcg@10"]["n"] for one in report["test"].values()} == {len(small_training.test)}
    assert report["test"]["single"]["together"] == report["test"][plan.single]["together"]
    assert report["stage"] == plan.stage == [one["stage"] for one in report["ladder"] if one["taken"]][-1]
    assert set(report["ablation"]) == set(plan.quotas)


def test_importance_names_the_features_of_the_released_ranker_best_first(small_training: TrainedShop) -> None:
    importance, plan = small_training.report["importance"], small_training.training.plan

    assert set(importance) == set(Plan(**vars(plan)).features)
    assert list(importance.values()) == sorted(importance.values(), reverse=True)


def test_candidates_hold_most_of_what_shoppers_take(small_training: TrainedShop) -> None:
    assert 0.5 < small_training.report["candidate_recall"] <= 1
