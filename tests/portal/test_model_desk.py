"""The pages of models: verdicts, accuracy by version, click rate while live, one version against the live one."""

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from common import clock
from events.models import Impressions, Outcome
from modelops.models import ModelVersion
from modelops.selectors import desk
from modelops.services.registry import promote
from tests.modelops.releases import judged_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import case, harmless, losing, usual
from tests.shop_fixtures import stocked_shop  # noqa: F401
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def lines(log_in: LogIn, slug: str, page: str) -> list[str]:
    """Return the lines of a section as CSV, as a data scientist gets it."""
    return log_in("data scientist").get(page, {"csv": slug}).content.decode().splitlines()


def day_of_answers(days_ago: int, *, answers: int, clicks: int) -> None:
    """Record what one day brought."""
    day = timezone.now().date() - timedelta(days=days_ago)
    Impressions.objects.create(placement="home", day=day, personalized=True, position=0, n=answers)
    Outcome.objects.bulk_create(
        Outcome(
            recommendation_id=f"{days_ago}-{n}", product_id="P1", kind="click", at=clock.now(), day=day,
            placement="home", personalized=True, position=1,
        )
        for n in range(clicks)
    )  # fmt: skip


def test_click_rates_belong_to_the_version_that_was_live(log_in: LogIn) -> None:
    first, second = (judged_version(model(("popular",)), harmless(), report=REPORT) for _ in range(2))
    promote(first.version, actor="staff:1")
    promote(second.version, actor="staff:1")
    ModelVersion.objects.filter(pk=first.pk).update(promoted_at=clock.now() - timedelta(days=5))
    ModelVersion.objects.filter(pk=second.pk).update(promoted_at=clock.now() - timedelta(days=2))
    for days_ago, clicks in ((4, 10), (2, 30), (1, 30)):
        day_of_answers(days_ago, answers=100, clicks=clicks)

    rows = lines(log_in, "live-versions", reverse("portal:models"))

    assert [row.split(",")[0] for row in rows[1:]] == [second.version, first.version]
    assert ",200,60," in rows[1]
    assert "30.00 %" in rows[1]
    assert ",100,10," in rows[2]


def test_few_answers_have_no_click_rate(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    promote(version.version, actor="staff:1")
    ModelVersion.objects.filter(pk=version.pk).update(promoted_at=clock.now() - timedelta(days=5))
    day_of_answers(1, answers=3, clicks=1)

    page = log_in("data scientist").get(reverse("portal:models"))

    assert "live-versions" not in page.context["figures"]
    (row,) = next(one.rows for one in page.context["sections"] if one.slug == "live-versions")
    assert row[3:] == ("3", "1", "too few answers yet")


def test_the_page_has_verdicts_a_figure_over_versions_and_says_how_days_count(log_in: LogIn) -> None:
    for bad in (False, True):
        judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()) if bad else harmless(), report=REPORT)
    promote(ModelVersion.objects.order_by("pk")[0].version, actor="staff:1")

    page = log_in("data scientist").get(reverse("portal:models"))

    text = page.content.decode()
    assert "Refused: 25 % below live on the same shoppers" in text
    assert "over-versions" in page.context["figures"]
    assert "counted by day and not by version" in text


def test_a_version_is_compared_with_live_on_the_same_shoppers(log_in: LogIn, settings: Settings) -> None:
    settings.MLFLOW_TRACKING_URI = "http://127.0.0.1:5000"
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)
    scientist = log_in("data scientist")
    address = reverse("portal:model-comparison", args=[version.pk])

    page = scientist.get(address)
    table = scientist.get(address, {"csv": "same-shoppers"}).content.decode().splitlines()

    assert [trace["name"] for trace in page.context["figures"]["same-shoppers"]["data"]] == ["live", version.version]
    assert table[0] == f"Metric,Live,{version.version},Difference,In percent"
    ndcg = next(row for row in table if row.startswith("NDCG@10"))
    assert "−25 % [" in ndcg
    assert ">MLflow</a>" not in page.content.decode(), "it is not copied yet"
    ModelVersion.objects.filter(pk=version.pk).update(tracking_run="1/ab12")
    assert "http://127.0.0.1:5000/#/experiments/1/runs/ab12" in scientist.get(address).content.decode()
    assert "paired" in page.content.decode()
    own = reverse("admin:modelops_modelversion_comparison_with_live", args=[version.pk])
    assert scientist.get(own).headers["Location"] == address


def test_groups_stand_side_by_side_with_loss_interval_bar_and_outcome(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)
    address = reverse("portal:model-comparison", args=[version.pk])
    scientist = log_in("data scientist")

    rows = list(csv.reader(scientist.get(address, {"csv": "groups"}).content.decode().splitlines()))
    own_page = scientist.get(reverse("admin:modelops_modelversion_change", args=[version.pk])).content.decode()

    assert rows[0] == ["Group", "Shoppers", "Live", version.version, "Difference", "Lost", "Bar", "Outcome"]
    assert [row[0] for row in rows[1:]] == ["activity new", "activity regular"], "the greatest loss first"
    worst, other = rows[1], rows[2]
    assert (worst[1], *worst[5:]) == ("1,000", "50 %", "at most 5 %", "fail")
    assert re.fullmatch(r"'?−0\.\d+ \[−0\.\d+, −0\.\d+\]", worst[4])
    assert other[5:] == ["nothing", "at most 5 %", "pass"]
    assert f'href="{address}#groups"' in own_page
    assert 'id="groups"' in scientist.get(address).content.decode()
    assert "group_loss:" not in own_page


def test_groups_judged_before_intervals_were_kept_show_what_there_is(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)
    del version.gate["groups"]
    version.save()

    scientist, address = log_in("data scientist"), reverse("portal:model-comparison", args=[version.pk])
    rows = list(csv.reader(scientist.get(address, {"csv": "groups"}).content.decode().splitlines()))

    assert rows[1] == ["activity new", "1000", "–", "–", "–", "50 %", "at most 5 %", "fail"]
    assert "before intervals of groups were recorded" in scientist.get(address).content.decode()


def test_the_live_version_is_not_compared_with_itself(log_in: LogIn) -> None:
    version = judged_version(model(("popular",)), harmless(), report=REPORT)
    ModelVersion.objects.filter(pk=version.pk).update(gate={**version.gate, "reference": "popularity"})
    promote(version.version, actor="staff:1")
    scientist, address = log_in("data scientist"), reverse("portal:model-comparison", args=[version.pk])
    page = scientist.get(address).content.decode()

    assert f"{version.version} against popular products" in page
    assert f"{version.version} against live" not in page
    assert 'id="own-windows"' not in page

    ModelVersion.objects.filter(pk=version.pk).update(gate=version.gate)
    page = scientist.get(address).content.decode()
    assert f"{version.version} against the version that was live before" in page


def test_the_page_of_models_loads_no_reports(django_assert_max_num_queries: Any) -> None:
    judged_version(model(("popular",)), harmless(), report=REPORT)
    ModelVersion.objects.update(stage="blend")

    (version,) = desk.latest_versions()

    with django_assert_max_num_queries(0):
        assert desk.accuracy_by_version([version]).rows[0][2:] == ("0.1000", "0.0800", "0.1200")
    assert "report" in version.get_deferred_fields()


def test_models_have_pages_before_the_first_training(log_in: LogIn) -> None:
    page = log_in("data scientist").get(reverse("portal:models"))

    assert page.status_code == 200
    assert "No version is live yet" in page.content.decode()
    assert log_in("operator").get(reverse("portal:model-comparison", args=[99])).status_code == 404
