"""Walks of staff through their desks: a data scientist and an operator find what they look for by reading pages."""

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import Group
from playwright.sync_api import Page, expect
from pytest_django import Settings

from access.models import User
from access.services import sync_roles
from common import clock
from events.models import SetAside
from modelops.models import RunState, TrainingRun
from modelops.services.registry import promote
from tests.browser.conftest import Shoot, Shop
from tests.modelops.releases import judged_version, passed_version
from tests.modelops.reports import REPORT
from tests.recsys.furniture import model
from tests.recsys.planted import case, losing, usual

PASSWORD = "correct horse battery"
SCREEN = {"width": 1280, "height": 900}


def signed_in(page: Page, shop: Shop, role: str) -> None:
    """Sign somebody of the role in, and open the home page."""
    sync_roles(actor="system:test")
    User.objects.create_user("walker", password=PASSWORD, is_staff=True).groups.add(Group.objects.get(name=role))
    page.goto(f"{shop.url}/admin/login/")
    page.fill("[name=username]", "walker")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar-inner", state="attached")


@pytest.fixture
def refused(shop: Shop, settings: Settings, tmp_path: Path) -> str:
    """A live version, and a later one that the gate refused; the name of that one."""
    settings.MODEL_DIR = tmp_path
    promote(passed_version(model(("popular",)), report=REPORT), actor="staff:1")
    version = judged_version(model(("popular",)), case(losing(usual(), 0.5), usual()), report=REPORT)
    now = clock.now()
    TrainingRun.objects.create(
        actor="system:schedule", state=RunState.DONE, progress=1.0, model_version=version,
        started_at=now - timedelta(minutes=9), finished_at=now, heartbeat_at=now,
        steps=[["Reading events", 0.0], ["Training the ranker", 30.0], ["Judging at the gate", 500.0]],
    )  # fmt: skip
    return version.version


def test_a_data_scientist_finds_why_a_version_was_refused_and_what_would_pass(
    shop: Shop, page: Page, refused: str, violations: list[str], shoot: Shoot
) -> None:
    signed_in(page, shop, "data scientist")

    page.get_by_role("link", name="Models: verdicts and live results").click()
    row = page.locator("#verdicts tr", has_text=refused)
    expect(row).to_contain_text("Refused: 25 % below live on the same shoppers")
    shoot(page, "models")
    row.get_by_role("link", name=refused).click()

    missed = page.locator("#missed tbody tr").first
    expect(missed).to_contain_text("Accuracy on the same shoppers (NDCG@10)")
    expect(missed.locator("td").nth(2)).to_have_text(re.compile(r"at least 0\.4\d+"))
    expect(page.locator("#next-steps")).to_contain_text("Train with more minutes of tuning")
    expect(page.locator("[data-figure=same-shoppers] .main-svg").first).to_be_visible(timeout=30_000)
    shoot(page, "against-live")

    page.get_by_role("link", name="Report", exact=True).click()
    expect(page.locator(".v-verdict")).to_be_in_viewport()
    expect(page.locator(".v-number").first).to_be_in_viewport()
    expect(page.locator("#next-steps")).to_be_in_viewport()
    page.get_by_role("link", name="Accuracy", exact=True).click()
    expect(page.locator("#sources")).to_be_visible()

    page.goto(f"{shop.url}/admin/modelops/trainingrun/")
    page.locator("#result_list a", has_text=re.compile(r"^\d+$")).first.click()
    expect(page.locator("#steps")).to_contain_text("7 min 50 s")
    shoot(page, "run")
    page.goto(f"{shop.url}/admin/modelops/trainingrun/train/")
    expect(page.locator("#forecast")).to_contain_text("Refused: 25 % below live")
    shoot(page, "train")
    assert violations == []


def test_an_operator_finds_what_failed_today(shop: Shop, page: Page, violations: list[str], shoot: Shoot) -> None:
    SetAside.objects.bulk_create(
        SetAside(
            message_id=f"m{n}", reason="must be a number", field="properties.price", payload='{"type": "track"}',
            received_at=clock.now() - timedelta(minutes=1), source="server", shard=0, log_offset=n,
        )
        for n in range(3)
    )  # fmt: skip
    signed_in(page, shop, "operator")

    expect(page.locator("body")).to_contain_text("Rejected events")
    page.get_by_role("link", name="properties.price: must be a number").first.click()

    failures = page.locator("#failures")
    expect(failures).to_contain_text("properties.price: must be a number")
    failures.get_by_role("link", name="All rejected events").click()
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    shoot(page, "failed-today")
    assert violations == []
