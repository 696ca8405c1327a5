"""Verdicts in words: why a version was refused, what would pass, and how both differ on the same shoppers."""

from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import numpy as np
import pytest
from django.urls import reverse

from common import clock
from events.training_counts import recent_training_counts
from modelops.models import ModelAlarm, ModelVersion, RunState, TrainingRun
from modelops.selectors.forecast import forecast
from modelops.selectors.headline import weaknesses_of
from modelops.selectors.report.ratings import ratings
from modelops.selectors.report.section import without_twin
from modelops.selectors.steps import duration_text, step_bars
from modelops.selectors.tracking import run_page, tracking_page
from modelops.selectors.verdict import verdict_of
from modelops.services.registry import promote, register
from recsys.evaluation.model_checks.case import Case
from recsys.evaluation.model_checks.comparison import compare_metrics
from tests.modelops.releases import judged_version
from tests.modelops.reports import METRICS, REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import N_ITEMS, N_SHOPPERS, SHELF, case, harmless, losing, slow, usual
from tests.staff import LogIn

SIZES = {"interactions": 9_000, "shoppers": 700, "items": 300}
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def test_a_refusal_says_how_far_below_live_it_is_and_what_would_pass() -> None:
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()))

    verdict = verdict_of(version)

    assert verdict.status == "fail"
    assert verdict.sentence.startswith("Refused: 25 % below live on the same shoppers")
    quality = verdict.missed[0]
    check = next(one for one in version.gate["checks"] if one["name"] == "quality")
    assert quality.title == "Accuracy on the same shoppers (NDCG@10)"
    assert quality.measured == f"{check['value']:.4f}"
    assert quality.bar == f"at least {check['limit']:.4f}"
    assert quality.shortfall == f"{check['limit'] - check['value']:.4f}"
    assert "Train with more minutes of tuning" in verdict.next_steps[0]
    assert verdict.next_steps[-1].startswith("Or ask for a waiver")


def test_a_refusal_for_another_check_names_number_and_bar() -> None:
    verdict = verdict_of(judged_version(model(("popular",)), case(slow(usual()), usual())))

    assert verdict.sentence == "Refused: Time for one list (99 %) 80 ms, at most 25 ms needed."
    assert [line.shortfall for line in verdict.missed] == ["55 ms"]


def test_a_pass_says_whether_it_differs_from_live() -> None:
    same = verdict_of(judged_version(model(("popular",)), harmless()))
    better = verdict_of(judged_version(model(("popular",)), case(usual(), losing(usual(), 0.5))))

    assert "no clear difference from live on the same shoppers (+0 %" in same.sentence
    assert "33 % above live on the same shoppers" in better.sentence


def popular_but_no_more_than_live() -> Case:
    """Return a case that misses the bar of popularity with both models, beside a group that is too small."""
    table = replace(usual(), groups={"device": ("tablet",) * 100 + ("",) * (N_SHOPPERS - 100)})
    popularity = np.full(N_ITEMS, 9.0)
    popularity[:7] = 1.0  # what is wanted, and seldom shown
    table = replace(table, targets=tuple(np.array([row % 7], np.int64) for row in range(N_SHOPPERS)))
    return replace(case(table, table), catalog_view=replace(SHELF, popularity=popularity))


def test_every_page_says_of_a_check_whether_it_passed_warns_or_judged_nothing(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), popular_but_no_more_than_live(), report=REPORT)
    scientist = log_in("data scientist")
    counts = f"{len(version.gate['checks']) - 2} passed, 1 warning (popularity of what is shown), 1 not judged"
    pages = {
        name: unescape(
            scientist.get(reverse(f"admin:modelops_modelversion_{name}", args=[version.pk])).content.decode()
        )
        for name in ("evaluation_page", "change")
    }

    assert (verdict_of(version).status, verdict_of(version).counts) == ("warn", counts)
    for text in pages.values():
        assert counts in text
        assert "Passed 1" not in text
    gate = pages["evaluation_page"].split('id="gate"')[1].split("</section>")[0]
    outcomes = {
        "Popularity of what is shown": "warn",
        "Groups that are too small to judge": "not judged",
        "Accuracy on the same shoppers (NDCG@10)": "pass",
    }
    for title, outcome in outcomes.items():
        assert f">{outcome}</span>" in gate[: gate.index(title)].rpartition("<tr>")[2]
    beside = scientist.get(reverse("admin:modelops_modelversion_comparison_page")).content.decode()
    assert counts in beside
    assert counts in scientist.get(reverse("portal:models")).content.decode()


def test_a_check_within_its_own_bar_does_not_warn_for_another_number() -> None:
    version = judged_version(model(("popular",)), harmless())
    check = next(one for one in version.gate["checks"] if one["name"] == "latency")
    check["limit"] = check["value"] / 2

    assert {line.status for line in verdict_of(version).lines if line.name == "latency"} == {"pass"}
    del check["misses_bar"]
    assert verdict_of(version).lines[0].status == "warn", "a check stored before is judged by its numbers"


def test_a_version_without_a_verdict_says_so() -> None:
    verdict = verdict_of(register(model(("popular",)), report={}, actor="system:x"))

    assert (verdict.status, verdict.sentence.split(":")[0]) == ("warn", "Never judged")


def test_the_difference_is_paired() -> None:
    ndcg = next(one for one in compare_metrics(case(losing(usual(), 0.1), usual())) if one.metric == "ndcg@10")

    assert ndcg.difference.value == pytest.approx(ndcg.challenger.value - ndcg.reference.value)
    widths = [one.high - one.low for one in (ndcg.challenger, ndcg.difference)]
    assert widths[1] < widths[0] / 2, "shoppers who differ from each other cancel out"
    assert ndcg.difference.high < 0


def test_the_first_screen_of_the_report_holds_verdict_numbers_and_advice(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)
    page = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])

    text = log_in("data scientist").get(page).content.decode()

    summary = text[: text.index('aria-label="Parts of the report"')]
    assert "25 % below live on the same shoppers" in summary
    assert summary.count('class="v-number"') == 3 or summary.count('class="v-number"') == 2
    assert 'id="next-steps"' in summary
    assert 'id="gate"' in text
    assert 'id="importance"' not in text, "other parts have pages of their own"


@pytest.mark.parametrize(
    ("part", "section"), [("accuracy", "sources"), ("learning", "tuning"), ("reach", "exposure"), ("running", "speed")]
)
def test_each_part_of_the_report_has_its_page(log_in: LogIn, part: str, section: str) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    page = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])

    text = log_in("data scientist").get(page, {"part": part}).content.decode()

    assert f'id="{section}"' in text
    assert 'id="gate"' not in text
    assert f'href="?part={part}" aria-current="page"' in text


def run_of(version: ModelVersion | None = None, **values: Any) -> TrainingRun:
    """Return a run that has ended, one hour ago, with its version."""
    now = clock.now()
    times = {"started_at": now - timedelta(minutes=10), "finished_at": now, "heartbeat_at": now}
    defaults = {"actor": "system:test", "state": RunState.DONE, "progress": 1.0, "model_version": version}
    return TrainingRun.objects.create(**{**defaults, **times, **values})


def test_a_run_says_why_its_version_was_refused_and_what_took_how_long(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    run = run_of(
        version, steps=[["Reading events", 0.0], ["Training the ranker", 60.0], ["Judging at the gate", 540.0]]
    )
    scientist = log_in("data scientist")

    rows = scientist.get(reverse("admin:modelops_trainingrun_changelist")).content.decode()
    text = scientist.get(reverse("admin:modelops_trainingrun_change", args=[run.pk])).content.decode()

    assert "Refused: Time for one list (99 %) 80 ms" in rows
    assert "at most 25 ms" in text
    steps = text[text.index('id="steps"') :]
    assert [steps.index(one) for one in ("Reading events", "Training the ranker", "Judging")] == sorted(
        steps.index(one) for one in ("Reading events", "Training the ranker", "Judging")
    )
    assert "8 min 0 s" in steps


def test_bars_of_steps_cover_the_run() -> None:
    bars = step_bars(run_of(steps=[["a", 0.0], ["b", 150.0]]))

    assert [(bar.name, round(bar.seconds), round(bar.left), round(bar.width)) for bar in bars] == [
        ("a", 150, 0, 25),
        ("b", 450, 25, 75),
    ]
    assert step_bars(run_of()) == []


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.44, "0.4 s"), (59.4, "59 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")]
)
def test_durations_in_words(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_the_training_form_says_what_to_expect(log_in: LogIn) -> None:
    run_of(judged_version(model(("popular",)), harmless()), data_report=SIZES)
    run_of(judged_version(model(("popular",)), case(slow(usual()), usual())))
    ModelAlarm.objects.create(kind="data", message="half of the rows", raised_at=clock.now(), latest_at=clock.now())

    text = log_in("data scientist").get(reverse("admin:modelops_trainingrun_train_page")).content.decode()

    card = text[text.index('id="forecast"') :].partition("</section>")[0]
    assert "Of the last 2 judged trainings 1 passed. The last one was refused: expect the same" in card
    assert "Refused: Time for one list (99 %) 80 ms, at most 25 ms needed." in card
    assert "9,000 interactions that training may use, at least 1,000 wanted: enough" in card
    assert "half of the rows" in card


def test_a_training_that_failed_before_the_gate_is_no_verdict() -> None:
    run_of(judged_version(model(("popular",)), harmless()), data_report=SIZES)
    run_of(state=RunState.FAILED, message="The database went away.")

    expected = forecast()

    assert "Expect a model about as good as the live one" in expected.sentence
    assert "1 more ended before the gate, as in an outage: that is no verdict." in expected.sentence
    assert "refused" not in expected.sentence
    assert (expected.runs[0].status, expected.runs[0].label) == ("not judged", "failed")
    assert "says nothing about the model. The database went away." in expected.runs[0].sentence


def test_the_forecast_names_reference_bars_shortfall_duration_and_that_a_repeat_repeats() -> None:
    live = judged_version(model(("popular",)), harmless())
    promote(live.version, actor="system:x")
    late = judged_version(model(("popular",)), case(slow(usual()), usual()))
    late.gate["reference"] = live.version
    late.save()
    run_of(late, data_report=SIZES, budget_s=120)

    reasons = " ".join(forecast().reasons)

    assert f"The reference: the plan of {live.version}, which is live, fitted on the same past." in reasons
    assert f"Its bars when {late.version} was compared with it: Accuracy on the same shoppers (NDCG@10) at" in reasons
    assert "was refused: Time for one list (99 %) 80 ms, at most 25 ms, short by 55 ms." in reasons
    assert "It will take about 8 min 0 s, as the last training did" in reasons
    assert "The same data, settings, seed and live version repeat the result" in reasons


def test_before_the_first_training_the_latest_events_are_counted() -> None:
    assert recent_training_counts() == {"interactions": 0, "shoppers": 0}

    expected = forecast()

    assert expected.sentence.startswith("The data are few")
    assert [line.status for line in expected.lines[:2]] == ["warn", "warn"]


@pytest.mark.parametrize(
    ("uri", "page"),
    [
        ("", ""),
        ("postgresql://a:b@db/mlflow", ""),
        ("http://127.0.0.1:5000/", "http://127.0.0.1:5000/#/models/vitrine"),
        ("https://me:secret@flow.example/x", "https://flow.example/x/#/models/vitrine"),
    ],
)
def test_mlflow_is_linked_where_it_has_pages(settings: Any, uri: str, page: str) -> None:
    settings.MLFLOW_TRACKING_URI, settings.MLFLOW_NAME = uri, "vitrine"

    assert tracking_page() == page
    run = page.replace("models/vitrine", "experiments/1/runs/ab12")
    assert run_page(ModelVersion(tracking_run="1/ab12")) == run
    assert run_page(ModelVersion()) == run_page(None) == "", "not copied yet"


def report_of(log_in: LogIn, version: ModelVersion, part: str = "all") -> str:
    """Return the text of the report's page."""
    page = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])
    return unescape(log_in("data scientist").get(page, {"part": part}).content.decode())


def test_the_top_of_the_report_says_where_the_version_is_weak(log_in: LogIn) -> None:
    new = {**METRICS, "ndcg@10": {"value": 0.0, "low": 0.0, "high": 0.0, "n": 900}}
    report = {**REPORT, "test": {"popular": {"together": METRICS, "warm": METRICS, "cold": new}}, "stage": "popular"}
    version = judged_version(model(("popular",)), harmless(), report=report)
    ModelVersion.objects.filter(pk=version.pk).update(stage="popular")

    top = report_of(log_in, version).split('id="weak"')[1].split("</p>")[0]

    assert "new products (NDCG@10 0.0000, known ones 0.1000)" in top
    assert "no group of shoppers was judged (each had fewer than 500 shoppers)" in top


def test_the_worst_group_is_a_weakness() -> None:
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)

    assert weaknesses_of(version) == ["activity new (NDCG@10 0.2500; activity regular 0.5000)"]
    assert weaknesses_of(judged_version(model(("popular",)), harmless())) == [], "nothing was measured"


def test_the_report_says_how_to_get_what_each_source_is_worth(log_in: LogIn) -> None:
    report = {name: part for name, part in REPORT.items() if name != "ablation"}

    text = report_of(log_in, judged_version(model(("popular",)), harmless(), report=report), "learning")

    section = text.split('id="ablation"')[1].split("</section>")[0]
    assert "What each source is worth" in section
    assert "Left out, since this training was not thorough." in section
    assert "--thorough" in section
    assert "<table" not in section


def test_the_single_stage_and_its_source_are_one_row(log_in: LogIn) -> None:
    both = {"together": METRICS, "warm": METRICS, "cold": METRICS}
    report = {**REPORT, "single": "als", "test": dict.fromkeys(("blend", "single", "als"), both)}

    text = report_of(log_in, judged_version(model(("popular",)), harmless(), report=report), "accuracy")

    section = text.split('id="sources"')[1].split("</section>")[0]
    assert "<td>single (als)</td>" in section
    assert "<td>als</td>" not in section
    other = {**METRICS, "ndcg@10": {**METRICS["ndcg@10"], "value": 0.2}}
    assert without_twin({"single": METRICS, "als": other}, report) == {"single": METRICS, "als": other}


@pytest.mark.parametrize(
    ("star", "mean", "words"),
    [(1.1, 1.1, "adds nothing here: the item's mean alone errs no more"), (0.9, 0.94, "which may be chance"),
     (0.9, 1.1, "errs less than the item's mean, beyond chance")],
)  # fmt: skip
def test_the_report_says_whether_stars_beat_plain_means(star: float, mean: float, words: str) -> None:
    errors = {"svd": {"value": star, "low": star - 0.05, "high": star + 0.05}, "item_mean": {"value": mean}}

    section = ratings({"rmse": errors})

    assert section is not None
    assert words in section.note


def test_the_two_times_of_a_list_are_told_apart(log_in: LogIn) -> None:
    text = report_of(log_in, judged_version(model(("popular",)), harmless(), report=REPORT))

    section = text.split('id="speed"')[1].split("</section>")[0]
    assert "99 % of answers, timed by the gate; 25 ms allowed" in text
    assert "Time for one list, during the training" in section
    assert "The gate timed the answer alone: 99 % within 2.0 ms." in section
