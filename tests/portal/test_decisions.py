"""The home page lists what waits for a person, and shows a merchandiser what recommendations brought."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.urls import reverse

from catalog.models import ProductImport
from common import clock
from events.models import SetAside
from modelops.models import ModelState, ModelVersion, RunState, TrainingRun
from personalization.services.rules import create_rule
from portal.failed_today import NEVER_STARTED
from profiles.models import SegmentJob
from tests.portal.test_performance_pages import a_week  # noqa: F401
from tests.shop_fixtures import stocked_shop  # noqa: F401
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def titles(client: Client) -> list[str]:
    return [one.title for one in client.get("/admin/").context["decisions"]]


def test_a_merchandiser_decides_about_rules(log_in: LogIn, settings: LazySettings) -> None:
    settings.SHOP_TIME_ZONE = "Pacific/Auckland"
    pin = {"effect": "pin", "position": 1, "products": ["lamp"]}
    ends_at = clock.now() + timedelta(days=4)
    rule = create_rule(name="Autumn", wording={**pin, "ends_at": ends_at}, actor="staff:1")
    short = {**pin, "position": 8, "products": ["sofa"], "ends_at": clock.now() + timedelta(days=2)}
    create_rule(name="For two days", wording=short, actor="staff:1")
    create_rule(name="Twin", wording={**pin, "products": ["rug"]}, actor="staff:1")
    create_rule(name="Next year", wording={**pin, "position": 9, "ends_at": ends_at + timedelta(days=365)}, actor="a")

    page = log_in("merchandiser").get("/admin/")

    conflict, ending = page.context["decisions"]
    assert (conflict.title, "“Twin”" in conflict.text) == ("Rules contradict each other, or match nothing", True)
    assert ending.title == "“Autumn” ends soon"
    assert f"{ends_at + timedelta(hours=13):%Y-%m-%d %H:%M}" in ending.text, "in the time zone of the shop"
    assert f'href="{reverse("admin:personalization_rule_change", args=[rule.pk])}"' in page.content.decode()
    assert titles(log_in("compliance officer")) == []


def test_a_data_scientist_decides_about_versions_and_refused_runs(log_in: LogIn) -> None:
    scientist, names = log_in("data scientist"), {"directory": "d", "artifact_hash": "0" * 64}
    ModelVersion.objects.create(version="1", state=ModelState.CHAMPION, gate={"passed": True}, **names)
    ModelVersion.objects.create(version="2", gate={"passed": True}, **names)
    TrainingRun.objects.create(state=RunState.FAILED, message="no data", actor="staff:1")

    assert titles(scientist) == ["The last training failed", "Version 2 passed all checks"]
    assert titles(log_in("merchandiser")) == []
    ModelVersion.objects.create(version="3", state=ModelState.REFUSED, gate={"passed": False}, **names)
    assert "Version 2 passed all checks" not in titles(scientist), "a newer one was refused"


def test_an_operator_decides_about_rejected_events(log_in: LogIn) -> None:
    SetAside.objects.create(payload="{}", reason="no id", received_at=clock.now(), shard=0, log_offset=1)

    assert titles(log_in("operator"))[-1] == "1 event was rejected"


def test_an_operator_learns_of_failed_work_though_others_mend_it(log_in: LogIn) -> None:
    names = {"directory": "d", "artifact_hash": "0" * 64}
    version = ModelVersion.objects.create(version="2", state=ModelState.REFUSED, gate={"passed": False}, **names)
    TrainingRun.objects.create(state=RunState.DONE, model_version=version, message="worse", actor="staff:1")
    ProductImport.objects.create(
        state="failed", file_name="spring.csv", stored_as="x", size=1, message="disk full", actor="staff:1"
    )
    SegmentJob.objects.create(kind="count", state="failed", message="no memory", actor="staff:1")

    shown = titles(log_in("operator"))

    assert shown == [
        "The last training was refused",
        NEVER_STARTED,
        "The import of spring.csv failed",
        "“Count exactly” failed",
    ]
    assert titles(log_in("", "root"))[:1] == ["The last training was refused"], "once, for both rights"


@pytest.mark.usefixtures("a_week")
def test_a_merchandiser_sees_what_recommendations_brought_and_no_metric_of_models(log_in: LogIn) -> None:
    report = {"test": {"hybrid": {"together": {"ndcg@10": {"value": 0.3, "low": 0.2, "high": 0.4}}}}}
    ModelVersion.objects.create(
        version="1", state=ModelState.CHAMPION, directory="d", artifact_hash="0" * 64, report=report
    )

    page = log_in("merchandiser").get("/admin/")

    tiles = {tile.title: tile.value for tile in page.context["week"]}
    assert (tiles["Answers"], tiles["Revenue"]) == ("1", "50.00 EUR")
    assert "NDCG" not in page.content.decode()
    text = page.content.decode()
    assert "The live model" not in text
    assert "Waiting to be recorded" not in text
    assert [(one.title, one.orders, one.revenue) for one in page.context["best_sellers"]] == [
        ("Desk lamp", 1, "50.00 EUR")
    ]
    assert "NDCG@10" in log_in("data scientist").get("/admin/").content.decode()


def test_a_merchandiser_sees_rules_that_run_and_that_nothing_waits(log_in: LogIn) -> None:
    up = {"effect": "boost", "products": ["lamp"], "placements": ["home"]}
    create_rule(name="Up", wording=up, actor="staff:1")
    create_rule(name="Later", wording={**up, "starts_at": clock.now() + timedelta(days=1)}, actor="staff:1")
    create_rule(name="Off", wording=up, active=False, actor="staff:1")

    page = log_in("merchandiser").get("/admin/")

    assert [name for _, name, _ in page.context["running_rules"]] == ["Up"]
    assert "Move up ×2: products Desk lamp (lamp); on home." in page.content.decode()
    assert "Nothing waits for you today." in page.content.decode()
    assert "To decide today" in log_in("compliance officer").get("/admin/").content.decode()
