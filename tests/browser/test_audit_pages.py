"""Olu finds an event, exports the log of her days and verifies the file, without a manual."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from audit.services import exports, publishing, record, verification
from audit.services.sequencing import sequence
from common import clock
from common.pseudonyms import subject_pseudonym
from tests.browser.conftest import Shoot

WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def olu(live_server: LiveServer, page: Page, settings: Settings, tmp_path: Path) -> Page:
    """Olu the compliance officer, at the audit log of a shop that works."""
    settings.AUDIT_KEY_FILE, settings.MEDIA_ROOT = tmp_path / "signing.key", tmp_path / "media"
    settings.AUDIT_PUBLISH_TO = str(tmp_path / "checkpoints")
    call_command("sync_roles", verbosity=0)
    user = get_user_model().objects.create_user("olu", password="correct horse battery", is_staff=True)
    user.groups.add(Group.objects.get(name="compliance officer"))
    for number, effect in enumerate(("boost", "bury")):
        data = {"name": "More chairs", "active": True, "version": number, "effect": effect}
        record(category="rule", action="rule.edited", actor=f"staff:{user.pk}", object="rule:4", data=data)
    record(category="catalog", action="product.put", actor="key:5", object="product:P1", data={"fields": ["price"]})
    record(
        category="privacy", action="access.requested", actor="key:5", object="request:1",
        subject=subject_pseudonym("user:ada"), detail={"email": "ada@shop.example"},
    )  # fmt: skip
    sequence()
    verification.verify_log()
    publishing.publish_newest()
    page.goto(f"{live_server.url}/admin/login/")
    page.fill("[name=username]", "olu")
    page.fill("[name=password]", "correct horse battery")
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar-inner", state="attached")
    page.goto(f"{live_server.url}/admin/audit/auditevent/")
    return page


@pytest.mark.django_db(transaction=True)
def test_olu_exports_the_log_and_verifies_it(
    olu: Page, shoot: Shoot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exports, "_to_worker", exports.run_export)
    expect(olu.locator("#log-state")).to_contain_text(re.compile(r"Verified up to event \d+"))
    expect(olu.locator("#result_list")).to_contain_text("olu edited rule 4")
    shoot(olu, "audit-log")

    olu.locator("#result_list a", has_text="olu edited rule 4").first.click()
    expect(olu.locator("table", has_text="bury")).to_contain_text("boost")
    shoot(olu, "audit-event")

    olu.go_back()
    olu.get_by_role("link", name="Export the log").click()
    today = f"{clock.real_now():%Y-%m-%d}"
    olu.get_by_label("From (UTC)").fill(today)
    olu.get_by_label("To, included").fill(today)
    shoot(olu, "audit-export")
    olu.get_by_role("button", name="Export audit events").click()
    expect(olu.locator(".v-facts")).to_contain_text("in full")
    shoot(olu, "audit-exported")
    with olu.expect_download() as taken:
        olu.get_by_role("link", name="Download").click()
    command = olu.locator("pre code").inner_text()

    folder = tmp_path / "unpacked"
    with zipfile.ZipFile(taken.value.path()) as archive:
        archive.extractall(folder)
    (key,) = re.findall(r"--key '(.+)'", command)
    options = [sys.executable, "-I", "-S", "verify_audit.py", ".", "--key", key]
    done = subprocess.run(options, cwd=folder, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout[:9]) == (0, "Verified:")


@pytest.mark.django_db(transaction=True)
def test_olu_narrows_the_list_to_a_shopper_and_exports_just_that(olu: Page) -> None:
    olu.goto(f"{olu.url}?subject=user:ada")

    expect(olu.locator("#result_list tbody tr")).to_have_count(1)
    olu.get_by_role("link", name="Export what this filter shows").click()

    expect(olu.get_by_label("Shopper whom it is about")).to_have_value("user:ada")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_the_log_is_readable_at_every_width(
    olu: Page, chromium: Browser, shoot: Shoot, width: str, scheme: str
) -> None:
    olu.set_viewport_size({"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    olu.evaluate(f"localStorage.setItem('_x_adminTheme', '\"{scheme}\"')")
    olu.reload()

    expect(olu.locator("#log-state")).to_be_visible()
    shoot(olu, f"audit-log-{width}-{scheme}")
    assert olu.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
