"""The admin of rules, placements, versions and runs: permissions, forms, warnings, confirmation pages."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.selectors import entries
from catalog.models import Product
from catalog.selectors import titles_of
from catalog.services import remove_product
from common import clock
from common.errors import InvalidInput
from modelops.models import (
    ModelAlarm,
    ModelState,
    ModelVersion,
    ModelWaiver,
    RunState,
    TrainingRun,
)
from modelops.selectors.registry import previous_champion
from modelops.selectors.runs import SILENCE, outcome_of, shown_run
from modelops.services.registry import promote
from personalization.models import Placement, Rule
from personalization.rules.rule_set import RuleSet
from personalization.selectors import conflicts
from personalization.selectors.rules import places_of, products_of, window_of, with_title
from personalization.services.placements import save_placement
from personalization.services.rules import create_rule, edit_rule, switch_rule, undo_rule
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles.services.segments import create_segment
from tests.modelops.releases import passed_version
from tests.recsys.furniture import PRODUCTS, model
from tests.staff import LogIn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
RULE = {
    "name": "Rugs first", "active": "on", "effect": "boost", "factor": "3", "priority": "0", "cap_by": "",
    "products": "rug, throw", "placements": "home",
}  # fmt: skip
NOT_ON_SALE = "Not on sale now: Wool rug (rug), Wool throw (throw)"
NUMBERS = {
    "explore_share": "0.2", "explore_cap": "50", "explore_days": "7", "explore_enough": "300", "rest_days": "21",
    "discovery_share": "0.5",
}  # fmt: skip


def unchanged_form(form: Any) -> dict[str, Any]:
    """Return what a browser submits of an unchanged form, including the hidden initial values."""
    values = {name: form[name].value() for name in form.fields}
    values |= {form[name].html_initial_name: "" if value is None else str(value) for name, value in values.items()}
    filled = {name: value for name, value in values.items() if value is not None and value is not False}
    return {name: "on" if value is True else value for name, value in filled.items()}


def test_merchandiser_creates_and_edits_a_rule(log_in: LogIn) -> None:
    dee = log_in("merchandiser")

    created = dee.post(reverse("admin:personalization_rule_add"), RULE)
    rule = Rule.objects.get()
    edited = dee.post(reverse("admin:personalization_rule_change", args=[rule.pk]), {**RULE, "factor": "5"})

    assert (created.status_code, edited.status_code) == (302, 302)
    assert list(rule.versions.order_by("number").values_list("factor", "products")) == [
        (3.0, ["rug", "throw"]),
        (5.0, ["rug", "throw"]),
    ]
    assert rule.versions.first().created_by.startswith("staff:")  # type: ignore[union-attr]


def test_quoted_names_with_commas_survive_saving(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    names = {"products": '"P,1", rug', "context_products": '"P,1"', "brands": '"Acme, Inc.", Weft'}

    dee.post(reverse("admin:personalization_rule_add"), {**RULE, **names})
    rule = Rule.objects.get()
    page = reverse("admin:personalization_rule_change", args=[rule.pk])
    form = unchanged_form(dee.get(page).context["adminform"].form)
    dee.post(page, {**form, "priority": "1"})

    assert {name: form[name] for name in names} == names
    assert list(rule.versions.values_list("products", "context_products", "brands")) == [
        (["P,1", "rug"], ["P,1"], ["Acme, Inc.", "Weft"]),
        (["P,1", "rug"], ["P,1"], ["Acme, Inc.", "Weft"]),
    ]


def test_default_factor_is_two(log_in: LogIn) -> None:
    dee = log_in("merchandiser")

    for name, effect in (("Rug first", "pin"), ("Rugs up", "boost")):
        dee.post(
            reverse("admin:personalization_rule_add"),
            {**RULE, "name": name, "effect": effect, "position": "1", "factor": ""},
        )

    assert set(Rule.objects.values_list("name", "current__factor")) == {("Rug first", 2.0), ("Rugs up", 2.0)}


def test_list_and_history_describe_the_conditions(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    dee.post(reverse("admin:personalization_rule_add"), {**RULE, "brands": "Weft", "max_price": "80"})
    rule = Rule.objects.get()
    dee.post(
        reverse("admin:personalization_rule_change", args=[rule.pk]),
        {
            **RULE,
            "products": ", ".join(PRODUCTS),
            "placements": "",
            "context_products": "mug, bowl",
            "context_categories": "Furniture/Chairs",
        },
    )

    list_page = dee.get(reverse("admin:personalization_rule_changelist")).content.decode()
    page = dee.get(reverse("admin:personalization_rule_change", args=[rule.pk])).content.decode()

    def named(*product_ids: str) -> str:
        titles = titles_of(product_ids)
        return ", ".join(with_title(one, titles) for one in product_ids)

    assert named("desk") != "desk", "a product is named by its title"
    assert f"products {named('desk', 'desk-xl', 'chair', 'stool', 'lamp')} and 5 more" in list_page
    places = f"looking at products {named('mug', 'bowl')} or looking at categories Furniture/Chairs"
    assert places in list_page
    assert f"boosted ×3: products {named(*PRODUCTS)}; {places}; always" in page
    first = f"boosted ×3: products {named('rug', 'throw')}; brands Weft; price to 80.00; on home; always"
    assert f"UTC by merchandiser, on, “Rugs first”: {first}" in page


def test_pin_without_position_is_rejected(log_in: LogIn) -> None:
    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, "effect": "pin"})

    assert response.status_code == 200
    assert "position" in response.context["adminform"].form.errors
    assert not Rule.objects.exists()


def test_exclude_rule_without_conditions_is_rejected(log_in: LogIn) -> None:
    nothing = {**RULE, "effect": "exclude", "products": ""}

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), nothing)

    assert "effect" in response.context["adminform"].form.errors
    assert not Rule.objects.exists()


@pytest.mark.parametrize("about", [{}, {"cap_by": "brand", "min_price": "0"}, {"min_price": "0", "placements": ""}])
def test_cap_of_zero_on_all_products_is_rejected(log_in: LogIn, about: dict[str, str]) -> None:
    none = {**RULE, "effect": "cap", "cap": "0", "products": "", **about}

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), none)

    errors = response.context["adminform"].form.errors
    assert list(errors) == ["cap"]
    assert not Rule.objects.exists()


@pytest.mark.parametrize("few", [{"cap": "0", "products": "rug"}, {"cap": "1", "products": ""}])
def test_cap_that_leaves_products_is_saved(log_in: LogIn, few: dict[str, str]) -> None:
    log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, "effect": "cap", **few})

    assert Rule.objects.exists()


def test_end_must_be_after_start(log_in: LogIn) -> None:
    moment = {"starts_at_0": "2026-12-01", "starts_at_1": "00:00", "ends_at_0": "2026-12-01", "ends_at_1": "00:00"}

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, **moment})

    errors = response.context["adminform"].form.errors
    assert list(errors) == ["ends_at"]
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field", "expected"),
    [
        ({"starts_at_0": "04/05/2027", "starts_at_1": "18:00"}, "starts_at", "Write the date as 2026-12-31."),
        ({"ends_at_0": "31.12.2026", "ends_at_1": "18:00"}, "ends_at", "Write the date as 2026-12-31."),
        ({"starts_at_0": "2027-05-04"}, "starts_at", "Write the time as 18:00; a day begins at 00:00."),
        ({"min_price": "50", "max_price": "10"}, "max_price", "must not be less than 50"),
        ({"min_stock": "5", "max_stock": "1"}, "max_stock", "must not be less than 5"),
        ({"effect": "pin"}, "position", "a pin needs a position"),
        ({"effect": "cap"}, "cap", "a cap needs a number"),
        ({"products": "rug, " + "x" * 201}, "products", "name 2 is longer than 200 characters"),
    ],
)  # fmt: skip
def test_invalid_rule_field_shows_error(log_in: LogIn, wrong: dict[str, str], field: str, expected: str) -> None:
    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, **wrong})

    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert errors[field][0].startswith(expected)
    assert not Rule.objects.exists()


def test_a_rule_may_be_for_active_segments_alone(log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiles.services.segment_jobs.current_app.send_task", lambda *args, **more: None)
    wording = {"effect": "boost", "segments": ["regulars"]}
    with pytest.raises(InvalidInput, match="no active segment regulars; there are none yet"):
        create_rule(name="Regulars", wording=wording, actor="staff:1")
    assert not Rule.objects.exists()

    create_segment(key="regulars", name="Regulars", rule={"event": "purchase", "times": 2}, actor="staff:1")
    log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, "segments": "regulars"})

    rule = Rule.objects.get()
    assert rule.current is not None
    assert rule.current.segments == ["regulars"]
    assert "for segments regulars" in places_of(rule.current)


def test_saving_a_rule_shows_conflicts(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    dee.post(reverse("admin:personalization_rule_add"), {**RULE, "name": "No rugs", "effect": "exclude"})

    response = dee.post(reverse("admin:personalization_rule_add"), RULE, follow=True)

    assert any("excluding wins" in str(message) for message in response.context["messages"])


def test_ended_rule_causes_no_conflict(log_in: LogIn) -> None:
    over = {"effect": "exclude", "products": ["rug"], "ends_at": clock.now() - timedelta(days=1)}
    create_rule(name="No rugs", wording=over, actor="staff:1")

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), RULE, follow=True)

    messages = [str(message) for message in response.context["messages"]]
    assert not any("excluding wins" in one for one in messages), messages


def test_ended_rule_and_inactive_placement_cause_warnings(log_in: LogIn) -> None:
    save_placement("sale", data={"name": "Sale", "active": False}, actor="staff:1")
    dee = log_in("merchandiser")

    for name, typed in {
        "Old": {"ends_at_0": "2020-01-01", "ends_at_1": "00:00"}, "Sale": {"placements": "sale, home"},
    }.items():  # fmt: skip
        response = dee.post(reverse("admin:personalization_rule_add"), {**RULE, "name": name, **typed}, follow=True)
        messages = [str(message) for message in response.context["messages"]]
        assert messages[0].startswith({"Old": "“Old” has ended", "Sale": "The placement sale is switched off"}[name])


def test_switching_a_rule_on_shows_conflicts(log_in: LogIn) -> None:
    create_rule(name="No rugs", wording={"effect": "exclude", "products": ["rug"]}, actor="staff:1")
    rule = create_rule(name="Rugs", wording={"effect": "boost", "products": ["rug"]}, actor="staff:1", active=False)
    dee = log_in("merchandiser")

    page = dee.get(reverse("admin:personalization_rule_change", args=[rule.pk])).content.decode()
    chosen = {"action": "switch_on", "_selected_action": [rule.pk]}
    response = dee.post(reverse("admin:personalization_rule_changelist"), chosen, follow=True)

    assert "the rule is off: conflicts are shown once it is on" in page
    messages = [str(message) for message in response.context["messages"]]
    assert messages[0] == "1 switched on."
    assert messages[1].startswith("“No rugs” excludes 1 of the products of “Rugs”")
    assert len(messages) == 2


def test_rules_switched_on_together_are_compiled_once(log_in: LogIn) -> None:
    rules = [
        create_rule(name=effect, wording={"effect": effect, "products": ["rug"]}, actor="staff:1", active=False)
        for effect in ("exclude", "boost", "bury")
    ]

    chosen = {"action": "switch_on", "_selected_action": [rule.pk for rule in rules]}
    with patch.object(conflicts, "RuleSet", wraps=RuleSet) as compiled:
        response = log_in("merchandiser").post(reverse("admin:personalization_rule_changelist"), chosen, follow=True)

    messages = [str(message) for message in response.context["messages"]]
    assert messages[0] == "3 switched on."
    assert any(one.startswith("“exclude” excludes 1 of the products of “boost”") for one in messages)
    assert len(set(messages)) == len(messages)
    assert compiled.call_count == 1


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        ("pin", [NOT_ON_SALE, "“Wool” matches no product on sale now"]),
        ("require", [NOT_ON_SALE, "“Wool” matches no product on sale now: nothing is left to show"]),
        ("exclude", []),
    ],
)
def test_rule_that_promotes_removed_products_causes_warning(log_in: LogIn, effect: str, expected: list[str]) -> None:
    for product_id in ("rug", "throw"):
        remove_product(product_id, actor="staff:1")

    typed = {**RULE, "name": "Wool", "effect": effect, "position": "1"}
    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), typed, follow=True)

    assert [str(message) for message in response.context["messages"]][:-1] == expected


def test_unknown_names_in_a_rule_cause_warnings(log_in: LogIn) -> None:
    typed = {**RULE, "effect": "require", "products": "rag, rug"}

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), typed, follow=True)

    messages = [str(message) for message in response.context["messages"]]
    assert any("no product rag" in one for one in messages)
    assert Rule.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "field", "expected"),
    [
        ({"products": "rag"}, "products", "the rule matches no product. There is no product rag in the catalog"),
        ({"products": "", "brands": "Woft"}, "brands", "There is no brand Woft"),
        ({"min_price": "90000"}, "products", "the rule matches no product"),
    ],
)
def test_a_rule_that_matches_no_product_is_refused(
    log_in: LogIn, wrong: dict[str, str], field: str, expected: str
) -> None:
    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, **wrong})

    assert expected in response.context["adminform"].form.errors[field][0]
    assert not Rule.objects.exists()


def test_a_rule_may_wait_for_stock(log_in: LogIn) -> None:
    log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, "min_stock": "90000"})

    assert Rule.objects.exists()


def test_prices_have_the_decimals_of_the_currency(log_in: LogIn, settings: Any) -> None:
    settings.SHOP_CURRENCY = "KWD"
    Product.objects.update(currency="KWD")
    snapshot_refresher.forget()
    dee, when = log_in("merchandiser"), {"starts_at_0": "2028-02-29", "starts_at_1": "00:30"}

    dee.post(reverse("admin:personalization_rule_add"), {**RULE, "min_price": "1.250", "max_price": "90000", **when})

    rule = Rule.objects.get()
    assert rule.current is not None
    assert products_of(rule.current).endswith("price from 1.250 to 90000.000")
    assert window_of(rule.current) == "2028-02-29 00:30 – … UTC"
    page = dee.get(reverse("admin:personalization_rule_change", args=[rule.pk]))
    form = page.context["adminform"].form
    assert (form["min_price"].value(), form["max_price"].value()) == ("1.250", "90000.000")
    assert b"In UTC" in page.content


@pytest.mark.parametrize(
    ("wrong", "field", "expected"),
    [
        ({"placements": "home, hom"}, "placements", "there is no placement hom: bundle, cart"),
        ({"effect": "exclude", "products": "", "min_price": "0"}, "effect", "would empty every placement"),
    ],
)
def test_unknown_placement_and_exclusion_of_all_products_are_rejected(
    log_in: LogIn, wrong: dict[str, str], field: str, expected: str
) -> None:
    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, **wrong})

    assert expected in response.context["adminform"].form.errors[field][0]
    assert not Rule.objects.exists()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"filter_brand": "Lix"}, "There is no brand Lix"),
        ({"filter_min_price": "9000"}, "No product on sale passes the filters"),
    ],
)
def test_filter_without_matches_causes_warning(log_in: LogIn, filters: dict[str, str], expected: str) -> None:
    home, dee = Placement.objects.get(key="home"), log_in("merchandiser")
    page = reverse("admin:personalization_placement_change", args=[home.pk])

    form = unchanged_form(dee.get(page).context["adminform"].form) | filters
    response = dee.post(page, form, follow=True)

    assert any(str(message).startswith(expected) for message in response.context["messages"])


@pytest.mark.parametrize(
    ("wrong", "field", "expected"),
    [
        ({"key": "HOME"}, "key", "Small letters, digits and hyphens"),
        ({"key": "autumn sale"}, "key", "Small letters, digits and hyphens"),
        ({"sources": "popular 1, popular 2"}, "sources", "popular is named twice"),
        ({"filter_min_price": "9", "filter_max_price": "5"}, "filter_max_price", "must not be less than 9"),
    ],
)
def test_invalid_placement_field_shows_error(log_in: LogIn, wrong: dict[str, str], field: str, expected: str) -> None:
    dee = log_in("merchandiser")
    page = reverse("admin:personalization_placement_add")

    form = unchanged_form(dee.get(page).context["adminform"].form) | {"key": "sale", "name": "Sale", **wrong}
    response = dee.post(page, form)

    errors = response.context["adminform"].form.errors
    assert list(errors) == [field]
    assert errors[field][0].startswith(expected)
    assert not Placement.objects.filter(name="Sale").exists()


@pytest.mark.parametrize("field", ["sources", "fallback", "filter_category", "filter_brand"])
def test_null_character_in_placement_list_is_rejected(log_in: LogIn, field: str) -> None:
    form = {"key": "offers", "name": "Offers", "about": "none", "size": "4", "strategy": "popular", **NUMBERS,
            "recent_item_slots": "0", "max_per_brand": "0", "max_per_category": "0", field: "po\x00pular"}  # fmt: skip

    page = log_in("merchandiser").post(reverse("admin:personalization_placement_add"), form)

    assert page.context["adminform"].form.errors[field] == ["Null characters are not allowed."]
    assert not Placement.objects.filter(key="offers").exists()


@pytest.mark.parametrize("field", ["products", "categories", "brands", "context_products", "context_categories"])
def test_null_character_in_rule_list_is_rejected(log_in: LogIn, field: str) -> None:
    page = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), {**RULE, field: "ru\x00g"})

    assert page.context["adminform"].form.errors[field] == ["Null characters are not allowed."]
    assert not Rule.objects.exists()


def test_recommender_missing_in_live_model_causes_warning(log_in: LogIn, live_model: None) -> None:
    home, dee = Placement.objects.get(key="home"), log_in("merchandiser")
    page = reverse("admin:personalization_placement_change", args=[home.pk])

    form = unchanged_form(dee.get(page).context["adminform"].form) | {"strategy": "sequence_net"}
    response = dee.post(page, form, follow=True)

    assert any("no recommender sequence_net" in str(message) for message in response.context["messages"])


def test_pin_after_the_end_of_a_placement_causes_warning(log_in: LogIn) -> None:
    wording = {**RULE, "effect": "pin", "position": "8", "placements": "bundle, home", "factor": ""}

    response = log_in("merchandiser").post(reverse("admin:personalization_rule_add"), wording, follow=True)

    assert "Place 8 is after the end of bundle (4)" in " ".join(map(str, response.context["messages"]))


def test_minimum_price_above_maximum_is_rejected(log_in: LogIn) -> None:
    home, dee = Placement.objects.get(key="home"), log_in("merchandiser")
    page = reverse("admin:personalization_placement_change", args=[home.pk])

    form = unchanged_form(dee.get(page).context["adminform"].form)
    response = dee.post(page, form | {"filter_min_price": "50", "filter_max_price": "5"})

    assert "filter_max_price" in response.context["adminform"].form.errors
    home.refresh_from_db()
    assert home.filters == {}


def test_merchandiser_changes_a_placement(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    home = Placement.objects.get(key="home")
    page = dee.get(reverse("admin:personalization_placement_change", args=[home.pk]))
    form = {"name": "Home", "about": "shopper", "size": 8, "active": "on", "strategy": "blend", "recent_item_slots": 1,
            "sources": "content 1, rp3beta 0.5", "fallback": "trending, popular", "filter_category": "Furniture",
            "filter_max_price": "100", "max_per_brand": 2, "max_per_category": 0,
            **NUMBERS}  # fmt: skip

    initial = unchanged_form(page.context["adminform"].form)
    del initial["repeat"]
    response = dee.post(reverse("admin:personalization_placement_change", args=[home.pk]), {**initial, **form})

    home.refresh_from_db()
    assert (page.status_code, response.status_code) == (200, 302)
    assert home.sources == [{"name": "content", "weight": 1.0}, {"name": "rp3beta", "weight": 0.5}]
    assert home.filters == {"category": ["Furniture"], "max_price": "100"}
    assert (home.repeat, home.rest_days, home.discovery_share, home.sold_out) == (False, 21, 0.5, False)
    assert (home.explore_share, home.explore_cap, home.explore_days, home.explore_enough) == (0.2, 50, 7, 300)


def test_saving_an_unchanged_form_keeps_filters(log_in: LogIn) -> None:
    filters = {"category": "Light", "brand": ["Nord", "Lux"], "min_price": "5.50", "max_price": "100"}
    Placement.objects.filter(key="home").update(filters=filters)
    home = Placement.objects.get(key="home")
    page = reverse("admin:personalization_placement_change", args=[home.pk])
    dee = log_in("merchandiser")

    form = unchanged_form(dee.get(page).context["adminform"].form)
    saved = dee.post(page, {**form, "filter_brand": "Nord"})

    home.refresh_from_db()
    assert saved.status_code == 302
    assert (form["filter_min_price"], form["filter_max_price"]) == ("5.50", "100")
    assert home.filters == {**filters, "category": ["Light"], "brand": ["Nord"]}


def test_concurrent_changes_of_different_fields_are_both_kept(log_in: LogIn) -> None:
    home = Placement.objects.get(key="home")
    page = reverse("admin:personalization_placement_change", args=[home.pk])
    dee = log_in("merchandiser")
    assert 'name="initial-size"' in dee.get(page).content.decode()
    form = unchanged_form(dee.get(page).context["adminform"].form)

    dee.post(page, {**form, "filter_brand": "Lux", "filter_attributes": "color=oak, color=ash, size=L"})
    dee.post(page, {**form, "size": "7"})
    dee.post(page, form)

    home.refresh_from_db()
    assert (home.size, home.filters) == (7, {"brand": ["Lux"], "attributes": {"color": ["oak", "ash"], "size": ["L"]}})
    changes = entries(action="placement.changed")
    assert [entry.data["fields"] for entry in changes] == [["size"], ["filters"]]


def test_concurrent_changes_of_different_filters_are_both_kept(log_in: LogIn) -> None:
    home = Placement.objects.get(key="home")
    page = reverse("admin:personalization_placement_change", args=[home.pk])
    dee = log_in("merchandiser")
    form = unchanged_form(dee.get(page).context["adminform"].form)

    dee.post(page, {**form, "filter_brand": "Lux", "filter_max_price": "90"})
    second = dee.post(page, {**form, "filter_category": "Light"})

    home.refresh_from_db()
    assert second.status_code == 302
    assert home.filters == {"brand": ["Lux"], "max_price": "90", "category": ["Light"]}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"size": "7"}, {"size": "9"}),
        ({"sources": "content 1"}, {"sources": "rp3beta 1"}),
        ({"filter_brand": "Lux"}, {"filter_brand": "Nord"}),
        ({"filter_max_price": "90.00"}, {"filter_max_price": "80"}),
        ({"strategy": "blend"}, {"strategy": "popular"}),
    ],
)
def test_concurrent_changes_of_the_same_field_conflict(
    log_in: LogIn, first: dict[str, Any], second: dict[str, Any]
) -> None:
    home = Placement.objects.get(key="home")
    page = reverse("admin:personalization_placement_change", args=[home.pk])
    dee, admin = log_in("merchandiser"), Client()
    admin.force_login(get_user_model().objects.create_superuser("ola"))
    form = unchanged_form(admin.get(page).context["adminform"].form)

    def sending(changed: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in {**form, **changed}.items() if value is not None}

    saved = dee.post(page, sending(first))
    before = Placement.objects.values().get(key="home")
    alike = admin.post(page, sending(first))
    conflict = admin.post(page, {**sending(second), "explore_cap": "77"})

    assert (saved.status_code, alike.status_code, conflict.status_code) == (302, 302, 200)
    errors = conflict.context["adminform"].form.errors
    assert list(errors) == [next(iter(second))]
    assert "Changed meanwhile by merchandiser" in str(errors)
    assert Placement.objects.values().get(key="home") == before
    again = unchanged_form(admin.get(page).context["adminform"].form)
    new_form = {**again, **second, "explore_cap": "77"}
    assert admin.post(page, {name: value for name, value in new_form.items() if value is not None}).status_code == 302


def test_unknown_recommender_is_rejected(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    form = {"key": "tips", "name": "Tips", "about": "shopper", "size": 8, "strategy": "blend", "sources": "magic 1",
            "recent_item_slots": 0, "max_per_brand": 0, "max_per_category": 0,
            **NUMBERS}  # fmt: skip

    response = dee.post(reverse("admin:personalization_placement_add"), form)

    assert response.status_code == 200
    (error,) = response.context["adminform"].form.errors["sources"]
    assert error.startswith("there is no recommender magic; there are als, ")
    assert not Placement.objects.filter(key="tips").exists()


def test_promote_and_roll_back_ask_for_confirmation(log_in: LogIn) -> None:
    first, second = (ModelVersion.objects.get(version=passed_version(model(("popular",)))) for _ in range(2))
    promote(first.version, actor="system:x")
    ada = log_in("data scientist")
    page = reverse("admin:modelops_modelversion_promote_page", args=[second.pk])
    back = reverse("admin:modelops_modelversion_roll_back_page")
    has_promote_link = [
        reverse("admin:modelops_modelversion_promote_page", args=[one.pk])
        in ada.get(reverse("admin:modelops_modelversion_change", args=[one.pk])).content.decode()
        for one in (first, second)
    ]

    assert has_promote_link == [False, True]  # the live version has no Promote button
    list_page = ada.get(reverse("admin:modelops_modelversion_changelist")).content.decode()
    assert ("Challenger" in list_page, "candidate<" in re.sub(r"\s", "", list_page)) == (True, False)
    assert second.version in ada.get(page).content.decode()
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == first
    ada.post(page)
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == second
    assert first.version in ada.get(back).content.decode()
    ada.post(back)
    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == first


def test_comparison_pages_link_to_the_report(log_in: LogIn) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))
    ada = log_in("data scientist")

    pages = [
        ada.get(reverse("admin:modelops_modelversion_comparison_page")).content.decode(),
        ada.get(reverse("admin:modelops_modelversion_promote_page", args=[version.pk])).content.decode(),
    ]

    report = reverse("admin:modelops_modelversion_evaluation_page", args=[version.pk])
    assert all("held-out window" in page and "RMSE" in page for page in pages)
    assert all(f'href="{report}"' in page for page in pages)


def test_pages_without_any_version(log_in: LogIn) -> None:
    ada = log_in("data scientist")
    beside, back = (reverse(f"admin:modelops_modelversion_{page}") for page in ("comparison_page", "roll_back_page"))

    empty = ada.get(beside).content.decode()
    assert "Training runs" in empty
    assert "Over-exposed items held back" not in empty
    assert "No version is live yet" in ada.get(back).content.decode()

    first = promote(passed_version(model(("popular",))), actor="system:x")
    assert f"{first.version} is live, and there is no previous version" in ada.get(back).content.decode()


def test_roll_back_from_an_outdated_page_is_rejected(log_in: LogIn) -> None:
    first, second = (ModelVersion.objects.get(version=passed_version(model(("popular",)))) for _ in range(2))
    promote(first.version, actor="system:x")
    promote(second.version, actor="system:x")
    ada = log_in("data scientist")
    back = reverse("admin:modelops_modelversion_roll_back_page")
    assert f'name="over" value="{second.version}"' in ada.get(back).content.decode()

    twice = [ada.post(back, {"over": second.version}, follow=True) for _ in range(2)]

    assert ModelVersion.objects.get(state=ModelState.CHAMPION) == first
    assert any("look again" in str(message) for message in twice[1].context["messages"])


def test_run_without_heartbeat_is_shown_as_failed(log_in: LogIn) -> None:
    now = clock.now()
    dead, alive = (
        TrainingRun.objects.create(actor="staff:1", state=RunState.RUNNING, heartbeat_at=now - age)
        for age in (2 * SILENCE, SILENCE / 2)
    )

    sam = log_in("data scientist")
    runs = sam.get(reverse("admin:modelops_trainingrun_live")).json()["runs"]

    assert {one["id"]: one["state"] for one in runs} == {dead.pk: "failed", alive.pk: "running"}
    for page in (
        reverse("admin:modelops_trainingrun_change", args=[dead.pk]),
        reverse("admin:modelops_trainingrun_changelist"),
    ):
        assert "Its process died at 0%" in sam.get(page).content.decode()
    assert shown_run(dead.pk).failed
    assert not shown_run(alive.pk).failed


def test_a_run_whose_version_was_refused_is_no_success(log_in: LogIn) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))
    ModelVersion.objects.filter(pk=version.pk).update(gate={"passed": False, "checks": []})
    TrainingRun.objects.create(actor="staff:1", state=RunState.DONE, model_version=version)
    TrainingRun.objects.create(actor="staff:1", state=RunState.DONE)

    page = log_in("data scientist").get(reverse("admin:modelops_trainingrun_changelist"))

    outcomes = {outcome_of(run) for run in page.context["cl"].result_list}
    assert outcomes == {"refused", "done"}
    assert "refused" in page.content.decode()


@pytest.mark.parametrize("page", ["modelversion_promote_page", "modelversion_evaluation_page"])
def test_page_of_unknown_version_is_not_found(log_in: LogIn, page: str) -> None:
    address = reverse(f"admin:modelops_{page}", args=["abc"])

    assert log_in("data scientist").get(address).status_code == 404


@pytest.mark.parametrize("role", ["data scientist", "marketer", "operator"])
def test_view_only_roles_see_rules_and_filters_as_text(log_in: LogIn, role: str) -> None:
    rule = create_rule(name="Rugs up", wording={"effect": "boost", "factor": 3, "brands": ["Weft"]}, actor="system:x")
    data = {
        "filters": {"brand": ["Weft", "Yes: True"], "attributes": {"color": ["oak"]}},
        "sources": [{"name": "content", "weight": 0.5}],
    }
    placement = save_placement("home", data=data, actor="system:x")
    somebody = log_in(role)

    pages = [
        somebody.get(reverse("admin:personalization_rule_change", args=[rule.pk])),
        somebody.get(reverse("admin:personalization_placement_change", args=[placement.pk])),
    ]

    assert [page.status_code for page in pages] == [200, 200]
    of_rule, of_placement = (page.content.decode() for page in pages)
    assert all(words in of_rule for words in ("boosted ×3", "brands Weft", "by system:x, on, “Rugs up”: boosted"))
    assert all(
        words in of_placement for words in ("Only brands: Weft, Yes: True", "Only attributes: color=oak", "content 0.5")
    )
    assert "trending, popular, catalog_order" in of_placement


def test_merchandiser_may_view_versions_but_not_promote(log_in: LogIn) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))
    dee = log_in("merchandiser")

    page = dee.post(reverse("admin:modelops_modelversion_promote_page", args=[version.pk]))

    assert page.status_code == 403
    assert dee.get(reverse("admin:modelops_modelversion_changelist")).status_code == 200
    assert not ModelVersion.objects.filter(state=ModelState.CHAMPION).exists()


@pytest.mark.parametrize("page", ["modelversion_changelist", "modelversion_comparison_page", "trainingrun_changelist"])
def test_data_scientist_may_open_lists(log_in: LogIn, page: str) -> None:
    passed_version(model(("popular",)), report={"ladder": []})
    TrainingRun.objects.create(actor="system:x", step="Fitting", progress=0.4)

    assert log_in("data scientist").get(reverse(f"admin:modelops_{page}")).status_code == 200


def test_version_page_opens(log_in: LogIn) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))

    response = log_in("data scientist").get(reverse("admin:modelops_modelversion_change", args=[version.pk]))

    assert response.status_code == 200


def test_version_page_describes_increments(log_in: LogIn) -> None:
    version = ModelVersion.objects.get(version=passed_version(model(("popular",))))
    page = reverse("admin:modelops_modelversion_change", args=[version.pk])
    eve = log_in("data scientist")
    assert "it was never live" in eve.get(page).content.decode()
    promote(version.version, actor="staff:1")
    assert "not since it went live" in eve.get(page).content.decode()

    ModelVersion.objects.update(increment={"at": "2026-11-27T14:00:00+00:00", "seconds": 3.1})
    assert re.search(r"nothing yet\W+(br\W+)?last tried 2026-11-27 14:00 UTC, in 3.1 s", eve.get(page).content.decode())

    increment = {"directory": "x", "artifact_hash": "ab" * 32, "interactions": 61_234, "seconds": 4.23}
    ModelVersion.objects.update(increment={**increment, "at": "2026-11-27T14:05:00+00:00", "refused": ["volume"]})

    text = eve.get(page).content.decode()
    assert f"from 61,234 interactions; artifact {'ab' * 32}" in text
    assert "last tried 2026-11-27 14:05 UTC, in 4.2 s" in text
    assert "the data look broken: volume" in text

    ModelVersion.objects.update(increment={**increment, "deaths": 3, "next": "2026-11-27T14:40:00+00:00"})

    text = eve.get(page).content.decode()
    assert re.search(r"process was killed.*: 3;", text)
    assert "before 2026-11-27 14:40 UTC" in text


def test_live_progress_needs_permission(log_in: LogIn) -> None:
    run = TrainingRun.objects.create(actor="system:x", step="Fitting", progress=0.4)
    live = reverse("admin:modelops_trainingrun_live")

    assert log_in("data scientist").get(live).json()["runs"] == [
        {
            "id": run.pk,
            "state": "queued",
            "outcome": "queued",
            "step": "Fitting",
            "percent": 40,
            "message": "It waits until a worker is free.",
        }  # fmt: skip
    ]
    assert log_in("operator").get(live).status_code in (200, 403)
    assert Client().get(live).status_code == 302


def test_run_pages_show_staff_by_name(log_in: LogIn) -> None:
    number = log_in("data scientist", "eve-the-scientist").session["_auth_user_id"]
    waits = TrainingRun.objects.create(actor=f"staff:{number}")
    stopped = TrainingRun.objects.create(actor="system:x", state=RunState.STOPPED, stop_asked_by=f"staff:{number}")
    ada = log_in("data scientist")

    for page, args in (("changelist", []), ("change", [stopped.pk]), ("stop_page", [waits.pk])):
        text = ada.get(reverse(f"admin:modelops_trainingrun_{page}", args=args)).content.decode()
        assert ("eve-the-scientist" in text, f"staff:{number}" in text) == (True, False), page
        assert page != "changelist" or re.search(r"sortable\W+column-who", text), "the list is sorted by them as well"


@pytest.mark.parametrize("model_name", ["modelversion", "trainingrun", "modelalarm", "modelwaiver"])
def test_lists_do_not_load_reports(log_in: LogIn, model_name: str) -> None:
    scientist, now = log_in("data scientist"), clock.now()
    version = ModelVersion.objects.get(version=passed_version(model(("popular",)), report={"ladder": []}))
    run = TrainingRun.objects.create(actor="system:x", model_version=version)
    ModelAlarm.objects.create(kind="data", message="few", model_version=version, run=run, raised_at=now, latest_at=now)
    asker = get_user_model().objects.get(username="data scientist")
    ModelWaiver.objects.create(
        model_version=version, reason="season", requested_by=asker, requested_at=now, expires_at=now + timedelta(days=1)
    )

    with CaptureQueriesContext(connection) as queries:
        page = scientist.get(reverse(f"admin:modelops_{model_name}_changelist"))

    assert len(page.context["cl"].result_list) == 1
    assert version.version in page.content.decode()
    assert not [one["sql"] for one in queries if '"report"' in one["sql"] or '"data_report"' in one["sql"]]
    assert len([one for one in queries if 'FROM "modelops_' in one["sql"]]) <= 4


def test_roll_back_target_is_read_without_reports(log_in: LogIn) -> None:
    for _ in range(3):
        promote(passed_version(model(("popular",)), report={"ladder": []}), actor="staff:1")

    with CaptureQueriesContext(connection) as queries:
        target = previous_champion()

    assert target == ModelVersion.objects.filter(state=ModelState.RETIRED).order_by("-promoted_at").first()
    assert len(queries) == 1
    assert '"report"' not in queries[0]["sql"]


def test_the_last_change_of_a_rule_is_undone_and_taken_back(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    dee.post(reverse("admin:personalization_rule_add"), RULE)
    rule = Rule.objects.get()
    undo = reverse("admin:personalization_rule_undo_page", args=[rule.pk])
    assert "off, as before it was made" in dee.get(undo).content.decode()
    dee.post(undo, {"number": "1"})
    assert [one.active for one in Rule.objects.all()] == [False]
    dee.post(undo, {"number": "2"})
    assert [one.active for one in Rule.objects.all()] == [True], (
        "the page says: undone once more, the rule is as it is now"
    )
    edit_rule(rule.pk, wording={"effect": "bury", "factor": 2.0, "products": ["rug"]}, actor="staff:1")

    page = dee.get(undo).content.decode()
    assert "buried ×2" in page
    assert "boosted ×3" in page
    assert "by merchandiser, on, “" in page, "the version to come back has its author"
    late = [dee.post(undo, {"number": "4"}, follow=True) for _ in range(2)]

    rule.refresh_from_db()
    assert rule.current is not None
    assert (rule.current.number, rule.current.effect, rule.current.products) == (5, "boost", ["rug", "throw"])
    assert any("look again" in str(message) for message in late[1].context["messages"])
    dee.post(undo, {"number": "5"})
    rule.refresh_from_db()
    assert rule.current is not None
    assert (rule.current.number, rule.current.effect) == (6, "bury")
    assert [one.action for one in entries(object=f"rule:{rule.pk}")][:2] == ["rule.undone", "rule.undone"]


def test_undo_brings_back_exactly_what_was_before(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    rule = create_rule(name="Pushed", wording={"effect": "boost", "products": ["rug"]}, actor="staff:1")

    def state() -> tuple[object, ...]:
        now = Rule.objects.select_related("current").get(pk=rule.pk)
        assert now.current is not None
        assert (now.name, now.active) == (now.current.name, now.current.active)
        return now.name, now.active, now.current.effect, now.current.products

    bury = {"effect": "bury", "products": ["throw"]}
    changes: tuple[Callable[[], Rule], ...] = (
        lambda: switch_rule(rule.pk, active=False, actor="staff:1"),
        lambda: edit_rule(rule.pk, wording=bury, name="Buried", active=True, actor="staff:1"),
        lambda: edit_rule(rule.pk, wording=bury, name="Renamed", actor="staff:1"),
        lambda: switch_rule(rule.pk, active=False, actor="staff:1"),
        lambda: switch_rule(rule.pk, active=True, actor="staff:1"),
    )
    for change in changes:
        before = state()
        change()
        after = state()
        for expected in (before, after):
            number = rule.versions.count()
            undo_rule(rule.pk, version=number, actor="staff:1")
            assert state() == expected
            assert rule.versions.count() == number + 1

    page = dee.get(reverse("admin:personalization_rule_change", args=[rule.pk])).content.decode()
    assert "v2 " in page
    assert "by staff:1, off, “Pushed”" in page


def test_a_rule_whose_wording_is_no_longer_possible_can_be_switched_off(db: None) -> None:
    save_placement("gone", data={"name": "Gone"}, actor="staff:1")
    wording = {"effect": "boost", "products": ["rug"], "placements": ["gone"]}
    rule = create_rule(name="Pushed", wording=wording, actor="staff:1")
    Placement.objects.filter(key="gone").delete()

    assert not switch_rule(rule.pk, active=False, actor="staff:1").active


@pytest.mark.parametrize(
    ("dates", "active", "state"),
    [
        ({}, True, "running"),
        ({}, False, "off"),
        ({"starts_at": timedelta(days=1)}, True, "scheduled"),
        ({"starts_at": timedelta(days=-2), "ends_at": timedelta(days=-1)}, True, "ended"),
    ],
)
def test_the_list_says_which_rules_run(log_in: LogIn, dates: dict[str, timedelta], active: bool, state: str) -> None:
    wording = {"effect": "boost", "products": ["rug"], **{name: clock.now() + one for name, one in dates.items()}}
    create_rule(name="Rugs", wording=wording, active=active, actor="staff:1")

    page = log_in("merchandiser").get(reverse("admin:personalization_rule_changelist")).content.decode()

    assert re.search(rf">\s*{state}\s*<", page)
