"""The pages of performance: a merchandiser sees how a placement did, by day, kind and position."""

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from pytest_django import Settings

from common import clock
from events.models import ServedAnswer
from events.services import performance
from personalization.models import Placement
from personalization.services.placements import save_placement
from personalization.services.rules import create_rule, switch_rule
from tests.events.test_performance import HOME, line, ordered, record, served, touched
from tests.shop_fixtures import stocked_shop  # noqa: F401
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


def moved(one: Any, days: float) -> Any:
    """Return the event so many days ago."""
    from msgspec.structs import replace

    at = clock.epoch_us() - int(timedelta(days=days).total_seconds() * 1_000_000)
    return replace(one, at=at, message_id=f"{one.message_id}-{days}")


@pytest.fixture
def a_week(db: None) -> None:
    """Record an answer, a click and an order of today, and an answer of last week."""
    record(0, moved(served(1, HOME, "home", "rug", "lamp"), 0.003))
    record(0, moved(touched(2, "Product Clicked", "lamp", HOME, position=2), 0.002))
    record(0, moved(ordered(3, "O1", line("lamp", 25, 2)), 0.001))
    record(0, moved(served(4, HOME.replace("1", "8"), "home", "rug"), 8))
    performance.count_new()


@pytest.mark.usefixtures("a_week")
def test_a_merchandiser_sees_how_home_did(log_in: LogIn) -> None:
    client = log_in("merchandiser")

    page = client.get(reverse("portal:performance-placement", args=["home"]))

    tiles = {tile.title: tile for tile in page.context["tiles"]}
    assert tiles["Answers"].value == "1"
    assert tiles["Answers"].change == 0, "as many as the week before"
    assert tiles["Click rate"].value == "100.0%"
    assert tiles["Revenue"].value == "50.00 EUR"
    text = page.content.decode()
    assert "By position" in text
    assert "A chart follows from 100 impressions on." in text
    first = ServedAnswer.objects.earliest("at").at
    assert f"Recommendations are counted since {first:%Y-%m-%d %H:%M}" in text
    assert "in the time zone UTC" in text
    positions = client.get(reverse("portal:performance-placement", args=["home"]), {"csv": "positions"})
    assert positions.content.decode().splitlines() == [
        "Position,Impressions,Clicks,Click rate",
        "1,1,0,0.00%",
        "2,1,1,100.00%",
    ]


def test_since_when_is_counted_is_in_the_time_zone_of_the_shop(
    log_in: LogIn, settings: Settings, request: pytest.FixtureRequest
) -> None:
    settings.SHOP_TIME_ZONE = "Pacific/Auckland"
    request.getfixturevalue("a_week")
    first = ServedAnswer.objects.earliest("at").at.astimezone(ZoneInfo("Pacific/Auckland"))

    page = log_in("merchandiser").get(reverse("portal:performance")).content.decode()

    assert f"counted since {first:%Y-%m-%d %H:%M} (Pacific/Auckland)" in page


@pytest.mark.usefixtures("a_week")
def test_rates_of_positions_are_drawn_from_enough_impressions_on(
    log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, address = log_in("merchandiser"), reverse("portal:performance-placement", args=["home"])

    few = {one.slug: one for one in client.get(address).context["sections"]}["positions"]
    monkeypatch.setattr("portal.performance_tables.FEWEST_IMPRESSIONS", 2)
    enough = {one.slug: one for one in client.get(address).context["sections"]}["positions"]

    assert few.figure is None
    assert enough.figure["layout"]["xaxis"]["title"]["text"] == "position"
    assert "95 % interval" in enough.note


@pytest.mark.usefixtures("a_week")
def test_the_overview_lists_every_placement(log_in: LogIn) -> None:
    page = log_in("merchandiser").get(reverse("portal:performance"), {"days": "28"})

    rows = {row[0]: row for row in page.context["sections"][0].rows}
    assert rows["Home page"][1:4] == ("2", "50.0%", "1")
    assert reverse("portal:performance-placement", args=["home"]) in page.content.decode()


@pytest.mark.usefixtures("a_week")
def test_a_merchandiser_sees_how_a_product_did_and_where(log_in: LogIn) -> None:
    client = log_in("merchandiser")
    home = client.get(reverse("portal:performance-placement", args=["home"]))
    products = {one.slug: one for one in home.context["sections"]}["products"]
    assert [row[:3] for row in products.rows] == [("Desk lamp", "1", "100.0%"), ("Wool rug", "1", "0.0%")], (
        "shown, never clicked"
    )

    page = client.get(products.links[0])

    assert products.links[0] == reverse("portal:performance-product", args=["lamp"])
    tiles = {tile.title: tile for tile in page.context["tiles"]}
    assert tiles["Shown"].value == "1"
    assert tiles["Revenue"].value == "50.00 EUR"
    where = {one.slug: one for one in page.context["sections"]}["placements"]
    assert where.rows == [("Home page", "1", "100.0%", "1", "0", "1", "50.00 EUR")]
    assert client.get(reverse("portal:performance-product", args=["nothing"])).status_code == 404


@pytest.mark.usefixtures("a_week")
def test_changes_of_a_placement_are_marked_in_its_chart(log_in: LogIn) -> None:
    client, about = log_in("merchandiser"), {"effect": "boost", "factor": 2.0}
    pushed = create_rule(name="Push", wording={**about, "placements": ["home"]}, actor="staff:1")
    create_rule(name="Elsewhere", wording={**about, "placements": ["cart"]}, actor="staff:1")
    switch_rule(pushed.pk, active=False, actor="staff:1")
    save_placement("home", data={"size": 4}, actor="staff:1")

    page = client.get(reverse("portal:performance-placement", args=["home"]))

    sections = {one.slug: one for one in page.context["sections"]}
    assert [(row[0], row[2]) for row in sections["changes"].rows] == [
        ("Placement changed", "staff:1"),
        ("“Push” switched off", "staff:1"),
        ("“Push” created", "staff:1"),
    ]
    assert sections["changes"].links[1:] == [reverse("admin:personalization_rule_change", args=[pushed.pk])] * 2
    assert "A mark ▼2 stands over a day with two changes" in sections["days"].note
    layout = sections["days"].figure["layout"]
    today = f"{clock.now():%m-%d}"
    assert [shape["x0"] for shape in layout["shapes"]] == [today]
    assert layout["xaxis"]["nticks"] == 4, "on a phone more days run together"
    assert [mark["text"] for mark in layout["annotations"]] == ["▼3"]
    assert layout["annotations"][0]["hovertext"].startswith("“Push” created<br>“Push” switched off")


def test_the_rules_of_a_placement_stand_in_the_order_in_which_they_apply(log_in: LogIn) -> None:
    client = log_in("merchandiser")
    pin = {"effect": "pin", "position": 1, "products": ["lamp"]}
    create_rule(name="Pin", wording=pin, actor="staff:1")
    create_rule(name="Other pin", wording={**pin, "products": ["rug"], "priority": 5}, actor="staff:1")
    create_rule(name="Hide", wording={"effect": "exclude", "products": ["sofa"]}, actor="staff:1")
    create_rule(name="Cart only", wording={**pin, "placements": ["cart"]}, actor="staff:1")

    page = client.get(reverse("portal:placement-rules", args=["home"]))

    rules, conflicts = page.context["sections"]
    assert rules.columns[:3] == ("Rule", "State", "Step")
    assert [(row[0], row[2]) for row in rules.rows] == [
        ("Hide", "1. filter"),
        ("Other pin", "4. pin"),
        ("Pin", "4. pin"),
    ]
    assert any("Other pin" in row[0] for row in conflicts.rows)
    assert f"{reverse('admin:personalization_rule_add')}?placements=home" in page.content.decode()
    assert client.get(reverse("portal:placement-rules", args=["nowhere"])).status_code == 404


def test_the_pages_of_a_placement_are_tabs(log_in: LogIn) -> None:
    client, home = log_in("merchandiser"), Placement.objects.get(key="home")
    settings_page = reverse("admin:personalization_placement_change", args=[home.pk])
    pages = (
        reverse("portal:performance-placement", args=["home"]),
        reverse("portal:placement-rules", args=["home"]),
        f"{reverse('portal:preview')}?placement=home",
        settings_page,
    )

    for own in pages:
        text = client.get(own).content.decode()
        for other in pages:
            current = ' aria-current="page"' if other == own else ""
            assert f'<a href="{other}"{current}>' in text, (own, other)


def test_an_unknown_placement_is_not_found_and_a_wrong_period_is_a_week(log_in: LogIn) -> None:
    client = log_in("merchandiser")

    assert client.get(reverse("portal:performance-placement", args=["nowhere"])).status_code == 404
    assert client.get(reverse("portal:performance"), {"days": "x"}).context["days"] == 7


def test_staff_without_placements_may_not_look(log_in: LogIn) -> None:
    assert log_in("compliance officer").get(reverse("portal:performance")).status_code == 403
