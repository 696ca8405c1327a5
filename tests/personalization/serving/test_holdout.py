"""A rule with a hold-out does not apply to a stable share of shoppers, and exposures say so."""

import pytest
from django.test import Client
from pytest_django import Settings

from common import clock
from personalization.admin.holdout_results import results_in_words
from personalization.models import Rule
from personalization.rules.holdout import is_held_out, split
from personalization.rules.rule_set import Rule as PureRule
from personalization.services.recommend import recommend
from personalization.services.rules import create_rule, edit_rule
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposure_of
from personalization.trials.rule_check import check_rule
from tests.personalization.shop import says
from tests.staff import LogIn

pytestmark = pytest.mark.usefixtures("stocked_shop")
N = 60
PIN = {"effect": "pin", "position": 1, "products": ["shade"], "holdout_percent": 50}


def test_a_lot_is_stable_fair_and_of_one_rule() -> None:
    rules = [PureRule(id=number, version=1, name="", effect="boost", holdout_percent=20) for number in (1, 2)]
    people = [f"user:u{number}" for number in range(10_000)]
    first, second = ([is_held_out(rule, one) for one in people] for rule in rules)

    assert 0.19 < sum(first) / len(people) < 0.21
    assert 0.03 < sum(a and b for a, b in zip(first, second, strict=True)) / len(people) < 0.05
    assert first == [is_held_out(rules[0], one) for one in people]
    assert split(rules, "") == (tuple(rules), ())


def answered(user: str) -> tuple[Answer, dict[str, object]]:
    """Return the answer to a user with consent, and what its exposure says."""
    ask = Ask("home", who=Who(user_id=user))
    answer = recommend(ask)
    return answer, exposure_of(answer, ask).properties


def first_product() -> str:
    """Return a product that is not first on the list of a stranger."""
    return recommend(Ask("home")).items[-1].product_id


def test_the_rule_leaves_half_of_the_shoppers_alone() -> None:
    product = first_product()
    rule = create_rule(name="Pin", wording={**PIN, "products": [product]}, actor="staff:1")
    for number in range(N):
        says({"user_id": f"u{number}"})

    answers = {f"u{number}": answered(f"u{number}") for number in range(N)}

    key = f"{rule.pk}.1"
    held_out = {user for user, (_, event) in answers.items() if event["holdout"] == {"held_out": [key]}}
    applied = {user for user, (_, event) in answers.items() if event["holdout"] == {"applied": [key]}}
    assert held_out | applied == set(answers)
    assert N / 4 < len(held_out) < 3 * N / 4
    for user, (answer, event) in answers.items():
        assert (answer.items[0].product_id == product) is (user in applied)
        assert event["rules"] == ([key] if user in applied else [])
    assert all(answered(user)[0].holdout == answer.holdout for user, (answer, _) in answers.items())
    edit_rule(rule.pk, wording={**PIN, "products": [product], "factor": 3.0}, actor="staff:1")
    again = {user for user in answers if "held_out" in answered(user)[0].holdout}
    assert again == held_out, "a new wording draws no new lots"


def test_without_consent_or_id_the_rule_applies_and_nothing_is_measured() -> None:
    product = first_product()
    create_rule(name="Pin", wording={**PIN, "products": [product]}, actor="staff:1")
    asks = [Ask("home"), *(Ask("home", who=Who(anonymous_id=f"a{number}")) for number in range(12))]

    for ask in asks:
        answer = recommend(ask)
        assert answer.items[0].product_id == product
        assert "holdout" not in exposure_of(answer, ask).properties


def test_devices_of_one_shopper_share_the_lot() -> None:
    from profiles.services import apply_events
    from tests.personalization.shop import event_of, stock_the_shop

    stock_the_shop()
    product = first_product()
    create_rule(name="Pin", wording={**PIN, "products": [product]}, actor="staff:1")
    for number in range(10):
        ids = {"user_id": f"u{number}", "anonymous_id": f"phone{number}"}
        says(ids)
        apply_events([event_of(ids, product, name="Product Viewed")], offsets={})
        by_user = recommend(Ask("home", who=Who(user_id=ids["user_id"])))
        by_phone = recommend(Ask("home", who=Who(anonymous_id=ids["anonymous_id"])))
        assert by_user.holdout == by_phone.holdout != {}


def test_a_check_of_the_rule_asks_what_it_does_where_it_applies() -> None:
    product = first_product()
    wording = {**PIN, "products": [product], "placements": ["home"]}
    rule = create_rule(name="Pin", wording=wording, actor="staff:1")

    assert check_rule(wording, instead_of=rule.pk).n_changed == 1, "against the shop without it"
    assert check_rule(wording).sentence.endswith("on home; held out for 50 % of shoppers.")


def test_the_page_of_the_rule_shows_both_groups(log_in: LogIn, settings: Settings) -> None:
    from events.services import performance
    from tests.events.test_performance import record
    from tests.events.test_rule_performance import STORY

    dee: Client = log_in("merchandiser")
    rule = Rule.objects.create(pk=7, name="Measured")
    edit_rule(rule.pk, wording={**PIN, "products": [first_product()]}, actor="staff:1")
    for one in STORY:
        record(0, one)
    performance.count_new()

    page = dee.get("/admin/personalization/rule/7/change/").content.decode()

    assert "What it brings: its hold-out" in page
    assert "50.0%" in page
    assert "Too early to say anything: 20 groups of shoppers are needed on both sides." in page
    assert "30.00 EUR" in page
    assert "15000.00 EUR" in page
    wrong = dee.post("/admin/personalization/rule/check/", {"effect": "boost", "holdout_percent": "51"})
    assert "less than or equal to 50" in wrong.content.decode()


def test_the_page_states_each_effect_with_an_interval_that_may_be_watched() -> None:
    from events.models import Outcome, RuleImpressions

    now, n = clock.now(), 0
    for group in range(40):
        for held_out, clicks in ((False, 30 + group % 3), (True, 10 + group % 4)):
            lot = {"held_out_rules" if held_out else "measured_rules": ["7.1"], "random_group": group}
            RuleImpressions.objects.create(rule="7.1", day=now.date(), held_out=held_out, random_group=group, n=100)
            for _ in range(clicks):
                n += 1
                Outcome.objects.create(
                    recommendation_id=f"r{n}", product_id="p", kind="click", at=now, day=now.date(), **lot
                )
    rows, (finding,) = results_in_words(7)

    assert [(row.group, row.answers, row.click_rate) for row in rows] == [
        ("applied", 4_000, "31.0%"),
        ("held out", 4_000, "11.5%"),
    ]
    of_clicks, of_orders, of_revenue = finding.sentences
    assert of_clicks.startswith("The rule raises the share of answers with a click: +169.")
    assert (of_orders, of_revenue) == (
        "Nothing was counted for the share of answers with an order yet.",
        "Nothing was counted for the revenue for an answer yet.",
    )
