"""The check of a draft says what it matches, whose lists it changes, and why it changes nothing."""

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from audit.selectors import entries
from catalog.services import bulk_upsert
from customers.models import Customer
from events.log import get_log
from personalization.models import Rule
from personalization.services.rules import create_rule
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.rule_check import RuleCheck, check_rule
from tests.staff import LogIn

CHECK, CHOICES = "/admin/personalization/rule/check/", "/admin/personalization/rule/choices/"


@pytest.fixture
def dee(log_in: LogIn, settings: Settings) -> Client:
    """Dee the merchandiser, before a shop of twelve products and thirty users."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows: list[dict[str, Any]] = [
        {"product_id": f"P{n:02}", "title": f"Thing {n}", "price": "10.00", "brand": "Nord", "category": ["Things"]}
        for n in range(1, 12)
    ]
    rows[0] |= {"image_url": "https://pictures.test/1.png"}
    rows.append({"product_id": "P12", "title": "Lamp", "price": "5", "brand": "Acme, Inc.", "stock": 0})
    assert bulk_upsert(rows, actor="system:test").rejected == ()
    Customer.objects.bulk_create(Customer(raw_id=f"user:shopper-{number}") for number in range(500))
    return log_in("merchandiser")


def check(dee: Client, **fields: Any) -> RuleCheck:
    """Return the check that the form's fields get."""
    answer = dee.post(CHECK, {"effect": "exclude", **fields}, headers={"X-Requested-With": "fetch"})
    assert answer.status_code == 200
    assert "errors" not in answer.context, answer.context["errors"]
    result: RuleCheck = answer.context["check"]
    return result


def test_it_says_what_matches_and_whose_lists_change(dee: Client) -> None:
    answer = dee.post(CHECK, {"effect": "exclude", "products": "P01, P12", "placements": "home"})

    page, result = answer.content.decode(), answer.context["check"]
    n = result.n_shoppers
    assert n == 20
    assert "Matches 2 products, 1 of them on sale and in stock." in page
    assert f"Changes the lists of {n} of {n} shoppers." in page
    assert "Compared with the shop without this rule. The shoppers are drawn by lot" in page
    assert result.sentence == "Never show: products Thing 1 (P01), Lamp (P12); on home."
    assert result.disappears == (("Thing 1", n),)
    assert result.appears == (("Thing 11", n),)
    assert 'src="https://pictures.test/1.png"' in page
    assert "Disappears: Thing 1" in page
    assert "shopper-" not in page
    opened = dee.get("/portal/preview", result.examples[0].fields)
    assert opened.status_code == 200
    assert "Thing 1" in opened.content.decode()
    assert "<!DOCTYPE" in page, "without the script the button opens a page"


def test_a_check_writes_nothing(dee: Client) -> None:
    before = len(entries(category="rule"))

    check(dee, products="P01")

    assert Rule.objects.count() == 0
    assert len(entries(category="rule")) == before
    assert get_log().length() == 0


def test_a_saved_rule_is_compared_with_the_shop_without_it(dee: Client) -> None:
    rule = create_rule(
        name="Hide", wording={"effect": "exclude", "products": ["P01"], "placements": ["home"]}, actor="staff:1"
    )

    own = check(dee, products="P01", rule_id=rule.pk, placements="home")
    assert (own.against, own.n_changed, own.obstacle) == ("without", 20, "")
    assert [title for title, _ in own.disappears] == ["Thing 1"]
    assert (
        "changes nothing"
        not in dee.post(
            CHECK, {"effect": "exclude", "products": "P01", "placements": "home", "rule_id": rule.pk}
        ).content.decode()
    )
    other = check(dee, products="P02", rule_id=rule.pk, placements="home")
    assert other.against == "saved"
    assert [title for title, _ in other.appears] == ["Thing 1"]
    assert [title for title, _ in other.disappears] == ["Thing 2"]


def test_conflicts_and_other_rules_stand_in_the_order_of_answers(dee: Client) -> None:
    create_rule(name="Gone", wording={"effect": "exclude", "products": ["P03"]}, actor="staff:1")
    create_rule(
        name="Elsewhere", wording={"effect": "exclude", "products": ["P03"], "placements": ["cart"]}, actor="staff:1"
    )

    result = check(dee, effect="pin", position="1", products="P03", placements="home", name="Mine")

    assert [step.title for step in result.steps] == [*("filter", "propose", "rank", "boost / bury", "diversity", "pin")]
    assert result.steps[0].rules == ("Gone",)
    assert [step.has_draft for step in result.steps] == [False] * 5 + [True]
    assert result.conflicts == ("“Gone” excludes 1 of the products of “Mine”; excluding wins",)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"effect": "boost", "products": "P01"}, "are the first ones already"),
        ({"effect": "exclude", "products": "P12"}, "None of the 1 products it matches is in this list"),
        ({"effect": "cap", "cap": "99"}, "holds no more of them"),
        ({"effect": "pin", "position": "90", "products": "P03"}, "behind the end of this list"),
        ({"effect": "pin", "position": "1", "products": "P12"}, "is on sale and in stock"),
    ],
)
def test_why_nothing_changes(dee: Client, fields: dict[str, str], reason: str) -> None:
    result = check(dee, placements="home", **fields)

    assert result.n_changed == 0
    assert reason in result.obstacle


def test_a_short_list_is_a_warning(dee: Client) -> None:
    result = check(dee, effect="require", products="P01, P02", placements="home")

    assert result.shortest == (("home", 2, 10),)


def test_dates_do_not_hide_what_a_scheduled_rule_will_do(dee: Client) -> None:
    result = check(dee, products="P01", placements="home", starts_at_0="2090-01-01", starts_at_1="00:00")

    assert result.n_changed == result.n_shoppers
    assert "It does not apply now, by its dates" in result.conflicts[-1]


def test_a_rule_about_products_looked_at_is_checked_on_such_pages(dee: Client) -> None:
    result = check(dee, products="P01", context_products="P05", placements="product")

    assert result.n_changed == result.n_shoppers


def test_without_users_a_stranger_stands_in(dee: Client) -> None:
    Customer.objects.all().delete()

    assert check_rule({"effect": "exclude", "products": ["P01"], "placements": ["home"]}).n_shoppers == 1


def test_errors_name_their_field(dee: Client) -> None:
    for fields, error in (
        ({"effect": "pin", "products": "P01"}, ("Position", "a pin needs a position, from 1")),
        ({"effect": "boost", "factor": "0"}, ("Factor", "Ensure this value is greater than or equal to 1.")),
        ({"effect": "boost", "segments": "none"}, ("For segments", "there is no active segment none")),
    ):
        answer = dee.post(CHECK, fields, headers={"X-Requested-With": "fetch"})
        ((label, text),) = answer.context["errors"]
        assert label == error[0]
        assert text.startswith(error[1])
        assert error[1] in answer.content.decode()


def test_pickers_offer_names_by_title(dee: Client) -> None:
    def values(**fields: str) -> list[str]:
        return [one["value"] for one in dee.get(CHOICES, fields).json()["choices"]]

    assert values(kind="products", q="thing 7") == ["P07"]
    assert values(kind="products", q="P12") == ["P12"], "sold out, but named by its whole id"
    assert values(kind="brands", q="acme") == ["Acme, Inc."]
    assert values(kind="categories", q="thi") == ["Things"]
    assert values(kind="placements", q="home") == ["home"]
    assert values(kind="segments", q="") == []
    shown = dee.get(CHOICES, {"kind": "products", "is": "P01, P99"}).json()["choices"]
    assert [(one["title"], one["note"]) for one in shown] == [("Thing 1", "P01 · Nord"), ("P99", "unknown")]
    assert shown[0]["picture"] == "https://pictures.test/1.png"
    assert dee.get(CHOICES, {"kind": "brands", "is": '"acme, inc.", Süd'}).json()["choices"] == [
        {"value": "acme, inc.", "title": "Acme, Inc."},
        {"value": "Süd", "title": "Süd", "note": "unknown"},
    ]
    assert dee.get(CHOICES, {"kind": "users"}).status_code == 422


def test_who_may_only_look_checks_nothing(dee: Client, log_in: LogIn) -> None:
    marketer = log_in("marketer")

    assert marketer.post(CHECK, {"effect": "boost"}).status_code == 403
    assert marketer.get(CHOICES, {"kind": "placements"}).status_code == 200
    assert dee.get(CHECK).status_code == 405
