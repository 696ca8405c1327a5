"""The arms of an experiment side by side: of a draft and of a saved one, with pictures, without exposure."""

import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.services import bulk_upsert
from customers.models import Customer
from events.log import get_log
from experiments.services.designs import create_experiment
from personalization.services.rules import create_rule
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
ADDRESS = "/portal/experiments/preview"
DRAFT: dict[str, Any] = {
    "payload_kind": "parameters", "arms-count": "2", "arms-0-name": "Control", "arms-0-weight": "50",
    "arms-1-name": "Short", "arms-1-weight": "50", "arms-1-p_placement": "home", "arms-1-p_parameters": "size = 2",
}  # fmt: skip


@pytest.fixture
def mo(log_in: LogIn, settings: Settings) -> Client:
    """Mo the marketer, before a shop of six products."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows = [
        {
            "product_id": f"P{n}", "title": f"Thing {n}", "price": "10.00", "category": ["Things"], "brand": "Nord",
            "image_url": f"https://shop.example/{n}.png",
        }
        for n in range(1, 7)
    ]  # fmt: skip
    bulk_upsert(rows, actor="system:test")
    return log_in("marketer")


def columns(page: str) -> dict[str, list[str]]:
    """Return the titles in each arm of the page."""
    parts = re.findall(r'aria-label="Arm ([^"]*)">(.*?)</section>', page, re.DOTALL)
    return {name: re.findall(r"Thing \d", text) for name, text in parts}


def test_each_arm_shows_what_it_would_show_with_pictures_and_differences(mo: Client) -> None:
    page = mo.post(ADDRESS, DRAFT, headers={"X-Requested-With": "fetch"}).content.decode()
    arms = columns(page)

    assert len(arms["Control"]) == 6
    assert arms["Short"] == arms["Control"][:2]
    assert "https://shop.example/1.png" in page
    assert "0 of 2 products are others than in the control" in page
    assert "<html" not in page
    assert get_log().length() == 0  # nothing counts as shown


def test_an_arm_that_changes_nothing_says_so(mo: Client) -> None:
    page = mo.post(ADDRESS, {**DRAFT, "arms-1-p_parameters": "size = 6"}).content.decode()

    assert "The same products, in the same places as in the control." in page
    assert "<html" in page


def test_a_rule_that_an_arm_switches_off_is_off_there(mo: Client) -> None:
    rule = create_rule(name="Not this", wording={"effect": "exclude", "products": ["P1"]}, actor="staff:1", active=True)
    fields = {**DRAFT, "payload_kind": "rules", "arms-1-p_off": [str(rule.pk)]}
    arms = columns(mo.post(ADDRESS, fields).content.decode())

    assert "Thing 1" not in arms["Control"]
    assert "Thing 1" in arms["Short"]


def test_an_invented_shopper_is_asked(mo: Client) -> None:
    page = mo.post(ADDRESS, {**DRAFT, "clicks": "P2"}).content.decode()
    wrong = mo.post(ADDRESS, {**DRAFT, "clicks": "P99"}).content.decode()

    assert "An invented shopper" in page
    assert "there is no product P99" in wrong


def test_json_for_the_storefront_is_shown_with_what_differs(mo: Client) -> None:
    create_experiment(
        "button",
        data={
            "arms": [
                {"key": "control", "weight": 0.5, "payload": {"color": "grey", "size": 2}},
                {"key": "green", "weight": 0.5, "payload": {"color": "green", "size": 2}},
            ]
        },
        actor="staff:1",
    )
    page = mo.get(ADDRESS, {"experiment": "button"}).content.decode()

    assert "<strong>green</strong>" in page
    assert page.count("other</span>") == 1
    assert mo.get(ADDRESS, {"experiment": "nothing"}).status_code == 404


def test_what_cannot_be_shown_says_why(mo: Client) -> None:
    unnamed = mo.post(ADDRESS, {**DRAFT, "arms-1-name": ""}).content.decode()
    refused = mo.post(ADDRESS, {**DRAFT, "arms-1-p_parameters": "size = -1"}).content.decode()

    assert "Give each arm a name" in unnamed
    assert 'role="alert">Short:' in refused


def test_a_data_scientist_names_no_shopper(mo: Client, log_in: LogIn) -> None:
    Customer.objects.create(raw_id="user:ada")
    scientist = log_in("data scientist")

    assert scientist.post(ADDRESS, {**DRAFT, "subject": "ada"}).status_code == 403
    assert scientist.post(ADDRESS, DRAFT).status_code == 200
    assert mo.post(ADDRESS, {**DRAFT, "subject": "ada"}).status_code == 200
    assert log_in("compliance officer").post(ADDRESS, DRAFT).status_code == 403
