"""Answers of a placement with an objective: worth more, under the rules, explained, and else as they were."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from catalog.models import Product
from catalog.services import bulk_upsert
from common.errors import InvalidInput
from personalization.services.placements import save_placement
from personalization.services.recommend import Slot, recommend, recommend_page
from personalization.services.rules import create_rule
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.shop import ADA, views
from tests.recsys.furniture import PRODUCTS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
COSTS = {"desk": 290, "desk-xl": 380, "chair": 20, "stool": 40, "lamp": 5, "bulb": 4, "rug": 55, "throw": 2}


def asked(placement: str = "home", **fields: Any) -> Answer:
    """Return the answer to Ada."""
    return recommend(Ask(placement, who=Who(**ADA), explores=False, **fields))


def ids(answer: Answer) -> list[str]:
    return [item.product_id for item in answer.items]


def wants(objective: str, percent: int = 100, placement: str = "home") -> None:
    """Set the objective of a placement."""
    save_placement(placement, data={"objective": objective, "objective_percent": percent}, actor="staff:1")


def with_costs() -> None:
    """Say what the products cost the shop; nothing of bowl and mug."""
    rows = [
        {"product_id": name, "currency": "EUR", "stock": 5, **PRODUCTS[name], "cost": str(cost)}
        for name, cost in COSTS.items()
    ]
    assert bulk_upsert(rows, actor="key:test").rejected == ()


def worth(answer: Answer, objective: str) -> float:
    """Return what the places of a list are worth: the first place counts whole, the second half."""
    values = snapshot_refresher.current().values
    codes = values.catalog.codes
    own = np.nan_to_num(values.of(objective))
    return float(sum(own[codes[item.product_id]] / item.position for item in answer.items))


def test_the_default_and_no_strength_change_nothing() -> None:
    views(ADA, "desk", "lamp")
    before = asked()

    for objective, percent in (("clicks", 100), ("revenue", 0)):
        wants(objective, percent)
        after = asked()
        assert [replace(item) for item in after.items] == list(before.items)
        assert not snapshot_refresher.current().values._factors, "nothing is computed for it"


@pytest.mark.parametrize(("placement", "fields"), [("home", {}), ("product", {"product_ids": ("rug",)}),
                                                   ("cart", {"product_ids": ("lamp",)}), ("trending", {})])  # fmt: skip
def test_lists_of_all_pages_are_worth_more(placement: str, fields: dict[str, Any]) -> None:
    with_costs()
    views(ADA, "bulb")
    before = asked(placement, **fields)

    for objective in ("revenue", "margin"):
        sums = [worth(before, objective)]
        for percent in (50, 100):
            wants(objective, percent, placement)
            sums.append(worth(asked(placement, **fields), objective))
        assert sums == sorted(sums)
        assert sums[-1] > sums[0]


def test_margin_is_price_less_cost_and_what_is_unknown_is_usual() -> None:
    with_costs()
    Product.objects.filter(product_id="throw").update(currency="USD")
    values = snapshot_refresher.current().values
    snapshot_refresher.forget()
    values = snapshot_refresher.current().values
    codes = values.catalog.codes

    margins, factors = values.of("margin"), values.factors("margin")

    assert margins[codes["chair"]] == pytest.approx(69.9)
    for unknown in ("bowl", "throw"):
        assert np.isnan(margins[codes[unknown]])
        assert factors[codes[unknown]] == 1
    assert factors[codes["chair"]] > 1 > factors[codes["bulb"]]


def test_a_changed_cost_counts_at_once() -> None:
    with_costs()
    wants("margin")
    first = snapshot_refresher.current().values.of("margin")[snapshot_refresher.current().serving_catalog.codes["desk"]]

    bulk_upsert([{"product_id": "desk", "currency": "EUR", "stock": 5, **PRODUCTS["desk"], "cost": "1"}], actor="k:t")

    snapshot = snapshot_refresher.current()
    assert (first, snapshot.values.of("margin")[snapshot.serving_catalog.codes["desk"]]) == (10, 299)


def test_clearance_favors_much_stock_for_little_demand() -> None:
    Product.objects.filter(product_id="throw").update(stock=500)
    Product.objects.filter(product_id="rug").update(stock=None)
    snapshot_refresher.forget()
    views(ADA, "bulb")
    before = ids(asked())
    values = snapshot_refresher.current().values
    codes = values.catalog.codes

    wants("clearance")

    assert values.factors("clearance")[codes["throw"]] == 4
    assert values.factors("clearance")[codes["rug"]] == 1, "a stock that is not counted"
    assert ids(asked()).index("throw") < before.index("throw")


def test_conversion_without_views_favors_nothing() -> None:
    values = snapshot_refresher.current().values

    assert set(values.factors("conversion").tolist()) == {1.0}


def test_conversion_is_shrunk_to_the_shops() -> None:
    snapshot = snapshot_refresher.current()
    statistics = snapshot.values.statistics
    assert statistics is not None
    from recsys.ranking.item_statistics import COLUMNS

    table = statistics.table.copy()
    table[:, COLUMNS.index("bought_share")] = 0.1
    table[:, COLUMNS.index("shoppers")] = np.log1p(100)
    table[:2, COLUMNS.index("bought_share")] = 0.9
    table[1, COLUMNS.index("shoppers")] = np.log1p(1)
    table[2, COLUMNS.index("bought_share")] = np.nan
    values = replace(snapshot.values, statistics=replace(statistics, table=table), _factors={})

    of_many, of_one, unknown, usual = values.of("conversion")[:4].tolist()

    assert of_many > 3 * of_one, "one shopper proves little"
    assert of_one > usual
    assert np.isnan(unknown)


def test_rules_and_pins_stay_on_top() -> None:
    create_rule(name="Pin", wording={"effect": "pin", "position": 1, "products": ["bulb"]}, actor="staff:1")
    create_rule(name="Hide", wording={"effect": "exclude", "products": ["desk"]}, actor="staff:1")
    create_rule(name="Last", wording={"effect": "bury", "factor": 100, "products": ["desk-xl"]}, actor="staff:1")
    views(ADA, "rug")

    wants("revenue")

    shown = ids(asked())
    assert (shown[0], shown[-1], "desk" in shown) == ("bulb", "desk-xl", False)


def test_an_explanation_says_by_how_much_it_moved_an_item() -> None:
    wants("revenue", 50)
    views(ADA, "rug")

    rules = {item.product_id: item.explanation.rules for item in asked(explain=True).items if item.explanation}
    factors, codes = (
        snapshot_refresher.current().values.factors("revenue"),
        snapshot_refresher.current().serving_catalog,
    )

    for name, told in rules.items():
        factor = round(factors[codes.codes[name]] ** 0.5, 2)
        own = [one for one in told if one.startswith("Objective")]
        assert own == ([] if factor == 1 else [f"Objective revenue, 50 %: boosted ×{factor:g}"])
    assert [item.reason.code for item in asked().items] == [item.reason.code for item in asked(explain=True).items]


def test_late_answers_and_pages_have_it_too() -> None:
    wants("revenue")
    plain = save_placement("plain", data={"name": "Plain"}, actor="staff:1").key
    who = Who(**ADA)

    late = recommend_page({name: Slot(Ask(name, who=who), deadline_ms=-1) for name in ("home", plain)})

    assert late["home"].degraded == "deadline"
    assert worth(late["home"], "revenue") > 0


def test_questions_and_own_products_keep_their_order() -> None:
    with pytest.raises(InvalidInput) as refused:
        wants("margin", 50, "recent")
    assert refused.value.errors[0].field == "objective"

    views(ADA, "desk", "lamp")
    before = ids(asked(strategy="recent"))
    wants("revenue")
    assert ids(asked(strategy="recent")) == before


@pytest.mark.parametrize(("field", "value"), [("objective", "fame"), ("objective_percent", 101)])
def test_a_wrong_value_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        save_placement("home", data={field: value}, actor="staff:1")
    assert refused.value.errors[0].field == field
