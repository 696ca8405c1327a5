"""A marketer builds a segment with a live count, and looks at it in the explorer."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from common import clock, redis
from consents import cache as consent_cache
from consents.state import Decision
from profiles import services
from profiles.models import Segment
from profiles.segmenter import Segmenter
from profiles.services.segment_counts import count_segments
from profiles.services.segments import create_segment
from tests.browser.conftest import Shoot
from tests.events.builders import event

BARRED = ("serious", "critical")
FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"


@pytest.fixture(autouse=True)
def lookers(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty shoppers, of whom ten looked twice and are in a segment."""
    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    pipe, now = redis.client().pipeline(), clock.epoch_us()
    for number in range(30):
        consent_cache.apply_all(pipe, f"user:u{number}", {"personalization": Decision(True, 1)})
    pipe.execute()
    create_segment(key="lookers", name="Lookers", rule={"event": "view", "times": 2}, actor="system:test")
    views = [event(1, message_id=f"{n}-{t}", at=now, user_id=f"u{n}") for n in range(30) for t in range(1 + n % 3 // 2)]
    services.apply_events(views, offsets={})
    Segmenter().work(range(4))
    count_segments()


def serious(page: Page) -> list[Any]:
    violations = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in violations if one["impact"] in BARRED]


def test_rows_make_a_rule_and_say_how_many_it_holds(live_server: LiveServer, ada: Page, shoot: Shoot) -> None:
    ada.goto(f"{live_server.url}/admin/profiles/segment/add/")
    expect(ada.locator("[data-members]")).to_contain_text("About 0 of 30 shoppers")
    ada.fill("[name=name]", "Twice")
    ada.fill("[name=key]", "twice")

    times = ada.get_by_label("Times", exact=True)
    times.fill("2")

    expect(ada.locator("[data-members]")).to_contain_text("About 10 of 30 shoppers")
    expect(ada.locator("[data-sentence]")).to_have_text("Viewed a product at least 2 times within 30 minutes")
    ada.get_by_label("In categories").fill("Garden")
    expect(ada.locator("[data-members]")).to_contain_text("About 0 of 30 shoppers")
    ada.get_by_label("In categories").fill("")
    ada.get_by_role("button", name="Add a condition").click()
    ada.get_by_label("Condition").nth(1).select_option("group")
    ada.get_by_label("Must").nth(1).select_option("no")
    expect(ada.locator("[data-sentence]")).to_contain_text("and not (viewed a product at least 1 time)")
    ada.get_by_role("button", name="Remove").last.click()
    shoot(ada, "segment-builder")
    assert serious(ada) == []
    ada.get_by_role("button", name="Save", exact=True).click()

    expect(ada.locator("#result_list")).to_contain_text("twice")
    rule = Segment.objects.get(key="twice").rule
    assert rule == {"all": [{"event": "view", "is": "at_least", "times": 2, "within": "30 minutes"}]}


def test_a_wrong_row_says_what_is_wrong(live_server: LiveServer, ada: Page) -> None:
    ada.goto(f"{live_server.url}/admin/profiles/segment/add/")

    ada.get_by_label("Times", exact=True).fill("999")

    expect(ada.locator("[data-errors]")).to_contain_text("rule.all[0].times: must be a whole number from 0 to 300")


@pytest.mark.parametrize("width", [360, 1280])
def test_the_explorer_draws_its_figures_at_every_width(
    live_server: LiveServer, ada: Page, shoot: Shoot, width: int
) -> None:
    ada.set_viewport_size({"width": width, "height": 900})

    for name, path in (("list", ""), ("map", "/map"), ("one", "/of/lookers")):
        ada.goto(f"{live_server.url}/portal/segments{path}")
        ada.locator(".js-plotly-plot").first.wait_for()
        shoot(ada, f"segments-{name}-{width}")
        assert ada.evaluate(FITS), name
        assert serious(ada) == [], name
