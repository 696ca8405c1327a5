"""The home with a hold-out and a proposal, light and dark, on a desk and a phone; two clicks approve the proposal."""

import pytest
from playwright.sync_api import Page, expect

from common import clock
from experiments.metrics.registry import ORDERED, ORDERS, REVENUE
from experiments.models import Experiment
from experiments.selectors.metrics import variables_of
from experiments.services import policies
from experiments.services.designs import create_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import start
from tests.browser.conftest import Shoot, Shop
from tests.browser.test_accessibility import barred
from tests.experiments.policy_worlds import results
from tests.experiments.results_rows import cell, write_cells

pytestmark = pytest.mark.django_db(transaction=True)
MO = "staff:7"
ARMS = [{"key": "control", "weight": 0.5}, {"key": "warm", "weight": 0.5}]


def hold_out() -> None:
    row = Experiment.objects.get(pk=start_holdout(share=0.05, actor=MO).experiment_id)
    variables = variables_of(row)
    cells = []
    for key, n, orders in (("held-out", 10_000, 1_000), ("personalized", 190_000, 22_800)):
        money = {REVENUE: 50.0 * orders, (REVENUE, REVENUE): 3_000.0 * orders, (ORDERS, REVENUE): 50.0 * orders}
        counts = {ORDERED: orders, ORDERS: orders, (ORDERS, ORDERS): orders, (ORDERED, ORDERS): orders}
        cells.append(cell(key, n, {**counts, **money, (ORDERED, REVENUE): 50.0 * orders}, variables))
    write_cells(row, tuple(cells))


def test_the_home_asks_and_a_person_answers(
    shop: Shop, ada: Page, shoot: Shoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_out()
    data = {"name": "Warmer buttons", "policy_mode": "approve", "coverage": 0.1, "arms": ARMS}
    create_experiment("button", data=data, actor=MO)
    start("button", actor=MO)
    numbers = results(health={"counted_until": clock.now()})
    monkeypatch.setattr("experiments.selectors.policies.results_of", lambda *_, **__: numbers)
    policies.apply_policies()

    ada.goto(f"{shop.url}/admin/")
    card = ada.locator("#holdout")
    expect(card).to_contain_text("What all personalization adds")
    expect(card.locator(".v-number")).to_have_count(3)
    expect(card.locator(".v-number").first).to_contain_text("+20.0 %")
    expect(ada.locator("#decisions")).to_contain_text("“Warmer buttons” waits for your approval")
    for scheme, width in (("light", 1280), ("dark", 1280), ("light", 390), ("dark", 390)):
        ada.set_viewport_size({"width": width, "height": 900})
        ada.evaluate(f"document.documentElement.classList.toggle('dark', {str(scheme == 'dark').lower()})")
        assert ada.evaluate("document.documentElement.scrollWidth") <= width
        assert barred(ada) == []
        shoot(ada, f"home-holdout-{scheme}-{width}")

    ada.set_viewport_size({"width": 1280, "height": 900})
    ada.locator("#decisions a[aria-label*='Warmer buttons']").click()
    shoot(ada, "experiment-proposal")
    ada.get_by_role("link", name="Approve").click()
    ada.get_by_role("button", name="Approve").click()
    expect(ada.locator("body")).to_contain_text("Warmer buttons")
    row = Experiment.objects.get(key="button")
    assert (row.status, row.coverage, row.ramp_arm) == ("running", 0.2, "warm")
