"""A product's page says which rules touch it, and hides it from all answers with one button."""

from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.selectors import entries
from catalog.models import Product
from catalog.services import bulk_upsert
from personalization.models import Rule
from personalization.services.hidden_products import NAME
from personalization.services.rules import create_rule, edit_rule
from personalization.serving.asking import Ask
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.trial import try_rule
from tests.staff import LogIn

HIDE = "/admin/personalization/rule/hide/"


@pytest.fixture
def dee(log_in: LogIn, settings: Settings) -> Client:
    """Dee the merchandiser, before a shop of six products."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    bulk_upsert(
        [{"product_id": f"P{n}", "title": f"Thing {n}", "price": "1.00"} for n in range(1, 7)], actor="key:test"
    )
    return log_in("merchandiser")


def page_of(product_id: str) -> str:
    """Return the address of a product's page."""
    return f"/admin/catalog/product/{Product.objects.get(product_id=product_id).pk}/change/"


def shown() -> list[str]:
    """Return what a stranger sees."""
    return [item.product_id for item in try_rule(Ask("home")).now.items]


def test_the_page_names_the_rules_that_touch_the_product(dee: Client, log_in: LogIn) -> None:
    create_rule(name="Up", wording={"effect": "boost", "products": ["P1"], "placements": ["home"]}, actor="staff:1")
    create_rule(name="Other", wording={"effect": "boost", "products": ["P2"]}, actor="staff:1")

    page = dee.get(page_of("P1")).content.decode()

    assert "Rules that touch this product" in page
    assert ">Up</a>" in page
    assert "boosted ×2, on home" in page
    assert ">Other</a>" not in page
    assert "Never show this" in page
    data_scientist = log_in("data scientist").get(page_of("P1")).content.decode()
    assert ">Up</a>" in data_scientist
    assert "Never show this" not in data_scientist


def test_never_show_this_and_back(dee: Client) -> None:
    for product_id in ("P1", "P2"):
        answer = dee.post(HIDE, {"product_id": product_id, "page": page_of(product_id)}, follow=True)
        assert "is never shown" in answer.content.decode()
        assert "Show this again" in answer.content.decode()

    rule = Rule.objects.select_related("current").get()
    assert (rule.name, rule.current and rule.current.products) == (NAME, ["P1", "P2"])
    assert shown() == ["P3", "P4", "P5", "P6"]
    actions = [one.action for one in entries(category="rule")]
    assert actions[:2] == ["rule.edited", "rule.created"]

    dee.post(HIDE, {"product_id": "P1", "again": "1", "page": page_of("P1")})
    assert "P1" in shown()
    dee.post(HIDE, {"product_id": "P2", "again": "1", "page": page_of("P2")})
    assert len(shown()) == 6
    assert not Rule.objects.get().active

    dee.post(HIDE, {"product_id": "P3", "page": page_of("P3")})
    assert shown() == ["P1", "P2", "P4", "P5", "P6"]


def test_a_hidden_product_is_marked_and_its_rule_named_at_once(dee: Client) -> None:
    before = snapshot_refresher.current()
    dee.post(HIDE, {"product_id": "P1", "page": page_of("P1")})

    with patch("personalization.admin.product_rules.snapshot_refresher") as process:  # it has not read the new rule yet
        process.current.return_value = before
        page = dee.get(page_of("P1")).content.decode()
    assert ">Never show these</a>" in page
    assert "in no recommendation; the shop&#x27;s search and the product&#x27;s own page still show it" in page
    products = dee.get("/admin/catalog/product/")
    assert [row.product_id for row in products.context["cl"].result_list if row.labels] == ["P1"]
    assert "never shown" in products.content.decode()


def test_undo_after_hide_take_back_hide_hides_nothing_else(dee: Client) -> None:
    dee.post(HIDE, {"product_id": "P1", "page": page_of("P1")})
    dee.post(HIDE, {"product_id": "P1", "again": "1", "page": page_of("P1")})
    dee.post(HIDE, {"product_id": "P2", "page": page_of("P2")})
    rule = Rule.objects.get()
    undo = reverse("admin:personalization_rule_undo_page", args=[rule.pk])

    page = dee.get(undo)
    assert "off, “Never show these”" in page.content.decode()
    dee.post(undo, {"number": page.context["number"]})
    assert len(shown()) == 6

    dee.post(undo, {"number": dee.get(undo).context["number"]})
    assert shown() == ["P1", "P3", "P4", "P5", "P6"], "undone once more, it is as it was"


def test_a_reworded_list_is_left_alone(dee: Client) -> None:
    rule = create_rule(name=NAME, wording={"effect": "exclude", "products": ["P1"]}, actor="staff:1")
    edit_rule(rule.pk, wording={"effect": "exclude", "products": ["P1"], "placements": ["cart"]}, actor="staff:1")

    for product_id in ("P2", "P3"):
        dee.post(HIDE, {"product_id": product_id, "page": page_of(product_id)})

    assert sorted(Rule.objects.values_list("name", flat=True)) == [NAME, f"{NAME} 2"]
    assert "P2" not in shown()


def test_what_would_empty_the_shop_is_refused(dee: Client) -> None:
    for number in range(1, 7):
        answer = dee.post(HIDE, {"product_id": f"P{number}", "page": "https://elsewhere.test/"}, follow=True)

    assert "would empty every placement" in answer.content.decode()
    assert answer.request["PATH_INFO"] == "/admin/catalog/product/"
    assert shown() == ["P6"]


def test_who_may_not_write_rules_hides_nothing(dee: Client, log_in: LogIn) -> None:
    assert log_in("marketer").post(HIDE, {"product_id": "P1"}).status_code == 403
    assert dee.get(HIDE).status_code == 405
    assert "No product nothing." in dee.post(HIDE, {"product_id": "nothing"}, follow=True).content.decode()
