"""The home shows who decides what all personalization adds, each number with its interval, and open proposals."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from common import clock
from experiments.metrics.registry import ORDERED, ORDERS, REVENUE
from experiments.models import Experiment, Proposal
from experiments.selectors.metrics import variables_of
from experiments.services.designs import create_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import start, stop
from tests.experiments.results_rows import cell, write_cells
from tests.shop_fixtures import stocked_shop  # noqa: F401
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
MO = "staff:7"


@pytest.fixture
def holdout() -> Experiment:
    """Return a hold-out of 5 % in which personalization adds 20 % to conversion, and to revenue alike."""
    row = Experiment.objects.get(pk=start_holdout(share=0.05, actor=MO).experiment_id)
    variables = variables_of(row)

    def arm(key: str, n: int, orders: int) -> Any:
        revenue = {REVENUE: 50.0 * orders, (REVENUE, REVENUE): 3_000.0 * orders, (ORDERS, REVENUE): 50.0 * orders}
        counts = {ORDERED: orders, ORDERS: orders, (ORDERS, ORDERS): orders, (ORDERED, ORDERS): orders}
        return cell(key, n, {**counts, (ORDERED, REVENUE): 50.0 * orders, **revenue}, variables)

    write_cells(row, (arm("held-out", 10_000, 1_000), arm("personalized", 190_000, 22_800)))
    return row


def home(client: Client) -> Any:
    return client.get("/admin/")


@pytest.mark.parametrize("role", ["", "marketer", "merchandiser"])
def test_who_decides_sees_three_numbers_with_their_intervals(holdout: Experiment, role: str, log_in: LogIn) -> None:
    card = home(log_in(role)).context["holdout"]

    assert [one.title for one in card.tiles] == ["Conversion rate", "Revenue per visitor", "Average order value"]
    conversion, revenue, order_value = card.tiles
    assert (conversion.value, conversion.values) == ("+20.0 %", "12.00 % with it, 10.00 % without")
    low, high = (float(text.rstrip(" %")) for text in conversion.interval.split(" to "))
    assert 5 < low < 20 < high < 35
    assert (revenue.value, revenue.values) == ("+20.0 %", "€6.00 with it, €5.00 without")
    assert order_value.values == "€50.00 with it, €50.00 without"
    assert order_value.interval.startswith("−")
    assert (card.share, card.units) == ("5 %", 10_000)
    assert card.link == reverse("admin:experiments_experiment_change", args=[holdout.pk])
    assert "+20.0 %" in home(log_in(role, "bea")).content.decode()


@pytest.mark.parametrize("role", ["operator", "data scientist", "compliance officer", "account manager"])
def test_others_see_none(holdout: Experiment, role: str, log_in: LogIn) -> None:
    page = home(log_in(role))

    assert "holdout" not in page.context
    assert 'id="holdout"' not in page.content.decode()


def test_before_anybody_was_counted_the_tiles_say_so(log_in: LogIn) -> None:
    start_holdout(share=0.1, actor=MO)
    card = home(log_in("marketer")).context["holdout"]

    assert {(one.value, one.interval) for one in card.tiles} == {("–", "too few shoppers so far")}


def test_with_a_mismatch_no_number_is_shown(holdout: Experiment, log_in: LogIn) -> None:
    variables = variables_of(holdout)
    write_cells(
        holdout, (cell("held-out", 50_000, {}, variables), cell("personalized", 100_000, {ORDERED: 9_000}, variables))
    )
    card = home(log_in("marketer")).context["holdout"]

    assert {(one.value, one.interval) for one in card.tiles} == {("–", "not to be trusted")}
    assert card.sentence.startswith("Nothing may be concluded")


def test_without_a_hold_out_who_may_start_one_is_told(log_in: LogIn) -> None:
    marketer = log_in("marketer")
    assert "permanent hold-out</a> runs" in home(marketer).content.decode()
    assert 'id="holdout"' not in home(log_in("merchandiser")).content.decode()
    key = start_holdout(share=0.1, actor=MO).experiment.key
    assert "permanent hold-out</a> runs" not in home(marketer).content.decode()
    stop(key, actor=MO)
    assert "permanent hold-out</a> runs" in home(marketer).content.decode()


@pytest.mark.parametrize(
    ("mode", "title"), [("approve", "waits for your approval"), ("recommend", "has a recommendation")]
)
def test_an_open_proposal_waits_for_who_may_change_experiments(mode: str, title: str, log_in: LogIn) -> None:
    create_experiment("button", data={"name": "Button", "policy_mode": mode}, actor=MO)
    start("button", actor=MO)
    row = Experiment.objects.get(key="button")
    fields = {"experiment": row, "action": "ship", "arm": "treatment", "rule": "goal_better", "inputs": {}}
    Proposal.objects.create(reason="Ship Treatment.", at=clock.now(), **fields)
    Proposal.objects.create(reason="Old.", at=clock.now() - timedelta(days=1), state="expired", **fields)

    decisions = home(log_in("marketer")).context["decisions"]

    assert [(one.title, one.text) for one in decisions] == [(f"“Button” {title}", "Ship Treatment.")]
    assert decisions[0].link == reverse("admin:experiments_experiment_change", args=[row.pk])
    assert home(log_in("merchandiser")).context["decisions"] == []


def test_a_hold_out_is_counted_for_the_shops_currency(holdout: Experiment, log_in: LogIn, settings: Any) -> None:
    settings.SHOP_CURRENCY = "JPY"

    assert home(log_in("marketer")).context["holdout"].tiles[1].values == "¥6 with it, ¥5 without"
