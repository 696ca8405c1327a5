"""Rules on a small catalog with obvious answers: filter, boost and bury, caps, pins."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from personalization.rules.conflicts import conflicts, rule_warnings
from personalization.rules.filter_columns import Columns
from personalization.rules.rule_set import (
    KINDS,
    Rule,
    RuleSet,
    Situation,
    Stage,
    Trace,
    matches,
)
from personalization.rules.slate import (
    Cap,
    fill,
    insert,
    pins,
    rule_caps,
    within_caps,
)

SHELF = Columns.of(
    ["desk", "desk-xl", "chair", "lamp", "rug", "mug"],
    brands=["Nord", "Nord", "Nord", "Lux", "Lux", ""],
    categories=["Furniture/Desks", "Furniture/Desks", "Furniture/Chairs", "Light", "Textiles", "Kitchen"],
    groups=["desk", "desk", "", "", "", ""],
    prices=[200.0, 300.0, 90.0, 40.0, 60.0, float("nan")],
    stocks=[5, 0, 12, 3, 9, 100],
)
ALL = np.arange(6, dtype=np.int32)
HOME = Situation(placement="home", now=1000.0)


def rule(effect: str, **fields: Any) -> Rule:
    """Return a rule with this effect."""
    return Rule(id=fields.pop("id", 1), version=1, name=fields.pop("name", "R"), effect=effect, **fields)


def pin(product_id: str) -> Rule:
    """Return a second rule that pins one product at place 1."""
    return rule("pin", id=2, name="B", products=(product_id,), position=1)


def names(codes: Any) -> list[str]:
    """Return product ids of item codes."""
    return [SHELF.product_ids[code] for code in codes]


def slate_of(*rules: Rule, size: int = 6, situation: Situation = HOME, caps: tuple[Cap, ...] = ()) -> list[str]:
    """Return the slate of the rules, with the catalog order as ranking."""
    compiled, trace = RuleSet(rules, SHELF), Trace()
    applicable_rules = compiled.applicable(situation)
    mask = compiled.filter(np.ones(SHELF.n_items, np.bool_), applicable_rules)
    items = compiled.reorder(ALL[mask], applicable_rules, trace)
    pinned_at = pins(compiled, applicable_rules, items, mask, size, trace, popular=ALL)
    return names(
        fill(items, size, pinned_at=pinned_at, caps=[*rule_caps(compiled, applicable_rules), *caps], trace=trace)
    )


def test_each_kind_has_a_stage_and_a_sentence() -> None:
    for effect, kind in KINDS.items():
        assert kind.stage in get_args(Stage)
        assert rule(effect, position=1, cap=2).sentence.startswith("R: ")
    assert rule("cap", cap=2).sentence == "R: at most 2"
    assert rule("cap", cap=2, cap_by="brand").sentence == "R: at most 2 for each brand"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"products": ("lamp", "nobody")}, ["lamp"]),
        ({"categories": ("Furniture",)}, ["desk", "desk-xl", "chair"]),
        ({"categories": ("Furniture/Desks",)}, ["desk", "desk-xl"]),
        ({"categories": ("Desks",)}, ["desk", "desk-xl"]),
        ({"categories": ("Furn",)}, []),
        ({"brands": ("nord",)}, ["desk", "desk-xl", "chair"]),
        ({"min_price": 60.0, "max_price": 200.0}, ["desk", "chair", "rug"]),
        ({"min_stock": 1, "max_stock": 5}, ["desk", "lamp"]),
        ({"brands": ("Nord",), "max_price": 100.0}, ["chair"]),
        ({}, ["desk", "desk-xl", "chair", "lamp", "rug", "mug"]),
    ],
)
def test_rule_matches_products_that_meet_all_conditions(fields: dict[str, Any], expected: list[str]) -> None:
    assert names(np.flatnonzero(matches(rule("boost", **fields), SHELF))) == expected


def test_exclude_removes_and_explains() -> None:
    compiled, trace = RuleSet([rule("exclude", brands=("Lux",), name="No Lux")], SHELF), Trace()

    mask = compiled.filter(np.ones(SHELF.n_items, np.bool_), compiled.applicable(HOME), trace)

    assert names(np.flatnonzero(mask)) == ["desk", "desk-xl", "chair", "mug"]
    assert trace.removed == {3: "No Lux: excluded", 4: "No Lux: excluded"}


def test_require_rules_combine_by_and() -> None:
    assert slate_of(rule("require", categories=("Furniture",)), rule("require", id=2, max_price=200.0)) == [
        "desk",
        "chair",
    ]


def test_boost_divides_and_bury_multiplies_the_place() -> None:
    assert slate_of(rule("boost", products=("rug",), factor=2.0)) == ["desk", "desk-xl", "rug", "chair", "lamp", "mug"]
    assert slate_of(rule("boost", products=("lamp",), factor=2.0))[:3] == ["desk", "lamp", "desk-xl"], "first of a tie"
    assert slate_of(rule("bury", products=("desk",), factor=4.0)) == ["desk-xl", "chair", "lamp", "desk", "rug", "mug"]


def test_equal_factors_give_a_tie() -> None:
    both = rule("boost", products=("chair",), factor=2.5), rule("boost", id=2, products=("chair",), factor=1.2)

    assert slate_of(*both)[:2] == ["chair", "desk"], "3 ÷ 2.5 ÷ 1.2 is 1"


def test_brand_cap_ignores_items_without_brand() -> None:
    assert slate_of(rule("cap", cap=1, cap_by="brand")) == ["desk", "lamp", "mug"]
    assert slate_of(rule("cap", brands=("Nord",), cap=1)) == ["desk", "lamp", "rug", "mug"]
    assert slate_of(rule("cap", brands=("Nord",), cap=3)) == names(ALL), "and moves nothing"


def test_names_are_compared_without_case() -> None:
    shelf = Columns.of(
        ["desk", "lamp", "rug", "mug"],
        brands=["Nord", "nord", "STRASSE", "Straße"],
        categories=["Home/Desks", "home/desks", "Textiles", ""],
        groups=[""] * 4,
        prices=[1.0] * 4,
        stocks=[1] * 4,
    )

    capped = RuleSet([rule("cap", cap=1, cap_by="brand"), rule("cap", id=2, cap=1, cap_by="category")], shelf)
    keys = [cap.keys for cap in rule_caps(capped, capped.rules)]
    assert [one.tolist() for one in keys if one is not None] == [[0, 0, 1, 1], [0, 0, 1, -1]]
    for about in ({"brands": ("NORD",)}, {"categories": ("DESKS",)}, {"categories": ("HOME/desks",)}):
        assert matches(rule("boost", **about), shelf).tolist() == [True, True, False, False], about
    looked_at = RuleSet([rule("boost", context_categories=("DESKS",))], shelf)
    assert looked_at.applicable(replace(HOME, context=(1,)))
    boost = rule("boost", brands=("nORD",), categories=("hOME",))
    assert not rule_warnings(boost, RuleSet([boost], shelf), on_sale=np.ones(4, np.bool_))
    regulars = RuleSet([rule("boost", segments=("Regulars",))], shelf)
    assert regulars.applicable(replace(HOME, segments=frozenset({"regulars"})))


def test_only_soft_caps_give_way_to_a_full_slate() -> None:
    variants = Cap(limit=1, keys=SHELF.keys("group"))
    soft = Cap(limit=1, keys=SHELF.keys("brand"), soft=True)

    assert slate_of(size=4, caps=(variants, soft)) == ["desk", "chair", "lamp", "mug"]
    assert slate_of(size=6, caps=(variants,)) == ["desk", "chair", "lamp", "rug", "mug"]


def test_capped_item_names_its_rule() -> None:
    compiled, trace = RuleSet([rule("cap", cap=1, cap_by="brand", name="Mix")], SHELF), Trace()

    fill(ALL, 6, pinned_at={}, caps=rule_caps(compiled, compiled.rules), trace=trace)

    each = "Mix: at most 1 for each brand"
    assert {SHELF.product_ids[code]: why for code, why in trace.removed.items()} == {
        "desk-xl": each,
        "chair": each,
        "rug": each,
    }


def test_within_caps_counts_staying_items() -> None:
    hard, soft = Cap(limit=1, keys=SHELF.keys("group")), Cap(limit=2, keys=SHELF.keys("brand"), soft=True)

    assert names(within_caps(ALL, [], [hard, soft])) == names(ALL)
    assert names(within_caps(ALL, [SHELF.codes["desk"]], [hard, soft])) == ["chair", "lamp", "rug", "mug"]
    assert names(within_caps(ALL, [SHELF.codes["lamp"], SHELF.codes["rug"]], [soft])) == [
        "desk",
        "desk-xl",
        "chair",
        "mug",
    ]


def test_pin_overrides_the_ranking() -> None:
    assert slate_of(rule("pin", products=("mug",), position=2), size=3) == ["desk", "mug", "desk-xl"]


def test_pin_of_several_products_takes_consecutive_places() -> None:
    assert slate_of(rule("pin", products=("mug", "rug"), position=1), size=3) == ["mug", "rug", "desk"]
    assert slate_of(rule("pin", products=("mug", "nobody", "desk"), position=2), size=3) == ["desk-xl", "mug", "desk"]
    assert slate_of(rule("pin", products=("nobody", "mug"), position=1)) == ["mug", *names(ALL[:5])], "and each once"


def test_pin_of_several_products_obeys_other_conditions() -> None:
    assert slate_of(rule("pin", products=("mug", "desk", "lamp"), brands=("Lux",)), size=3) == [
        "lamp",
        "desk",
        "desk-xl",
    ]


def test_moved_item_names_all_its_rules() -> None:
    boosted, pin = rule("boost", products=("rug",), name="Sale"), rule("pin", id=2, products=("rug",), position=1)
    compiled, trace = RuleSet([boosted, pin], SHELF), Trace()

    items = compiled.reorder(ALL, compiled.rules, trace)
    pins(compiled, compiled.rules, items, np.ones(SHELF.n_items, np.bool_), 6, trace, popular=ALL)

    assert trace.moved == {SHELF.codes["rug"]: ["Sale: boosted ×2", "R: pinned at 1"]}


def test_product_pinned_twice_follows_the_higher_priority() -> None:
    first, second = rule("pin", products=("mug",), position=1), rule("pin", id=2, products=("mug",), position=2)

    assert slate_of(first, second, size=3) == ["mug", "desk", "desk-xl"]


def test_a_pinned_product_counts_against_the_caps() -> None:
    capped = rule("cap", cap=1, cap_by="brand")

    assert slate_of(capped, rule("pin", id=2, products=("rug",), position=1)) == ["rug", "desk", "mug"]


def test_a_pin_without_products_pins_its_best_ranked_match() -> None:
    lift = rule("boost", id=2, products=("rug",), factor=2.0)

    assert slate_of(rule("pin", brands=("Lux",), position=1), size=3) == ["lamp", "desk", "desk-xl"]
    assert slate_of(rule("pin", brands=("Lux",), position=1), lift, size=3) == ["rug", "desk", "desk-xl"]


@pytest.mark.parametrize("popular", ["lamp", "mug"])
def test_pin_falls_back_to_the_most_popular_match(popular: str) -> None:
    compiled = RuleSet([rule("pin", products=(), position=1)], SHELF)
    best = np.array([SHELF.codes[popular], *ALL], np.int32)

    pinned_at = pins(compiled, compiled.rules, ALL[:0], np.ones(SHELF.n_items, np.bool_), 3, Trace(), popular=best)

    assert {place: SHELF.product_ids[code] for place, code in pinned_at.items()} == {0: popular}


def test_empty_catalog_gives_empty_slate() -> None:
    assert slate_of(rule("exclude"), rule("boost", id=2), rule("pin", id=3, position=1)) == []


def test_a_second_pin_without_products_takes_the_next_best_match() -> None:
    slate = slate_of(rule("pin", position=1), rule("pin", id=2, position=2))

    assert slate == ["desk", "chair", "desk-xl", "lamp", "rug", "mug"], "desk-xl is a variant of what is pinned"


def test_variants_are_not_pinned_together() -> None:
    slate = slate_of(rule("pin", products=("desk", "desk-xl", "mug"), position=1))

    assert slate[:2] == ["desk", "mug"]


def test_second_pin_moves_to_the_next_free_place() -> None:
    weak, strong = (
        rule("pin", id=1, products=("mug",), position=2),
        rule("pin", id=2, products=("rug",), position=2, priority=5),
    )

    assert slate_of(weak, strong, size=4) == ["desk", "rug", "mug", "desk-xl"]
    assert slate_of(replace(weak, position=1), strong, size=4) == ["mug", "rug", "desk", "desk-xl"], "each at its place"


@pytest.mark.parametrize(
    ("slate", "fixed", "expected"),
    [
        ([1, 2, 3, 4], set(), [1, 2, 9, 3]),
        ([1, 2, 3, 4], {3}, [1, 2, 3, 9]),
        ([1, 2, 3, 4], {4}, [1, 2, 9, 4]),
        ([1, 2], {2}, [9, 2]),
        ([1, 2], {1}, [1, 9]),
        ([1, 2, 3, 4], {1, 2, 3}, [1, 2, 3, 9]),
    ],
)
def test_insertion_moves_no_pin(slate: list[int], fixed: set[int], expected: list[int]) -> None:
    assert insert(slate, 9, 2, fixed=fixed) == expected


def test_no_insertion_into_a_fully_pinned_slate() -> None:
    with pytest.raises(ValueError, match="every place"):
        insert([1, 2], 9, 0, fixed={1, 2})


def test_an_excluded_product_is_never_pinned() -> None:
    assert "mug" not in slate_of(rule("exclude", products=("mug",)), rule("pin", id=2, products=("mug",), position=1))


def test_a_pin_beyond_the_slate_changes_nothing() -> None:
    assert slate_of(rule("pin", products=("mug",), position=4), size=3) == ["desk", "desk-xl", "chair"]


@pytest.mark.parametrize(
    ("condition", "situation", "holds"),
    [
        ({"placements": ("cart",)}, HOME, False),
        ({"placements": ("cart", "home")}, HOME, True),
        ({"segments": ("vip",)}, HOME, False),
        ({"segments": ("vip",)}, replace(HOME, segments=frozenset({"vip"})), True),
        ({"context_products": ("desk",)}, HOME, False),
        ({"context_products": ("desk",)}, replace(HOME, context=(0,)), True),
        ({"context_categories": ("Furniture",)}, replace(HOME, context=(2,)), True),
        ({"context_categories": ("Light",)}, replace(HOME, context=(2,)), False),
        ({"context_products": ("mug",), "context_categories": ("Furniture",)}, replace(HOME, context=(2,)), True),
        ({"context_products": ("mug",), "context_categories": ("Furniture",)}, replace(HOME, context=(3, 5)), True),
        ({"context_products": ("mug",), "context_categories": ("Furniture",)}, replace(HOME, context=(3,)), False),
        ({"starts_at": 1000.0}, HOME, True),
        ({"ends_at": 1000.0}, HOME, False),
        ({"ends_at": 1000.5}, HOME, True),
        ({"starts_at": 1000.5}, HOME, False),
    ],
)
def test_rule_applies_only_in_its_situation(condition: dict[str, Any], situation: Situation, holds: bool) -> None:
    compiled = RuleSet([rule("boost", **condition)], SHELF)

    assert bool(compiled.applicable(situation)) is holds


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (
            rule("exclude", name="A", brands=("Lux",)),
            pin("lamp"),
            "“A” excludes 1 of the products of “B”; excluding wins",
        ),
        (
            pin("lamp"),
            rule("exclude", name="A", brands=("Lux",)),
            "“A” excludes 1 of the products of “B”; excluding wins",
        ),
        (rule("pin", name="A", position=1), pin("rug"), "Both want place 1; “A” gets it, “B” moves"),
        (rule("require", name="A", brands=("Lux",)), rule("require", id=2, brands=("Nord",)), "nothing to show"),
        (rule("boost", name="A", brands=("Lux",)), rule("bury", id=2, max_price=50.0), "both ways"),
        (rule("require", name="A", brands=("Lux",)), pin("mug"), "“A” leaves out 1 of the products of “B”"),
        (pin("mug"), rule("require", name="A", brands=("Lux",)), "“A” leaves out 1 of the products of “B”"),
        (rule("boost", placements=("home", "cart")), rule("bury", id=2, placements=("cart",)), "both ways"),
        (rule("boost", placements=("home",)), rule("bury", id=2), "both ways"),
        (rule("boost"), rule("bury", id=2, placements=("home",)), "both ways"),
        (rule("boost", segments=("vip", "new")), rule("bury", id=2, segments=("vip",)), "both ways"),
        (rule("boost", segments=("vip",)), rule("bury", id=2), "both ways"),
        (rule("boost"), rule("bury", id=2, segments=("vip",)), "both ways"),
        (rule("boost"), rule("bury", id=2, ends_at=10.0), "both ways"),
        (rule("boost", starts_at=9.0), rule("bury", id=2), "both ways"),
        (rule("boost", starts_at=9.0), rule("bury", id=2, ends_at=10.0), "both ways"),
        (rule("boost", ends_at=10.0), rule("bury", id=2, starts_at=9.0), "both ways"),
        (rule("boost", starts_at=1.0, ends_at=10.0), rule("bury", id=2, starts_at=2.0, ends_at=3.0), "both ways"),
        (
            rule("pin", name="A", position=1, context_categories=("Furniture",)),
            rule("pin", id=2, position=1, context_products=("chair",)),
            "Both want place 1",
        ),
        (
            rule("pin", name="A", position=1, products=("mug", "rug", "nobody")),
            rule("pin", id=2, name="B", position=2),
            "Both want place 2; “A” gets it, “B” moves to the next free place",
        ),
        (
            rule("pin", name="A", position=3),
            rule("pin", id=2, name="B", position=2, products=("mug", "rug")),
            "Both want place 3; “A” gets it",
        ),
    ],
)
def test_contradicting_rules_conflict(first: Rule, second: Rule, expected: str) -> None:
    pairs = conflicts(RuleSet([first, second], SHELF))

    assert len(pairs) == 1
    assert expected in pairs[0].text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (rule("boost", placements=("home",)), rule("bury", id=2, placements=("cart",))),
        (rule("boost", segments=("vip",)), rule("bury", id=2, segments=("new",))),
        (rule("boost", ends_at=10.0), rule("bury", id=2, starts_at=10.0)),
        (rule("boost", starts_at=10.0), rule("bury", id=2, ends_at=10.0)),
        (rule("require", brands=("Lux",)), rule("require", id=2, products=("lamp", "mug"))),
        (rule("boost", brands=("Lux",)), rule("bury", id=2, brands=("Nord",))),
        (rule("pin", position=1), rule("pin", id=2, position=2)),
        (rule("pin", position=1, products=("mug", "nobody")), rule("pin", id=2, position=2)),
        (rule("pin", position=2, products=("mug", "rug")), rule("pin", id=2, position=1)),
        (
            rule("pin", position=1, context_categories=("Furniture/Chairs",)),
            rule("pin", id=2, position=1, context_categories=("Furniture/Desks",)),
        ),
        (rule("boost"), rule("boost", id=2)),
    ],
)
def test_rules_that_never_meet_do_not_conflict(first: Rule, second: Rule) -> None:
    assert conflicts(RuleSet([first, second], SHELF)) == []


def test_unknown_names_and_rules_without_matches_cause_warnings() -> None:
    slips = rule(
        "require",
        products=("desk", "desc"),
        categories=("Furniture", "Lite"),
        brands=("Nord", "Norf"),
        context_products=("lamp", "lamb"),
        context_categories=("Light", "Kitschen"),
    )
    emptying, lost = (rule(effect, brands=("Lux",), categories=("Furniture",)) for effect in ("require", "boost"))

    def warnings_of(one: Rule, shelf: Columns = SHELF) -> list[str]:
        return rule_warnings(one, RuleSet([one], shelf), on_sale=np.ones(shelf.n_items, np.bool_))

    unknown_names = [
        ("product", "desc"),
        ("product", "lamb"),
        ("category", "Lite"),
        ("category", "Kitschen"),
        ("brand", "Norf"),
    ]
    assert warnings_of(slips) == [f"There is no {kind} {name} in the catalog" for kind, name in unknown_names]
    assert warnings_of(emptying) == ["“R” matches no product of the catalog: nothing is left to show"]
    assert warnings_of(lost) == ["“R” matches no product of the catalog"]
    assert warnings_of(rule("boost", brands=("Lux",))) == []
    assert warnings_of(slips, Columns.of([], brands=[], categories=[], groups=[], prices=[], stocks=[])) == []


def test_conflicts_can_be_limited_to_one_rule() -> None:
    effects = ("pin", "boost", "bury", "exclude", "require")
    many = [rule(effects[n % 5], id=n, name=f"R{n}", position=1 + n % 2, priority=n % 3) for n in range(20)]
    compiled = RuleSet(many, SHELF)

    every = conflicts(compiled)

    for one in many:
        own = [conflict.text for conflict in every if one.id in (conflict.first.id, conflict.second.id)]
        assert sorted(conflict.text for conflict in conflicts(compiled, of=one.id)) == sorted(own)
    assert conflicts(compiled, of=99) == []


def test_masks_take_one_bit_per_item() -> None:
    n = 80_000
    wide = Columns.of(
        [str(code) for code in range(n)],
        brands=["Nord", "Lux"] * (n // 2),
        categories=[""] * n,
        groups=[""] * n,
        prices=[1.0] * n,
        stocks=[1] * n,
    )

    compiled = RuleSet([rule("boost", id=n, brands=("Lux",), context_products=("7",)) for n in range(50)], wide)

    assert compiled.matched.nbytes + compiled.in_context.nbytes == 2 * 50 * n / 8
    assert compiled.matched[49].tolist() == [False, True] * (n // 2)
    assert len(compiled.applicable(replace(HOME, context=(3, 7)))) == 50
    assert compiled.applicable(replace(HOME, context=(6, 8))) == ()


def test_only_changed_rules_are_recompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []

    def counting_matches(one: Rule, columns: Columns) -> Any:
        compiled.append(one.id)
        return matches(one, columns)

    monkeypatch.setattr("personalization.rules.rule_set.matches", counting_matches)
    by_brand, by_price = rule("boost", brands=("Lux",), context_products=("mug",)), rule("bury", id=2, max_price=50.0)
    before = RuleSet([by_brand, by_price], SHELF)
    compiled.clear()

    edited = RuleSet([by_brand, replace(by_price, version=2, max_price=70.0)], SHELF, before=before)
    assert compiled == [2]
    assert names(np.flatnonzero(edited.matched[2])) == ["lamp", "rug"]

    cheaper = RuleSet(
        [by_brand, by_price],
        SHELF.with_prices_and_stocks(np.array([2]), np.array([30.0]), np.array([12])),
        before=before,
    )
    assert compiled == [2, 2]
    assert names(np.flatnonzero(cheaper.matched[2])) == ["chair", "lamp"]
    assert names(np.flatnonzero(cheaper.matched[1])) == ["lamp", "rug"]
    assert list(cheaper.in_context) == [1]

    RuleSet([by_brand, by_price], Columns.of(**_spelled(SHELF)), before=before)
    assert compiled == [2, 2, 1, 2]


def _spelled(shelf: Columns) -> dict[str, Any]:
    """Return the arguments that make the same columns."""
    return {
        "product_ids": shelf.product_ids,
        "brands": [shelf.brands[code] for code in shelf.brand_of],
        "categories": [shelf.categories[code] for code in shelf.category_of],
        "groups": [""] * shelf.n_items,
        "prices": shelf.prices.tolist(),
        "stocks": shelf.stocks.tolist(),
    }
