"""A marketer's walk through two experiments: one harms and is rolled back by its policy, the next one ships by ramp."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings

from audit.selectors import Entry, entries
from common import clock
from demo.simulation.effects import Effects
from experiments.models import Experiment, Step
from experiments.selectors.policies import policy_outlook
from experiments.selectors.results import results_of
from experiments.services.policies import POLICY
from experiments.tasks import apply_all_policies, take_all_looks
from personalization.services.rules import create_rule
from tests.browser.conftest import Shoot, Shop
from tests.browser.simulated_crowd import SimulatedCrowd
from tests.browser.test_accessibility import FITS, STILL
from tests.browser.test_experiment_design import ADD, take
from tests.browser.test_staff_walks import signed_in

PLANT = Effects(clicks=0.9, lift=1.0, pin_cost=0.6, cart_share=0.6, order_share=0.9)
PIN = "A pin that nobody came for"
HARMFUL, HELPFUL = "popular-on-home", "home-without-the-pin"
FOLLOWED = 15_000
"""Milliseconds in which an open page follows by asking: it asks every five seconds."""

VISITORS = """(n) => [...document.querySelectorAll("[data-part=visitors] tbody td:nth-child(2)")]
    .reduce((sum, cell) => sum + Number(cell.textContent.replaceAll(",", "")), 0) === n"""


class Days:
    """The product's clock, some days ahead of the real one."""

    def __init__(self) -> None:
        self.ahead_us = 0
        clock.follow(lambda real_us: real_us + self.ahead_us)

    def pass_by(self, **time: float) -> None:
        self.ahead_us += round(timedelta(**time).total_seconds() * 1e6)


@pytest.fixture
def days() -> Iterator[Days]:
    yield Days()
    clock.follow(None)


@pytest.fixture
def rule(open_shop: Shop, settings: Settings) -> int:
    """The merchandiser's pin on the home page, in a shop where few shoppers are enough."""
    settings.EXPERIMENT_MINIMUM_UNITS = 100
    wording = {"effect": "pin", "position": 1, "placements": ["home"], "products": ["P0001"]}
    return create_rule(name=PIN, wording=wording, actor="staff:9").pk


def test_a_harmful_test_is_rolled_back_and_undone_and_the_next_one_ships_by_ramp(
    open_shop: Shop, page: Page, rule: int, days: Days, violations: list[str], shoot: Shoot
) -> None:
    crowd = SimulatedCrowd(PLANT)
    signed_in(page, open_shop, "marketer")

    start_test(page, open_shop, "Popular on home", goal="revenue_per_visitor", guardrail="click_through_rate")
    crowd.visit(HARMFUL, n=30)
    follows(page, visitors=30)
    crowd.visit(HARMFUL, n=270)
    apply_all_policies()
    follows(page, visitors=300)
    expect(page.locator("[data-part=verdict]")).to_contain_text("The experiment was stopped", timeout=FOLLOWED)
    pictures(page, shoot, "experiment-story-breach")
    assert_holds(HARMFUL, planted=1 / (1 + PLANT.lift) - 1)
    assert state_of(HARMFUL) == ("stopped", "control", 0.2)

    steps = to_steps(page)
    expect(steps.first).to_contain_text("harms Click-through rate beyond its margin")
    shoot(page, "experiment-story-rolled-back")
    steps.first.get_by_role("link", name="Undo").click()
    page.get_by_label("Reason").fill("The banner was broken that day.")
    page.get_by_role("button", name="Undo it").click()
    expect(steps.first).to_contain_text("Undone")
    apply_all_policies()
    assert state_of(HARMFUL) == ("running", "", 0.2), "the policy does not argue"
    take(page, "Stop")
    page.get_by_role("link", name="Archive with learnings").click()
    page.get_by_label("What was learned").fill("Popular products get half of the clicks.")
    page.get_by_role("button", name="Archive with learnings").click()
    expect(page.get_by_text("Popular products get half of the clicks.")).to_be_visible()

    start_test(page, open_shop, "Home without the pin", goal="click_through_rate", guardrail="conversion_rate")
    crowd.visit(HELPFUL, n=300)
    apply_all_policies()
    follows(page, visitors=300)
    expect(page.locator("[data-part=policy]")).to_contain_text("of at least 7 days")
    assert_holds(HELPFUL, planted=1 / (1 - PLANT.pin_cost) - 1)
    for ahead, share in ((7.1, 0.5), (1.1, 1.0), (1.1, 1.0)):
        days.pass_by(days=ahead)
        crowd.visit(HELPFUL, n=40)
        take_all_looks()
        apply_all_policies()
        assert state_of(HELPFUL)[2] == share, policy_outlook(HELPFUL).sentence
    assert state_of(HELPFUL) == ("shipped", "treatment", 1.0)
    assert_correction_is_small(HELPFUL)
    follows(page, visitors=420)
    expect(page.locator("[data-part=verdict]")).to_contain_text("Treatment was shipped")
    pictures(page, shoot, "experiment-story-shipped")
    to_steps(page)
    pictures(page, shoot, "experiment-story-steps")
    assert violations == []

    breach = "stopped (guardrail_breached)"
    assert_audited(HARMFUL, "created", "started", breach, "undone", "stopped", "archived")
    stages = "ramped (goal_better)", "ramped (ramp_stage_over)", "shipped (ramp_stage_over)"
    assert_audited(HELPFUL, "created", "started", *stages)


def start_test(page: Page, shop: Shop, name: str, *, goal: str, guardrail: str) -> None:
    """Design a test in the guided form, start it, and open its results."""
    page.goto(shop.url + ADD)
    page.get_by_label("Name", exact=True).first.fill(name)
    page.get_by_label("Hypothesis").fill("Shoppers find more of what they came for.")
    page.get_by_label("What is compared").select_option("rules" if "pin" in name else "strategy")
    arm = page.get_by_role("group", name="Arm 2")
    if "pin" in name:
        arm.get_by_label(PIN).check()
    else:
        arm.get_by_label("Placement").select_option("home")
        arm.get_by_label("Strategy").select_option("popular")
    page.get_by_label("Coverage, %").fill("20")
    page.get_by_label("Goal", exact=True).select_option(goal)
    row = page.get_by_role("group", name="Guardrail 1")
    row.get_by_label("Must not get worse").select_option(guardrail)
    row.get_by_label("By more than, %").fill("10")
    page.get_by_label("Shoppers in each arm").fill("400")
    page.get_by_label("What happens by itself").select_option("automatic")
    page.get_by_role("button", name="Create the draft").click()
    take(page, "Start")
    expect(page.locator("[data-history]")).to_contain_text("Started")
    page.get_by_role("link", name="Results", exact=True).click()
    expect(page.locator("[data-part=verdict]")).to_contain_text("too early")


def follows(page: Page, *, visitors: int) -> None:
    """Wait until the open page shows so many visitors in all arms."""
    page.wait_for_function(VISITORS, arg=visitors, timeout=FOLLOWED)


def to_steps(page: Page) -> Locator:
    """Open the design and the steps; return the rows of these, the latest first."""
    page.get_by_role("link", name="Design and steps").click()
    return page.locator("[data-history] tbody tr")


def pictures(page: Page, shoot: Shoot, name: str) -> None:
    """Take pictures for a desk and a phone, light and dark; all can be read, and nothing is too wide."""
    page.evaluate(STILL)
    page.evaluate("document.querySelectorAll('[data-figure]').forEach((one) => one.scrollIntoView())")
    page.evaluate("scrollTo(0, 0)")
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FITS)
        for scheme in ("dark", "light"):
            page.evaluate(f"document.documentElement.classList.toggle('dark', {str(scheme == 'dark').lower()})")
            shoot(page, f"{name}-{scheme}-{width}")
    page.set_viewport_size({"width": 1280, "height": 900})


def state_of(key: str) -> tuple[str, str, float]:
    """Return status, the arm that everybody gets, and coverage."""
    row = Experiment.objects.get(key=key)
    return row.status, row.final_arm, row.coverage


def assert_holds(key: str, *, planted: float) -> None:
    """Assert that the interval of the relative effect on clicks holds the planted one."""
    metric = next(one for one in results_of(key).metrics if one.key == "click_through_rate")
    effect = metric.comparisons[0].relative
    assert effect.low is not None
    assert effect.high is not None
    assert effect.low < planted < effect.high


def assert_correction_is_small(key: str) -> None:
    """Assert that the looks of a ramp, which ended nothing, do not count as chances to stop."""
    goal = results_of(key).goal
    assert goal is not None
    one = goal.comparisons[0]
    assert one.median_unbiased is not None
    assert one.median_unbiased.value is not None
    assert one.absolute.value is not None
    assert one.median_unbiased.value > 0.8 * one.absolute.value


def assert_audited(key: str, *steps: str) -> None:
    """Assert an audit row for each step, with the way back; the policy's own also have the rule and its numbers."""
    rows = entries(object=f"experiment:{key}")[::-1]
    assert [step_in_words(one) for one in rows] == list(steps)
    assert [one.data["number"] for one in rows] == list(range(1, len(steps) + 1))
    for row in rows:
        assert Step.objects.get(pk=row.data["undo"]).audit_event == row.id
        assert (row.actor == POLICY) == bool(row.data.get("basis", {}).get("inputs"))


def step_in_words(row: Entry) -> str:
    """Return what a step did, and by which rule if a policy took it."""
    rule = row.data.get("basis", {}).get("rule")
    return f"{row.action.removeprefix('experiment.')}{f' ({rule})' if rule else ''}"
