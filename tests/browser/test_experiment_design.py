"""A marketer designs a test, sees its arms and its size, starts it, ramps, stops, undoes, archives, and finds it."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from common import clock
from customers.models import Customer
from events.models import Event
from experiments.models import Experiment
from experiments.selectors.baseline import recent_numbers
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred, too_wide
from tests.browser.test_staff_walks import signed_in

ADD = "/admin/experiments/experiment/add/"
SHOPPERS = 400
SLOW = 20_000
"""Milliseconds: a machine that runs many tests at once is slow."""


@pytest.fixture
def visited(shop: Shop) -> Iterator[Shop]:
    """Four hundred shoppers who saw the home page in the last four weeks; every eighth put something into the cart."""
    now = clock.now()
    recent_numbers.forget()
    Customer.objects.bulk_create(Customer(raw_id=f"user:u{number}") for number in range(SHOPPERS))
    events = [
        event(number, now, "Recommendation Served", placement="home", recommendation_id=str(number))
        for number in range(SHOPPERS)
    ]
    events += [
        event(SHOPPERS + number, now, "Product Added", product_id="P0001", who=number)
        for number in range(0, SHOPPERS, 8)
    ]
    Event.objects.bulk_create(events)
    yield shop
    recent_numbers.forget()


def event(number: int, now: datetime, name: str, *, who: int | None = None, **properties: object) -> Event:
    shopper = number if who is None else who
    at = now - timedelta(hours=1 + shopper % 600)
    return Event(
        id=f"00000000-0000-7000-8000-{number:012}", message_id=str(number), at=at, received_at=at, kind="track",
        name=name, properties=properties, user_id=f"u{shopper}", shard=0, log_offset=number,
    )  # fmt: skip


def test_a_marketer_designs_starts_ramps_stops_undoes_archives_and_finds(
    visited: Shop, page: Page, violations: list[str], shoot: Shoot
) -> None:
    signed_in(page, visited, "marketer")
    page.get_by_role("link", name="Experiments", exact=True).click()
    page.goto(visited.url + ADD)

    page.get_by_label("Name", exact=True).first.fill("Popular on home")
    page.get_by_label("Hypothesis").fill("Newcomers know nothing else, so popular products sell more.")
    page.get_by_label("What is compared").select_option("strategy")
    expect(page.get_by_label("Hypothesis")).to_have_value(re.compile("Newcomers"))
    treatment = page.get_by_role("group", name="Arm 2")
    treatment.get_by_label("Placement").select_option("home")
    treatment.get_by_label("Strategy").select_option("popular")
    page.get_by_role("button", name="Preview the arms").click()
    expect(page.locator("[data-arms] section")).to_have_count(2)
    expect(page.locator("[data-arms] img").first).to_be_visible(timeout=SLOW)
    expect(page.locator("[data-change]")).to_contain_text("in the control")

    page.get_by_label("Goal", exact=True).select_option("add_to_cart_rate")
    size = page.locator("[data-size]")
    expect(size).to_contain_text("shoppers in each arm", timeout=SLOW)
    page.get_by_label("Smallest effect worth finding, %").fill("90")
    expect(size).to_contain_text(re.compile(r"about \d+ days"), timeout=SLOW)
    expect(page.locator("[data-inferences] tbody tr")).to_have_count(3)
    page.get_by_label("Coverage, %").fill("20")
    condition = page.get_by_role("group", name="Condition 1")
    condition.get_by_label("Who").select_option("name:device")
    condition.get_by_label("Value").fill("mobile")
    expect(page.locator("[data-audience]")).to_contain_text("Shoppers whose device is mobile.", timeout=SLOW)
    expect(page.locator("[data-server-only]")).to_be_visible(timeout=SLOW)
    shoot(page, "experiment-design")
    assert barred(page) == []
    page.get_by_role("button", name="Create the draft").click()

    expect(page.get_by_text("A draft: nobody sees it yet.")).to_be_visible(timeout=SLOW)
    row = Experiment.objects.get()
    assert (row.key, row.coverage, row.payload_kind) == ("popular-on-home", 0.2, "strategy")
    assert row.planned_units
    shoot(page, "experiment-draft")
    take(page, "Start")
    expect(page.locator("[data-history]")).to_contain_text("Started")
    page.get_by_role("link", name="Raise coverage").click()
    page.get_by_label("Coverage, %").fill("10")
    page.get_by_role("button", name="Raise coverage").click()
    expect(page.locator(".warn").first).to_contain_text("may only grow")
    page.get_by_label("Coverage, %").fill("50")
    page.get_by_label("Reason").fill("no complaints")
    page.get_by_role("button", name="Raise coverage").click()
    expect(page.locator("[data-history]")).to_contain_text("from 20 % to 50 %")
    expect(page.locator("[data-history]")).to_contain_text("no complaints")

    page.get_by_role("link", name="Edit the design").click()
    expect(page.get_by_label("Goal", exact=True)).to_be_disabled()
    expect(page.get_by_text("What is measured is decided before anybody has seen numbers.").first).to_be_visible(
        timeout=SLOW
    )
    page.get_by_label("What happens by itself").select_option("automatic")
    page.get_by_role("button", name="Save the design").click()
    expect(page.get_by_text("The design is saved.")).to_be_visible(timeout=SLOW)

    take(page, "Stop")
    expect(page.locator("[data-history] tbody tr").first).to_contain_text("everybody gets control")
    page.locator("[data-history] tbody tr").first.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    assert Experiment.objects.get().status == "running"
    take(page, "Stop")
    shoot(page, "experiment-hub")
    assert barred(page) == []
    page.get_by_role("link", name="Archive with learnings").click()
    page.get_by_label("What was learned").fill("Popular products sell zebras.")
    page.get_by_role("button", name="Archive with learnings").click()
    expect(page.get_by_text("Popular products sell zebras.")).to_be_visible(timeout=SLOW)

    page.goto(f"{visited.url}/admin/experiments/experiment/?q=zebras")
    expect(page.locator("#result_list")).to_contain_text("Learned: Popular products sell zebras.")
    shoot(page, "experiment-list")
    assert violations == []


def take(page: Page, step: str) -> None:
    """Take a step that asks for nothing but confirmation."""
    page.get_by_role("link", name=step, exact=True).click()
    page.get_by_role("button", name=step, exact=True).click()


def test_without_scripts_a_draft_is_made_and_a_wrong_one_loses_nothing(visited: Shop, ada: Page) -> None:
    ada.route(re.compile("/static/(experiments|personalization)/.*[.]js"), lambda route: route.abort())
    ada.goto(visited.url + ADD)
    ada.fill("[name=name]", "Green button")
    ada.get_by_role("button", name="Add an arm").click()
    ada.fill("[name=arms-2-name]", "Blue")
    ada.fill("[name=arms-2-weight]", "20")
    ada.fill("[name=arms-2-p_json]", '{"color": "blue"')
    ada.select_option("[name=goal_metric]", "conversion_rate")
    ada.get_by_role("button", name="Create the draft").click()

    expect(ada.get_by_text("is no JSON")).to_be_visible(timeout=SLOW)
    expect(ada.locator("[name=name]")).to_have_value("Green button")
    expect(ada.locator("[name=arms-2-p_json]")).to_have_value('{"color": "blue"')
    ada.fill("[name=arms-2-p_json]", '{"color": "blue"}')
    ada.get_by_role("button", name="Create the draft").click()
    expect(ada.get_by_text("must sum to 1")).to_be_visible(timeout=SLOW)
    ada.fill("[name=arms-0-weight]", "30")
    ada.get_by_role("button", name="Create the draft").click()
    expect(ada.get_by_text("A draft: nobody sees it yet.")).to_be_visible(timeout=SLOW)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_design_fits_phone_and_desk_in_light_and_dark(visited: Shop, ada: Page, width: int, shoot: Shoot) -> None:
    ada.goto(visited.url + ADD)
    ada.get_by_label("What is compared").select_option("parameters")
    expect(ada.locator("[name=arms-1-p_parameters]")).to_be_visible(timeout=SLOW)
    assert too_wide(ada) == []
    ada.set_viewport_size({"width": width, "height": 900})
    shoot(ada, f"experiment-design-{width}-light")
    ada.evaluate("document.documentElement.classList.add('dark')")
    shoot(ada, f"experiment-design-{width}-dark")
    assert barred(ada) == []
