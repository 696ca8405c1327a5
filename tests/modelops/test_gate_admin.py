"""The admin of the gate: the evaluation report, waivers by two persons, and the training form."""

import re
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from common import clock
from modelops.models import (
    AlarmKind,
    ModelDrift,
    ModelState,
    ModelVersion,
    ModelWaiver,
    TrainingRun,
)
from modelops.selectors.comparison import N_VERSIONS
from modelops.selectors.plots import (
    DARK,
    PALE,
    bars,
    lines,
    points,
)
from modelops.selectors.report.section import bound
from modelops.services.alarms import raise_or_settle
from modelops.services.registry import promote, register
from recsys.data.data_checks import Check
from recsys.metrics.sample_sizes import ABLATION_SHOPPERS, EXPOSURE_SHOPPERS
from tests.modelops.releases import judged_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import (
    N_SHOPPERS,
    case,
    harmless,
    losing,
    slow,
    unfair,
    usual,
)
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def page_of(version: ModelVersion, name: str) -> str:
    whole = "?part=all" if name == "evaluation_page" else ""
    return reverse(f"admin:modelops_modelversion_{name}", args=[version.pk]) + whole


def test_report_shows_all_sections_as_plots_and_tables(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    parts = ["gate", "ladder", "sources", "released", "groups", "ablation", "reach", "exposure", "importance",
             "tuning", "stability", "ratings", "surprise", "speed", "data", "newcomers", "next-item"]  # fmt: skip
    assert [part for part in parts if f'id="{part}"' not in text] == []
    assert "0.0800 – 0.1200" in text
    assert "drawn anew from these shoppers, and so not quite those of the same numbers below" in text
    figures = set(re.findall(r'data-figure="([a-z-]+)"', text))
    assert figures == {
        "ladder",
        "sources",
        "groups",
        "ablation",
        "reach",
        "exposure",
        "importance",
        "tuning",
        "newcomers",
        "next-item",
    }
    assert "alpha 0.7, neighbors 100" in text
    assert "Set by what shoppers never had: covisitation; alone they find less." in text
    assert f"of {ABLATION_SHOPPERS} held-out shoppers at most, so what is below zero is mostly chance" in text
    assert "removed: duplicates" in text
    assert "Latest row that the model learned from" in text
    assert "Two(" not in text
    assert "missing: price" in text
    assert not re.search(r"https?://(?!localhost|testserver)[^\"']+\.js", text)


def test_report_plots_the_nights_of_the_live_version(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    for night, index in enumerate((0.05, 0.4)):
        checks = [{"name": "drift of signals", "value": index, "bar": 0.25, "passed": index < 0.25}]
        taken_at = clock.now() + timedelta(days=night)
        ModelDrift.objects.create(model_version=version, taken_at=taken_at, rows=1_000, checks=checks)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    section = text[text.index('id="drift"') :]
    assert section.index("0.400") < section.index("0.050")
    assert 'data-figure="drift"' in section


def test_report_shows_checks_of_served_answers(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    for night, gini in enumerate((0.61, 0.72)):
        checks = [
            Check("drift of signals", 0.1, 0.25, True, "population stability index", "alarms"),
            Check("served: shoppers", 150.0, 200.0, False, "shoppers answered", "notes"),
            Check("served: gini", gini, 0.63, gini < 0.63, "Gini of exposure", "alarms"),
        ]
        taken_at, stored_checks = clock.now() + timedelta(days=night), [asdict(one) for one in checks]
        ModelDrift.objects.create(model_version=version, taken_at=taken_at, rows=1_000, checks=stored_checks)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    drift, served_section = (text.split(f'id="{slug}"')[1].partition("</section>")[0] for slug in ("drift", "served"))
    assert "Gini" not in drift
    assert ">not judged</span>" in served_section
    assert ">fail</span>" in served_section
    assert "0.7200" in served_section
    assert "at most 0.6300" in served_section
    assert 'data-figure="served"' in served_section
    assert "<details open>" in served_section.split("</section>")[0]


def test_nights_with_little_traffic_have_no_plot(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    for night in range(2):
        checks = [Check("served: shoppers", 1.0, 200.0, False, "shoppers answered", "notes")]
        taken_at, stored_checks = clock.now() + timedelta(days=night), [asdict(one) for one in checks]
        ModelDrift.objects.create(model_version=version, taken_at=taken_at, rows=1, checks=stored_checks)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    served_section = text.split('id="served"')[1].split("</section>")[0]
    assert 'data-figure="served"' not in served_section
    assert "<td>1<br>" in served_section
    assert "at least 200" in served_section


@pytest.mark.parametrize(("strength", "shown"), [(0, False), (0.2, True)])
def test_the_ladder_says_that_it_holds_nothing_back_where_held_out_numbers_do(
    log_in: LogIn, strength: float, shown: bool
) -> None:
    report = {**REPORT, "exposure": {**REPORT["exposure"], "chosen": strength}}
    version = judged_version(model(("popular",)), harmless(), report=report)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    assert ("hold over-exposed items back by a strength of 0.2" in text) is shown


def test_gate_shows_the_side_of_each_bar(log_in: LogIn) -> None:
    worse = losing(unfair(slow(usual())), 0.5)
    few = replace(worse, groups={**worse.groups, "device": ("tablet",) * 100 + ("",) * (N_SHOPPERS - 100)})
    version = judged_version(model(("popular",)), case(few, usual()), report=REPORT)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    missed = [one for one in version.gate["checks"] if not one["passed"]]
    assert {"quality", "gini", "latency"} <= {one["name"] for one in missed}
    below = {one["name"] for one in missed if one["value"] < one["limit"]}
    assert {one["name"] for one in missed if one["side"] == "at least"} == below
    assert "at most 25 ms<" in text
    note = text[: text.index("Groups that are too small to judge")].rpartition("<tr>")[2]
    assert ">not judged</span>" in note


@pytest.mark.parametrize(
    ("names", "side"),
    [
        (("coverage", "new_items", "group_ratio:device", "served: new items", "served: shoppers judged"), "at least"),
        (("served: groups by device", "served: days before", "volume", "filled titles", "stability"), "at least"),
        (("popularity_lift", "group_loss:device:tablet", "supplier_share", "leak:too_good"), "at most"),
        (("served: loss of device tablet", "served: supplier share", "removed", "shift of hours"), "at most"),
    ],
)
def test_old_check_without_side_gets_it_from_its_name(names: tuple[str, ...], side: str) -> None:
    assert {bound({"name": name}) for name in names} == {side}
    assert {bound({"name": name, "side": None}) for name in names} == {side}


def test_stored_side_overrides_the_name() -> None:
    assert bound({"name": "quality_of_service", "side": "at most"}) == "at most"
    assert bound({"name": "served: loss of groups", "side": "at least"}) == "at least"


def test_overlapping_names_show_on_hover_only() -> None:
    figure = points(["ranker", "blend", "popular"], [(1.0, 0.9), (1.01, 0.9), (2.0, 0.1)], x="lift", y="coverage")

    (trace,) = figure["data"]
    assert trace["text"] == ["ranker", "", "popular"]
    assert trace["hovertext"] == ["ranker", "blend", "popular"]


def test_lines_differ_by_symbol_and_dash_and_chosen_bars_are_dark() -> None:
    six = lines([1, 2], [(str(n), [0.1, 0.2]) for n in range(6)], x="night", y="value")["data"]
    (chosen,) = bars(["blend", "ranker"], [(0.1, 0.0, 0.2), (0.2, 0.1, 0.3)], title="NDCG@10", chosen=[1])["data"]

    assert len({trace["marker"]["symbol"] for trace in six}) == len({trace["line"]["dash"] for trace in six}) == 6
    assert chosen["marker"]["color"] == [PALE, DARK]


def test_pages_with_metrics_explain_them(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    promote(version.version, actor="system:x")
    scientist = log_in("data scientist")
    beside = reverse("admin:modelops_modelversion_comparison_page")

    for page in (page_of(version, "evaluation_page"), beside, reverse("admin:index")):
        assert "NDCG@10 measures" in scientist.get(page).content.decode()


def test_svd_steps_keep_their_order(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)

    text = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    section = text[text.index('id="surprise"') :]
    assert section.index("as in the tutorial") < section.index("popular")
    assert "SVD learnt from 100,000 interactions; 1,000 shoppers were asked." in section


def test_version_without_report_has_a_page(log_in: LogIn) -> None:
    version = register(model(("popular",)), report={}, actor="system:x")

    answer = log_in("data scientist").get(page_of(version, "evaluation_page"))

    assert answer.status_code == 200
    assert "registered without a report" in answer.content.decode()


def test_plotly_is_served_to_staff_only(log_in: LogIn) -> None:
    door = reverse("admin:personalization_plotly", args=["6"])

    answer = log_in("data scientist").get(door)

    assert b"plotly.js" in b"".join(answer)
    assert "immutable" in answer["Cache-Control"]
    answer.close()
    assert Client().get(door).status_code == 302


def test_waiver_takes_two_persons(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")
    ada.post(page_of(version, "ask_waiver_page"), {"reason": "A sale starts tomorrow", "days": 3})
    waiver = ModelWaiver.objects.get()
    approve = reverse("admin:modelops_modelwaiver_approve_page", args=[waiver.pk])

    ada.post(approve)
    ada.post(page_of(version, "promote_page"))
    assert not ModelVersion.objects.filter(state=ModelState.CHAMPION).exists()

    assert "A sale starts tomorrow" in cora.get(approve).content.decode()
    cora.post(approve)
    ada.post(page_of(version, "promote_page"))
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == version


def test_only_possible_actions_have_buttons(log_in: LogIn) -> None:
    passed, failed = (
        judged_version(model(("popular",)), harmless()),
        judged_version(model(("popular",)), case(slow(usual()), usual())),
    )
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")

    def buttons(who: Client, row: ModelVersion | ModelWaiver, *pages: str) -> list[str]:
        doors = {
            page: reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_{page}", args=[row.pk]) for page in pages
        }
        text = who.get(
            reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
        ).content.decode()
        return [page for page, door in doors.items() if door in text]

    of_version, of_waiver = ("promote_page", "ask_waiver_page"), ("approve_page", "close_page")
    assert buttons(ada, passed, *of_version) == ["promote_page"]
    assert buttons(ada, failed, *of_version) == ["ask_waiver_page"]

    ada.post(page_of(failed, "ask_waiver_page"), {"reason": "A sale starts tomorrow", "days": 3})
    waiver = ModelWaiver.objects.get()
    assert buttons(ada, failed, *of_version) == []
    assert buttons(ada, waiver, *of_waiver) == ["close_page"]
    assert buttons(cora, waiver, *of_waiver) == ["approve_page", "close_page"]

    cora.post(reverse("admin:modelops_modelwaiver_approve_page", args=[waiver.pk]))
    assert buttons(ada, failed, *of_version) == ["promote_page", "ask_waiver_page"]
    assert buttons(cora, waiver, *of_waiver) == ["close_page"]

    ada.post(page_of(failed, "promote_page"))
    cora.post(reverse("admin:modelops_modelwaiver_close_page", args=[waiver.pk]))
    assert buttons(ada, failed, *of_version) == []
    assert buttons(cora, waiver, *of_waiver) == []


def test_version_live_by_waiver_is_marked(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")
    ada.post(page_of(version, "ask_waiver_page"), {"reason": "A sale starts tomorrow", "days": 3})
    waiver = ModelWaiver.objects.get()
    approve = reverse("admin:modelops_modelwaiver_approve_page", args=[waiver.pk])
    assert (
        f'href="{page_of(version, "evaluation_page").partition("?")[0]}"' in cora.get(approve).content.decode()
    )  # the approver can read the report first
    cora.post(approve)
    ada.post(page_of(version, "promote_page"))
    home, versions = reverse("admin:index"), reverse("admin:modelops_modelversion_changelist")

    assert f"live by a waiver until {waiver.expires_at:%Y-%m-%d %H:%M} UTC" in ada.get(home).content.decode()
    assert "Live, refused by the gate" in ada.get(versions).content.decode()
    cora.post(reverse("admin:modelops_modelwaiver_close_page", args=[waiver.pk]))
    assert "live by a waiver that has ended" in ada.get(home).content.decode()
    ModelVersion.objects.update(state=ModelState.RETIRED)
    assert "Retired, refused by the gate" in ada.get(versions).content.decode()


def test_waiver_can_be_declined_and_taken_back(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    ada, cora, dee = log_in("data scientist", "ada"), log_in("compliance officer", "cora"), log_in("merchandiser")
    form = {"reason": "A sale starts tomorrow", "days": 3}
    ada.post(page_of(version, "ask_waiver_page"), form)
    first = reverse("admin:modelops_modelwaiver_close_page", args=[ModelWaiver.objects.get().pk])

    assert dee.post(first).status_code == 403
    assert dee.post(first.replace(f"/{ModelWaiver.objects.get().pk}/", "/none/")).status_code in (403, 404)
    assert "A sale starts tomorrow" in cora.get(first).content.decode()
    cora.post(first)
    ada.post(page_of(version, "ask_waiver_page"), form)
    ada.post(reverse("admin:modelops_modelwaiver_close_page", args=[ModelWaiver.objects.latest("pk").pk]))

    closed_by = ModelWaiver.objects.order_by("pk").values_list("closed_by__username", flat=True)
    assert list(closed_by) == ["cora", "ada"]
    assert "closed" in cora.get(reverse("admin:modelops_modelwaiver_changelist")).content.decode()


def test_roll_back_to_version_with_valid_waiver_shows_no_warning(log_in: LogIn) -> None:
    ModelVersion.objects.update(state=ModelState.RETIRED)
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")
    ada.post(page_of(version, "ask_waiver_page"), {"reason": "A sale starts tomorrow", "days": 3})
    cora.post(reverse("admin:modelops_modelwaiver_approve_page", args=[ModelWaiver.objects.get().pk]))
    ModelVersion.objects.filter(pk=version.pk).update(state=ModelState.RETIRED, promoted_at=clock.now())

    page = ada.get(reverse("admin:modelops_modelversion_roll_back_page")).content.decode()

    assert f"Roll back to {version.version}?" in page
    assert "The gate refused it" not in page
    assert "none is live" in page


def test_comparison_page_shows_gate_results_and_settings(log_in: LogIn) -> None:
    passed = judged_version(model(("popular",)), harmless(), report=REPORT)
    run = TrainingRun.objects.create(actor="staff:1", model_version=passed, budget_s=600)
    failed = judged_version(model(("popular",)), case(slow(usual()), usual()))
    interval = REPORT["test"]["blend"]["together"]["ndcg@10"]
    ModelVersion.objects.filter(pk=passed.pk).update(stage="blend", metrics={"ndcg@10": interval["value"]})

    page = reverse("admin:modelops_modelversion_comparison_page")
    ada = log_in("data scientist")
    text = " ".join(ada.get(page).content.decode().split())

    assert f"{interval['low']:.4f} – {interval['high']:.4f}" in text
    assert f"refused, against {failed.gate['reference']}: 1 failed (time for one list (99 %))" in text
    assert f"passed, against {passed.gate['reference']}: " in text
    assert "10 minutes, Bayesian (TPE)" in text
    page_of_run = reverse("admin:modelops_trainingrun_change", args=[run.pk])
    assert "10 minutes, Bayesian (TPE)" in ada.get(page_of_run).content.decode()
    assert "5,000 interactions" in text
    assert "by a strength of 0.2" in text
    assert failed.version in text


def test_comparison_page_includes_the_live_version(log_in: LogIn) -> None:
    first = judged_version(model(("popular",)), harmless())
    promote(first.version, actor="system:x")
    newer = [register(model(("popular",)), report={}, actor="system:x").version for _ in range(N_VERSIONS)]

    page = log_in("data scientist").get(reverse("admin:modelops_modelversion_comparison_page"))

    versions = [version.version for version in page.context["versions"]]
    assert versions == [*newer[:0:-1], first.version]


def test_promote_page_shows_the_refusal(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    page = reverse("admin:modelops_modelversion_promote_page", args=[version.pk])

    text = log_in("data scientist").get(page).content.decode()

    assert "The gate refused it" in text
    assert version.refusal.split(":")[0] in text
    assert "Without a waiver by two persons" in text


def test_promote_page_has_no_button_for_failed_versions(log_in: LogIn) -> None:
    passed, failed = (
        judged_version(model(("popular",)), harmless()),
        judged_version(model(("popular",)), case(slow(usual()), usual())),
    )
    unjudged = register(model(("popular",)), report={}, actor="system:x")
    pruned = judged_version(model(("popular",)), harmless())
    ModelVersion.objects.filter(pk=pruned.pk).update(pruned_at=clock.now())
    ada = log_in("data scientist")

    pages = [ada.get(page_of(one, "promote_page")).content.decode() for one in (passed, failed, unjudged, pruned)]

    assert ['<button type="submit">Promote' in page for page in pages] == [True, False, False, False]
    assert "The gate never judged it" in pages[2]


def test_rejected_waiver_request_keeps_the_form(log_in: LogIn) -> None:
    failed, passed = (
        judged_version(model(("popular",)), case(slow(usual()), usual())),
        judged_version(model(("popular",)), harmless()),
    )
    ada, form = log_in("data scientist"), {"reason": "A sale starts tomorrow", "days": 3}
    ada.post(page_of(failed, "ask_waiver_page"), form)

    for version, why in ((failed, "is requested already"), (passed, "needs no waiver")):
        answer = ada.post(page_of(version, "ask_waiver_page"), form)
        assert answer.status_code == 422
        assert why in answer.content.decode()
        assert "A sale starts tomorrow</textarea>" in answer.content.decode()
    assert ModelWaiver.objects.count() == 1


def test_waiver_messages_name_the_next_step(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    ada, cora = log_in("data scientist", "ada"), log_in("compliance officer", "cora")

    request_page = ada.post(page_of(version, "ask_waiver_page"), {"reason": "A sale starts", "days": 3}, follow=True)
    waiver = ModelWaiver.objects.get()
    approval_page = cora.post(reverse("admin:modelops_modelwaiver_approve_page", args=[waiver.pk]), follow=True)

    assert "Somebody else must approve it" in request_page.content.decode()
    until = f"{waiver.expires_at:%Y-%m-%d %H:%M} UTC"
    assert f"{version} may go live by this waiver until {until}" in approval_page.content.decode()


def test_settled_alarm_has_no_settle_button(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless())
    bad = Check("volume", 0.5, 0.7, False, "rows, as a share of the last training")
    alarm = raise_or_settle(AlarmKind.DATA, [bad], actor="system:x", version=version)
    assert alarm is not None
    ada, page = log_in("data scientist"), reverse("admin:modelops_modelalarm_settle_page", args=[alarm.pk])

    first, after = ada.get(page).content.decode(), (ada.post(page), ada.get(page).content.decode())[1]

    assert '<button type="submit">Settle' in first
    assert '<button type="submit">Settle' not in after
    assert "It is settled already" in after


def test_other_roles_may_neither_request_nor_promote(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    dee = log_in("merchandiser")

    assert dee.post(page_of(version, "ask_waiver_page"), {"reason": "x", "days": 3}).status_code == 403
    assert log_in("compliance officer").post(page_of(version, "promote_page")).status_code == 403
    assert not ModelWaiver.objects.exists()


def test_invalid_duration_is_rejected(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(slow(usual()), usual()))

    answer = log_in("data scientist").post(page_of(version, "ask_waiver_page"), {"reason": "x", "days": 31})

    assert "less than or equal to 30" in answer.content.decode()
    assert not ModelWaiver.objects.exists()


def test_run_page_shows_removed_rows_and_checks(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    bad = Check("volume", 0.5, 0.7, False, "rows, as a share of the last training")
    rule = {"rows": 17, "rule": "duplicates", "reason": "was there already"}
    report = {"interactions": 5_000, "items": 652, "removed": [rule], "checks": [asdict(bad)]}
    run = TrainingRun.objects.create(actor="staff:1", data_report=report, forced=True)
    raise_or_settle(AlarmKind.DATA, [bad], actor="staff:1", version=version, run=run)
    scientist = log_in("data scientist")

    page = scientist.get(reverse("admin:modelops_trainingrun_change", args=[run.pk])).content.decode()

    assert "5,000 interactions, 652 products in the catalog" in page
    assert "17 (duplicates): was there already" in page
    assert "✗ volume: 0.5, bar 0.7" in page
    assert "volume: 0.5, bar 0.7" in scientist.get(page_of(version, "change")).content.decode()


def test_training_can_be_forced(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *named, **more: None)
    scientist, door = log_in("data scientist"), reverse("admin:modelops_trainingrun_train_page")
    assert 'type="checkbox" name="forced"' in scientist.get(door).content.decode()

    scientist.post(door)
    scientist.post(door, {"forced": "on"})

    assert list(TrainingRun.objects.order_by("id").values_list("forced", flat=True)) == [False, True]


def test_training_form_checks_minutes_and_sampler(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *named, **more: None)
    scientist, door = log_in("data scientist"), reverse("admin:modelops_trainingrun_train_page")

    invalid = scientist.post(door, {"minutes": "-1", "sampler": "dice"})
    scientist.post(door, {"minutes": "10", "sampler": "random"})

    assert invalid.status_code == 422
    assert "greater than or equal to 0" in invalid.content.decode()
    assert "dice is not one of the available choices" in invalid.content.decode()
    assert list(TrainingRun.objects.values_list("budget_s", "sampler")) == [(600, "random")]


def test_training_form_checks_exposure_strength(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch, settings: LazySettings
) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *named, **more: None)
    settings.EXPOSURE_STRENGTH = 0.2
    scientist, door = log_in("data scientist"), reverse("admin:modelops_trainingrun_train_page")
    assert 'name="exposure" min="0" max="1" step="any" value="0.2"' in scientist.get(door).content.decode()

    invalid = scientist.post(door, {"exposure": "1.5"})
    scientist.post(door, {"exposure": "0.35"})
    scientist.post(door, {"exposure": ""})

    assert invalid.status_code == 422
    assert "less than or equal to 1" in invalid.content.decode()
    runs = TrainingRun.objects.order_by("id")
    assert [run.exposure for run in runs] == [0.35, 0.2]
    page = scientist.get(reverse("admin:modelops_trainingrun_change", args=[runs[0].pk])).content.decode()
    assert "0.35" in page


def test_version_page_rounds_metrics_as_the_list_does(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    version.metrics = {"ndcg@10": 0.19715324989727478, "rmse_svd": 1.281666080890526}
    version.save()

    page = log_in("data scientist").get(page_of(version, "change")).content.decode()

    assert "NDCG@10 0.1972\nRMSE of predicted stars 1.2817" in page.replace("<br>", "\n")
    assert "0.19715324989727478" not in page


def test_all_pages_round_alike(log_in: LogIn) -> None:
    interval = {"value": 0.03125, "low": 0.0, "high": 0.15625, "n": 32}
    test = {"blend": {"together": {"ndcg@10": interval, "precision@10": interval}}}
    ladder = [{"stage": "blend", "name": "blend", "ndcg": interval, "chance": 0.875, "taken": True}]
    report = {**REPORT, "test": test, "ladder": ladder}
    version = judged_version(model(("popular",)), harmless(), report=report)
    other = judged_version(model(("popular",)), harmless(), report=report)
    ModelVersion.objects.update(stage="blend")
    promote(version.version, actor="staff:1")
    scientist = log_in("data scientist")

    doors = ["changelist", "comparison_page"]
    pages = [reverse("admin:index"), *(reverse(f"admin:modelops_modelversion_{door}") for door in doors)]
    pages += [page_of(version, "change"), page_of(version, "evaluation_page"), page_of(other, "promote_page")]
    texts = [scientist.get(page).content.decode() for page in pages]

    assert [("0.0312" in page, "0.0313" in page) for page in texts] == [(True, False)] * len(pages)
    assert [page for page in texts if "0.1563" in page] == []


def test_exposure_curve_shows_strengths_and_sample_size(log_in: LogIn) -> None:
    (point,) = REPORT["exposure"]["curve"]
    exposure = {"chosen": 0.125, "curve": [{**point, "strength": strength} for strength in (0.0, 0.1, 0.125)]}
    version = judged_version(model(("popular",)), harmless(), report={**REPORT, "exposure": exposure})

    page = log_in("data scientist").get(page_of(version, "evaluation_page")).content.decode()

    section = page.split('id="exposure"')[1].split("</section>")[0]
    assert "Chosen: 0.125." in section
    assert f"{EXPOSURE_SHOPPERS:,}" in section
    assert re.findall(r"<tr><td>([\d.]+)</td>", section) == ["0", "0.1", "0.125"]


def test_version_page_shows_exposure_strength(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)

    page = log_in("data scientist").get(page_of(version, "change")).content.decode()

    assert f"by a strength of {REPORT['exposure']['chosen']:g}" in page


def test_second_click_queues_no_second_run(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    queued_ids: list[int] = []
    monkeypatch.setattr(current_app, "send_task", lambda name, *, args, **more: queued_ids.append(args[0]))
    scientist, door = log_in("data scientist"), reverse("admin:modelops_trainingrun_train_page")

    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            scientist.post(door, {"minutes": "5"})
        scientist.post(door, {"minutes": "6"})

    assert sorted(TrainingRun.objects.values_list("budget_s", flat=True)) == [300, 360]
    twice, once = TrainingRun.objects.order_by("pk").values_list("pk", flat=True)
    assert sorted(queued_ids) == [twice, twice, once], "the first message may be lost"
