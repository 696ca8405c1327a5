"""The page of a placement's objective: what it costs, and the slider that sets it."""

import pytest
from django.test import Client
from pytest_django import Settings

from audit.selectors import entries
from catalog.services import bulk_upsert
from personalization.models import Placement, PlacementVersion
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.trials.served import served
from tests.staff import LogIn

PAGE = "/portal/performance/home/objective"


@pytest.fixture
def dee(log_in: LogIn, settings: Settings) -> Client:
    """Dee the merchandiser, before a shop of forty products."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows = [{"product_id": f"P{n:02}", "title": f"Thing {n}", "price": str(5 + 11 * n % 37)} for n in range(1, 41)]
    assert bulk_upsert(rows, actor="system:test").rejected == ()
    return log_in("merchandiser")


def save(client: Client, objective: str, percent: object, was: str = "clicks 0") -> str:
    """Save on the page; return what it says then."""
    fields = {"objective": objective, "percent": str(percent), "was": was}
    return client.post(PAGE, fields, follow=True).content.decode()


def test_it_says_in_a_sentence_a_chart_and_a_table_what_each_strength_costs(dee: Client) -> None:
    served(30)

    answer = dee.get(PAGE, {"objective": "revenue"})

    page = answer.content.decode()
    assert answer.context["sentence"].startswith("At 50 %, +")
    assert "% revenue per list costs" in answer.context["sentence"]
    assert answer.context["sentence"] in page
    (section,) = answer.context["sections"]
    assert [row[0] for row in section.rows] == ["0 %", "25 %", "50 %", "75 %", "100 %"]
    assert section.rows[0][-1] == "0 of 30"
    assert [one["name"] for one in answer.context["figures"]["strengths"]["data"]] == ["clicks", "revenue"]
    lines = dee.get(PAGE, {"objective": "revenue", "csv": "strengths"}).content.decode().splitlines()
    assert lines[0] == "Strength,Clicks,Purchases,Revenue,Margin,Stock cleared,Lists changed"
    assert len(lines) == 6
    assert "?objective=revenue&amp;csv=strengths" in page


def test_too_little_and_unknown_values_are_said(dee: Client) -> None:
    served(3)

    page = dee.get(PAGE, {"objective": "margin"}).content.decode()

    assert "Too little to say anything: 3 requests" in page
    assert "It moves nothing" in page
    assert "its price and cost" in page
    assert 'id="strengths"' not in page


def test_it_is_saved_audited_and_versioned(dee: Client) -> None:
    page = save(dee, "revenue", 40)

    row = Placement.objects.get(key="home")
    assert (row.objective, row.objective_percent) == ("revenue", 40)
    assert "Before, it was clicks: relevance alone." in page
    assert "revenue, 40 %" in page
    assert entries(object="placement:home")[0].data == {"fields": ["objective", "objective_percent"]}
    kept = PlacementVersion.objects.filter(key="home").order_by("-number")[0]
    assert kept.fields["objective_percent"] == 40

    assert "Before, it was revenue, 40 %." in save(dee, "clicks", 80, was="revenue 40")
    row.refresh_from_db()
    assert (row.objective, row.objective_percent) == ("clicks", 0)


def test_a_change_of_somebody_else_is_not_overwritten(dee: Client) -> None:
    save(dee, "revenue", 40)

    page = save(dee, "margin", 10)

    assert "Somebody changed it meanwhile: it is revenue, 40 % now." in page
    assert Placement.objects.get(key="home").objective == "revenue"


@pytest.mark.parametrize(("objective", "percent"), [("fame", 10), ("margin", 101), ("margin", "x")])
def test_a_wrong_value_is_refused(dee: Client, objective: str, percent: object) -> None:
    assert 'role="alert"' in save(dee, objective, percent)
    assert Placement.objects.get(key="home").objective == "clicks"


def test_a_list_of_own_products_keeps_its_order(dee: Client) -> None:
    page = dee.get(PAGE.replace("home", "recent"), {"objective": "revenue"}).content.decode()

    assert "A list of recent keeps its own order." in page


def test_who_may_only_look_sees_no_slider(dee: Client, log_in: LogIn) -> None:
    marketer = log_in("marketer")

    page = marketer.get(PAGE).content.decode()

    assert "Show what it costs" in page
    assert 'type="range"' not in page
    fields = {"objective": "revenue", "percent": "40", "was": "clicks 0"}
    assert marketer.post(PAGE, fields).status_code == 403
    assert dee.get(PAGE.replace("home", "nowhere")).status_code == 404
