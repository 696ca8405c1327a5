"""The preview shows a slate and the effect of a draft rule, and records no exposure."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.services import bulk_upsert
from common import clock
from common.pseudonyms import subject_pseudonym
from customers.models import Customer
from events.log import get_log
from personalization.services.rules import create_rule
from personalization.serving.asking import Ask
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.draft_form import WORDING
from personalization.trials.sample_shoppers import N_SAMPLES, sample_shoppers
from personalization.trials.trial import Trial, try_rule
from personalization.trials.why_bars import ENDS, group_of
from portal.preview import MISSING, UNKNOWN
from profiles.services.segments import create_segment
from recsys.ranking.features import feature_names
from recsys.sources.registry import RECOMMENDERS
from tests.shop_fixtures import live_model, short_rankers, stocked_shop
from tests.staff import LogIn

__all__ = ["live_model", "short_rankers", "stocked_shop"]


@pytest.fixture
def dee(log_in: LogIn, settings: Settings) -> Client:
    """Dee the merchandiser, before a shop of six products."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows = [
        {"product_id": f"P{n}", "title": f"Thing {n}", "price": "10.00", "category": ["Things"], "brand": "Nord"}
        for n in range(1, 7)
    ]
    bulk_upsert(rows, actor="system:test")
    return log_in("merchandiser")


def test_unknown_shopper_sees_cold_start(dee: Client) -> None:
    page = dee.get("/portal/preview?placement=home").content.decode()

    assert all(f"Thing {number}" in page for number in range(1, 7))
    assert "not personal" in page


def test_a_data_scientist_sees_no_named_shopper(dee: Client, log_in: LogIn) -> None:
    for subject in ("user:ada", "anonymous:a1"):
        Customer.objects.create(raw_id=subject)
    scientist = log_in("data scientist")

    for subject in ("user:ada", "ada", "anonymous:a1", "shopper-0001", "sample-00000000"):
        refused = scientist.get("/portal/preview", {"placement": "home", "subject": subject})
        assert refused.status_code == 403
        assert "You may not look at a named shopper" in refused.content.decode()
        assert "columns" not in refused.context
    assert dee.get("/portal/preview?placement=home&subject=user:ada").status_code == 200


def test_a_data_scientist_sees_sample_shoppers_under_pseudonyms(
    dee: Client, log_in: LogIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    Customer.objects.bulk_create(Customer(raw_id=f"user:shopper-{number}") for number in range(30))
    Customer.objects.create(raw_id="anonymous:a1")
    asks = list[Ask]()

    def noted(ask: Ask, **more: Any) -> Trial:
        asks.append(ask)
        return try_rule(ask)

    monkeypatch.setattr("portal.preview.try_rule", noted)
    scientist = log_in("data scientist")

    page = scientist.get("/portal/preview?placement=home")
    names = re.findall(r'<option value="(sample-[0-9a-f]{8})"', page.content.decode())
    sample = scientist.get("/portal/preview", {"placement": "home", "subject": names[0]})

    assert 5 <= len(names) <= N_SAMPLES
    assert asks[-1].who.user_id == sample_shoppers()[names[0]]
    assert asks[-1].personalized
    assert sample.context["columns"]
    assert "shopper-" not in page.content.decode() + sample.content.decode()
    assert not sample_shoppers(date(2026, 1, 1)).keys() & sample_shoppers(date(2026, 1, 2)).keys()
    assert "sample-" not in dee.get("/portal/preview?placement=home").content.decode()


def test_a_shop_without_customers_has_no_sample_shoppers(log_in: LogIn) -> None:
    Customer.objects.create(raw_id="anonymous:a1")

    assert sample_shoppers() == {}
    assert log_in("data scientist").get("/portal/preview").status_code == 200


@pytest.mark.parametrize("table", ["event", "setaside", "order"])
def test_a_data_scientist_opens_no_page_that_names_shoppers(log_in: LogIn, table: str) -> None:
    scientist = log_in("data scientist")

    assert scientist.get(f"/admin/events/{table}/").status_code == 403
    assert "Happened today" in scientist.get("/admin/").content.decode(), "numbers name nobody"


def test_draft_rule_is_shown_but_not_saved(dee: Client) -> None:
    answer = dee.get("/portal/preview?placement=home&effect=pin&products=P5&position=1")
    columns = answer.context["columns"]

    _, answer_with_draft, items = columns[1]
    assert answer_with_draft.items[0].product_id == "P5"
    assert items[0].moved == 4
    assert any("your draft" in rule for rule in items[0].item.explanation.rules)
    assert [item.product_id for item in columns[0][1].items] == [f"P{number}" for number in range(1, 7)]
    assert len(dee.get("/portal/preview?placement=home").context["columns"]) == 1
    assert get_log().length() == 0


def test_the_page_begins_with_home_and_names_the_attributes_of_the_shop(dee: Client, settings: Settings) -> None:
    settings.SHOPPER_ATTRIBUTES = ("region", "age")

    page = dee.get("/portal/preview")

    assert page.context["form"]["placement"].value() == "home"
    assert "Name and value, as region=…, age=…. This shop has region, age." in page.content.decode()


@pytest.mark.parametrize(
    ("query", "is_open"),
    [
        ({"attributes": "north"}, (True, False)),
        ({"effect": "pin", "position": "none"}, (False, True)),
        ({"limit": "99"}, (False, False)),
    ],
)
def test_an_error_opens_its_block(dee: Client, query: dict[str, str], is_open: tuple[bool, bool]) -> None:
    page = dee.get("/portal/preview", query).content.decode()

    blocks = re.findall(r"<details( open)?>\s*<summary>(?:An invented persona|Try a rule)", page)
    assert tuple(map(bool, blocks)) == is_open


def test_a_saved_rule_is_shown_against_the_shop_without_it(dee: Client) -> None:
    rule = create_rule(name="Hide", wording={"effect": "exclude", "products": ["P1"]}, actor="staff:1")
    query = {"placement": "home", "effect": "exclude", "products": "P1", "rule_id": str(rule.pk)}

    page = dee.get("/portal/preview", query)
    reworded = dee.get("/portal/preview", {**query, "products": "P2"})

    assert [heading for heading, *_ in page.context["columns"]] == ["Without the rule", "With the rule"]
    assert (products_of(page)[0], products_of(page, 1)[0]) == ("P1", "P2")
    assert not page.context["alike"]
    assert f'href="/admin/personalization/rule/{rule.pk}/change/">Back to the rule' in page.content.decode()
    assert [heading for heading, *_ in reworded.context["columns"]] == ["As it is saved", "As it is changed"]
    assert (products_of(reworded)[0], products_of(reworded, 1)[0]) == ("P2", "P1")


def test_a_product_that_moves_down_is_no_alarm(dee: Client) -> None:
    page = dee.get("/portal/preview?placement=home&effect=pin&products=P5&position=1").content.decode()

    assert '<span class="v-chip">down 1</span>' in page
    assert "moved -" not in page


def test_staff_who_may_name_shoppers_open_a_sample_too(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    Customer.objects.bulk_create(Customer(raw_id=f"user:shopper-{number}") for number in range(30))
    asks = list[Ask]()

    def noted(ask: Ask, **more: Any) -> Trial:
        asks.append(ask)
        return try_rule(ask)

    monkeypatch.setattr("portal.preview.try_rule", noted)
    name, user_id = next(iter(sample_shoppers().items()))
    dee.get("/portal/preview", {"placement": "home", "subject": name})

    assert asks[-1].who.user_id == user_id


def test_draft_has_the_lowest_precedence_among_equals(dee: Client) -> None:
    wording = {"effect": "pin", "products": ["P6"], "position": 1}
    create_rule(name="First", wording=wording, actor="staff:1")

    answer = dee.get("/portal/preview?placement=home&effect=pin&products=P5&position=1")

    items = answer.context["columns"][1][1].items
    create_rule(name="Second", wording={**wording, "products": ["P5"]}, actor="staff:1")
    saved = dee.get("/portal/preview?placement=home").context["columns"][0][1].items
    assert [item.product_id for item in items[:2]] == [item.product_id for item in saved[:2]] == ["P6", "P5"]
    assert answer.context["conflicts"] == (
        "Both want place 1; “First” gets it, “your draft” moves to the next free place",
    )


def test_product_id_with_comma_can_be_quoted(dee: Client) -> None:
    row = {"product_id": "P,7", "title": "Odd", "price": "10.00", "category": ["Things"], "brand": "Acme, Inc."}
    assert bulk_upsert([row], actor="system:test").rejected == ()

    query = {"placement": "similar", "product_id": '"P,7"', "effect": "pin", "position": "1", "brands": '"Acme, Inc."'}
    looked_at = dee.get("/portal/preview", query)
    response = dee.get("/portal/preview", {**query, "placement": "home", "product_id": "", "products": 'P2, "P,7"'})

    assert looked_at.context["columns"][0][1].unknown_products == ()
    assert response.context["columns"][1][1].items[0].product_id == "P,7"


@pytest.mark.parametrize(("position", "alike"), [(5, True), (1, False)])
def test_ineffective_draft_is_reported(dee: Client, position: int, alike: bool) -> None:
    page = dee.get(f"/portal/preview?placement=home&effect=pin&products=P5&position={position}").content.decode()

    assert ("The draft rule changes nothing" in page) is alike
    assert "The draft rule changes nothing" not in dee.get("/portal/preview?placement=home").content.decode()


def test_truncated_list_of_removed_products_says_so(dee: Client) -> None:
    rows = [
        {"product_id": f"Q{n}", "title": f"Trinket {n}", "price": "1.00", "category": ["Trinkets"]} for n in range(120)
    ]
    assert bulk_upsert(rows, actor="system:test").rejected == ()

    many, few = (
        dee.get(f"/portal/preview?placement=home&effect=exclude&categories={name}").content.decode()
        for name in ("Trinkets", "Things")
    )

    assert "The first 100 removed by rules" in many
    assert "<summary>6 removed by rules" in few
    assert "Furniture/Chairs, or one name of a path." in few


@pytest.mark.parametrize("kind", ["", "user:", "anonymous:"])
def test_longest_shopper_id_is_accepted(dee: Client, kind: str) -> None:
    answer = dee.get(f"/portal/preview?placement=home&subject={kind}{'a' * 512}")

    assert answer.context["form"].errors == {}
    assert answer.context["columns"]


def test_truncated_list_contains_every_rule(dee: Client) -> None:
    rows = [
        {"product_id": f"A{n}", "title": f"Trinket {n}", "price": "1.00", "category": ["Trinkets"]} for n in range(120)
    ]
    assert bulk_upsert(rows, actor="system:test").rejected == ()
    create_rule(name="No trinkets", wording={"effect": "exclude", "categories": ["Trinkets"]}, actor="staff:1")

    answer = dee.get("/portal/preview?placement=home&effect=cap&categories=Things&cap=2").context["columns"][1][1]

    rules = [one.by for one in answer.removed]
    assert rules == ["No trinkets: excluded"] * 96 + ["your draft: at most 2"] * 4


def test_what_was_missing_is_said_in_words(dee: Client) -> None:
    unknown = dee.get("/portal/preview?placement=home&subject=user:nobody-knows")

    assert unknown.context["missing"] == UNKNOWN
    assert UNKNOWN in unknown.content.decode()
    Customer.objects.create(raw_id=subject_pseudonym("user:refuses"))
    refused = dee.get("/portal/preview?placement=home&subject=user:refuses")
    assert refused.context["missing"] == MISSING["no_consent"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"products": "P1"}, "The products it matches are the first ones already."),
        ({"products": "P6", "limit": "2", "factor": "2"}, "is at place 6. A factor of 2 moves it to about place 3"),
        ({"products": "gone"}, "and none is among the first"),
        ({"products": "P6", "effect": "bury"}, "The products it matches are the last ones already."),
        ({"products": "P6", "limit": "2", "factor": "6"}, None),
    ],
)
def test_a_boost_that_changes_nothing_says_why(dee: Client, query: dict[str, str], reason: str | None) -> None:
    bulk_upsert([{"product_id": "gone", "title": "Sold out", "price": "1.00", "stock": 0}], actor="system:test")
    order = [item.product_id for item in try_rule(Ask("home", limit=6)).now.items]
    products = {f"P{place}": product for place, product in enumerate(order, 1)}
    fields = {"placement": "home", "effect": "boost", **query}

    page = dee.get("/portal/preview", {**fields, "products": products.get(query["products"], "gone")})

    assert page.context["alike"] is (reason is not None)
    assert (reason or "") in page.context["obstacle"]


def test_invalid_draft_shows_error(dee: Client) -> None:
    page = dee.get("/portal/preview?placement=home&effect=pin&products=P5").content.decode()

    assert "position" in page
    assert "a pin needs a position, from 1" in page


def products_of(page: Any, column: int = 0) -> list[str]:
    """Return the products of a column of the preview."""
    return [item.product_id for item in page.context["columns"][column][1].items]


@pytest.mark.usefixtures("live_model")
def test_a_persona_is_answered_without_a_trace(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    ask = {"placement": "home", "limit": "6"}
    stranger = dee.get("/portal/preview", ask)
    bought = stranger.context["columns"][0][1].items[0].product_id

    persona = dee.get("/portal/preview", {**ask, "clicks": bought, "attributes": "region=north"})
    buyer = dee.get("/portal/preview", {**ask, "purchases": bought})

    answer = persona.context["columns"][0][1]
    assert answer.personalized
    assert persona.context["is_persona"]
    assert "An invented persona: nobody is behind it." in persona.content.decode()
    assert products_of(persona) != products_of(stranger)
    assert bought in products_of(stranger)
    assert bought not in products_of(buyer), "what a persona has is not shown again"
    assert get_log().length() == 0
    for field, value, error in (
        ("clicks", "nothing", "there is no product nothing in the catalog"),
        ("attributes", "shoe=42", "shoe is none of"),
    ):
        assert error in dee.get("/portal/preview", {**ask, field: value}).context["problem"]
    both = dee.get("/portal/preview", {**ask, "clicks": bought, "subject": "ada"})
    assert "not two of them" in both.content.decode()


@pytest.mark.usefixtures("live_model")
def test_why_is_one_sentence_and_three_bars(log_in: LogIn) -> None:
    dee = log_in("merchandiser")
    first = dee.get("/portal/preview?placement=home").context["columns"][0][2][0].item.product_id

    page = dee.get("/portal/preview", {"placement": "home", "clicks": first})

    items = page.context["columns"][0][2]
    with_bars = [one for one in items if one.why.bars]
    assert with_bars
    for one in with_bars:
        assert [bar.title for bar in one.why.bars] == [
            "Own history and taste",
            "What others did with it",
            "Popular or new",
        ]
        assert 99 <= sum(bar.percent for bar in one.why.bars) <= 101
        assert one.why.sentence.startswith(max(one.why.bars, key=lambda bar: bar.percent).title)
    assert "<summary>Raw numbers</summary>" in page.content.decode()


def test_every_feature_and_source_has_a_bar() -> None:
    names = [*feature_names(tuple(RECOMMENDERS)), *RECOMMENDERS]

    groups = {name: group_of(name) for name in names}

    assert groups["recent"] == groups["buy_again_rank"] == groups["content_score"] == groups["brand_share"] == "own"
    assert groups["popular"] == groups["trending_of_top"] == groups["trend_7_28"] == groups["age"] == "popular"
    assert groups["covisitation"] == groups["rp3beta_score"] == groups["covisitation_after"] == "others"
    others = {name for name, group in groups.items() if group == "others" and not name.endswith(ENDS)}
    assert others - set(RECOMMENDERS) == {"agreeing", "predicted_stars"}


def test_a_segment_shows_lists_of_its_members(dee: Client, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    create_segment(key="vips", name="Very important", rule={"event": "view", "times": 2}, actor="system:test")
    members = [(f"user:member-{number}", clock.now()) for number in range(3)]
    monkeypatch.setattr("personalization.trials.segment_lists.newest_members", lambda key, *, limit: members)
    fields = {"placement": "home", "segment": "vips", "effect": "exclude", "products": "P1"}

    page = dee.get("/portal/preview", fields)
    text = page.content.decode()

    (_, now), (_, then) = page.context["segment_columns"]
    assert [(one.item.product_id, len(one.places), one.place) for one in now[:2]] == [("P1", 3, 1.0), ("P2", 3, 2.0)]
    assert then[0].item.product_id == "P2"
    assert "Lists of 3 members of the segment: the draft rule changes 3 of them." in text
    assert "user:member-0" in text
    hidden = log_in("data scientist").get("/portal/preview", fields).content.decode()
    assert "Member 1" in hidden
    assert "member-0" not in hidden


def test_the_draft_has_the_fields_of_a_rule_and_becomes_one(dee: Client, log_in: LogIn) -> None:
    fields = {
        "placement": "home",
        "effect": "boost",
        "products": "P3, P4",
        "factor": "3",
        "priority": "7",
        "max_stock": "9",
        "starts_at_0": "2090-01-02",
        "starts_at_1": "03:04",
    }
    page = dee.get("/portal/preview", fields)

    assert set(WORDING) < set(page.context["form"].fields)
    form = dee.get(page.context["save"]).context["adminform"].form
    assert form["products"].value() == "P3, P4"
    assert form["placements"].value() == "home"
    assert [form[name].value() for name in ("effect", "factor", "priority", "max_stock")] == ["boost", "3", "7", "9"]
    assert form.get_initial_for_field(form.fields["starts_at"], "starts_at") == datetime(2090, 1, 2, 3, 4, tzinfo=UTC)
    assert "save" not in log_in("data scientist").get("/portal/preview", fields).context


def test_a_draft_for_elsewhere_says_so(dee: Client) -> None:
    page = dee.get("/portal/preview?placement=home&effect=exclude&products=P1&placements=cart")

    assert page.context["alike"]
    assert page.context["obstacle"] == "It is for cart, not for home."
