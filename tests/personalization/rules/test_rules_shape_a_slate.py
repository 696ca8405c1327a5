"""Rules on a small shelf whose right answer is obvious: filter, boost and bury, caps, pins, in this order."""

from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest

from personalization.rules.conflicts import conflicts, doubts
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
    fitting,
    inserted,
    pins,
    rule_caps,
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
    """Return a rule of that effect."""
    return Rule(id=fields.pop("id", 1), version=1, name=fields.pop("name", "R"), effect=effect, **fields)


def pin(product_id: str) -> Rule:
    """Return a second rule that pins one product to the first place."""
    return rule("pin", id=2, name="B", products=(product_id,), position=1)


def names(codes: Any) -> list[str]:
    """Return product ids of item codes."""
    return [SHELF.product_ids[code] for code in codes]


def shown(*rules: Rule, size: int = 6, situation: Situation = HOME, caps: tuple[Cap, ...] = ()) -> list[str]:
    """Return the slate that the rules make of the shelf in its own order."""
    compiled, trace = RuleSet(rules, SHELF), Trace()
    holding = compiled.holding(situation)
    mask = compiled.filter(np.ones(SHELF.n_items, np.bool_), holding)
    items = compiled.reorder(ALL[mask], holding, trace)
    pinned = pins(compiled, holding, items, mask, size, trace, popular=ALL)
    return names(fill(items, size, pinned=pinned, caps=[*rule_caps(compiled, holding), *caps], trace=trace))


def test_every_kind_works_in_one_stage_and_tells_itself() -> None:
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
def test_a_rule_is_about_products_that_meet_all_its_conditions(fields: dict[str, Any], expected: list[str]) -> None:
    assert names(np.flatnonzero(matches(rule("boost", **fields), SHELF))) == expected


def test_exclude_removes_and_says_why() -> None:
    compiled, trace = RuleSet([rule("exclude", brands=("Lux",), name="No Lux")], SHELF), Trace()

    mask = compiled.filter(np.ones(SHELF.n_items, np.bool_), compiled.holding(HOME), trace)

    assert names(np.flatnonzero(mask)) == ["desk", "desk-xl", "chair", "mug"]
    assert trace.removed == {3: "No Lux: excluded", 4: "No Lux: excluded"}


def test_require_keeps_only_what_every_require_rule_names() -> None:
    assert shown(rule("require", categories=("Furniture",)), rule("require", id=2, max_price=200.0)) == [
        "desk",
        "chair",
    ]


def test_a_boost_divides_the_place_and_a_bury_multiplies_it() -> None:
    assert shown(rule("boost", products=("rug",), factor=2.0)) == ["desk", "desk-xl", "rug", "chair", "lamp", "mug"]
    assert shown(rule("boost", products=("lamp",), factor=2.0))[:3] == ["desk", "lamp", "desk-xl"], "first of a tie"
    assert shown(rule("bury", products=("desk",), factor=4.0)) == ["desk-xl", "chair", "lamp", "desk", "rug", "mug"]


def test_factors_that_multiply_to_a_tie_are_a_tie() -> None:
    both = rule("boost", products=("chair",), factor=2.5), rule("boost", id=2, products=("chair",), factor=1.2)

    assert shown(*both)[:2] == ["chair", "desk"], "3 ÷ 2.5 ÷ 1.2 is 1"


def test_a_cap_rule_limits_each_brand_and_does_not_count_items_without() -> None:
    assert shown(rule("cap", cap=1, cap_by="brand")) == ["desk", "lamp", "mug"]
    assert shown(rule("cap", brands=("Nord",), cap=1)) == ["desk", "lamp", "rug", "mug"]
    assert shown(rule("cap", brands=("Nord",), cap=3)) == names(ALL), "and moves nothing"


def test_names_that_differ_in_case_alone_are_one_name() -> None:
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
    assert looked_at.holding(replace(HOME, context=(1,)))
    found = rule("boost", brands=("nORD",), categories=("hOME",))
    assert not doubts(found, RuleSet([found], shelf), on_sale=np.ones(4, np.bool_))
    regulars = RuleSet([rule("boost", segments=("Regulars",))], shelf)
    assert regulars.holding(replace(HOME, segments=frozenset({"regulars"})))


def test_a_soft_cap_gives_way_to_a_full_slate_a_hard_one_does_not() -> None:
    variants = Cap(limit=1, keys=SHELF.keys("group"))
    soft = Cap(limit=1, keys=SHELF.keys("brand"), soft=True)

    assert shown(size=4, caps=(variants, soft)) == ["desk", "chair", "lamp", "mug"]
    assert shown(size=6, caps=(variants,)) == ["desk", "chair", "lamp", "rug", "mug"]


def test_who_is_capped_is_told_by_which_rule() -> None:
    compiled, trace = RuleSet([rule("cap", cap=1, cap_by="brand", name="Mix")], SHELF), Trace()

    fill(ALL, 6, pinned={}, caps=rule_caps(compiled, compiled.rules), trace=trace)

    each = "Mix: at most 1 for each brand"
    assert {SHELF.product_ids[code]: why for code, why in trace.removed.items()} == {
        "desk-xl": each,
        "chair": each,
        "rug": each,
    }


def test_what_fits_breaks_no_cap_beside_what_stays() -> None:
    hard, soft = Cap(limit=1, keys=SHELF.keys("group")), Cap(limit=2, keys=SHELF.keys("brand"), soft=True)

    assert names(fitting(ALL, [], [hard, soft])) == names(ALL)
    assert names(fitting(ALL, [SHELF.codes["desk"]], [hard, soft])) == ["chair", "lamp", "rug", "mug"]
    assert names(fitting(ALL, [SHELF.codes["lamp"], SHELF.codes["rug"]], [soft])) == ["desk", "desk-xl", "chair", "mug"]


def test_a_pin_stands_at_its_place_whatever_the_ranking_said() -> None:
    assert shown(rule("pin", products=("mug",), position=2), size=3) == ["desk", "mug", "desk-xl"]


def test_a_pin_of_several_products_takes_places_one_after_the_other_without_those_the_catalog_lacks() -> None:
    assert shown(rule("pin", products=("mug", "rug"), position=1), size=3) == ["mug", "rug", "desk"]
    assert shown(rule("pin", products=("mug", "nobody", "desk"), position=2), size=3) == ["desk-xl", "mug", "desk"]
    assert shown(rule("pin", products=("nobody", "mug"), position=1)) == ["mug", *names(ALL[:5])], "and each once"


def test_a_pin_of_several_products_pins_those_that_meet_its_other_conditions() -> None:
    assert shown(rule("pin", products=("mug", "desk", "lamp"), brands=("Lux",)), size=3) == ["lamp", "desk", "desk-xl"]


def test_whoever_stands_elsewhere_is_told_by_each_rule_that_moved_it() -> None:
    boosted, pinned = rule("boost", products=("rug",), name="Sale"), rule("pin", id=2, products=("rug",), position=1)
    compiled, trace = RuleSet([boosted, pinned], SHELF), Trace()

    items = compiled.reorder(ALL, compiled.rules, trace)
    pins(compiled, compiled.rules, items, np.ones(SHELF.n_items, np.bool_), 6, trace, popular=ALL)

    assert trace.moved == {SHELF.codes["rug"]: ["Sale: boosted ×2", "R: pinned at 1"]}


def test_a_product_that_two_rules_pin_stands_once_at_the_place_of_the_higher_priority() -> None:
    first, second = rule("pin", products=("mug",), position=1), rule("pin", id=2, products=("mug",), position=2)

    assert shown(first, second, size=3) == ["mug", "desk", "desk-xl"]


def test_a_pinned_product_counts_against_the_caps() -> None:
    capped = rule("cap", cap=1, cap_by="brand")

    assert shown(capped, rule("pin", id=2, products=("rug",), position=1)) == ["rug", "desk", "mug"]


def test_a_pin_without_products_pins_its_best_ranked_match() -> None:
    lift = rule("boost", id=2, products=("rug",), factor=2.0)

    assert shown(rule("pin", brands=("Lux",), position=1), size=3) == ["lamp", "desk", "desk-xl"]
    assert shown(rule("pin", brands=("Lux",), position=1), lift, size=3) == ["rug", "desk", "desk-xl"]


@pytest.mark.parametrize("popular", ["lamp", "mug"])
def test_a_pin_without_products_pins_the_most_popular_match_where_nobody_ranked_one(popular: str) -> None:
    compiled = RuleSet([rule("pin", products=(), position=1)], SHELF)
    best = np.array([SHELF.codes[popular], *ALL], np.int32)

    pinned = pins(compiled, compiled.rules, ALL[:0], np.ones(SHELF.n_items, np.bool_), 3, Trace(), popular=best)

    assert {place: SHELF.product_ids[code] for place, code in pinned.items()} == {0: popular}


def test_no_products_are_no_slate_whatever_the_rules() -> None:
    assert shown(rule("exclude"), rule("boost", id=2), rule("pin", id=3, position=1)) == []


def test_a_second_pin_without_products_takes_the_next_best_match() -> None:
    slate = shown(rule("pin", position=1), rule("pin", id=2, position=2))

    assert slate == ["desk", "chair", "desk-xl", "lamp", "rug", "mug"], "desk-xl is a variant of what is pinned"


def test_variants_are_not_pinned_together() -> None:
    slate = shown(rule("pin", products=("desk", "desk-xl", "mug"), position=1))

    assert slate[:2] == ["desk", "mug"]


def test_of_two_pins_at_one_place_the_higher_priority_gets_it_and_the_other_the_next_free_one() -> None:
    weak, strong = (
        rule("pin", id=1, products=("mug",), position=2),
        rule("pin", id=2, products=("rug",), position=2, priority=5),
    )

    assert shown(weak, strong, size=4) == ["desk", "rug", "mug", "desk-xl"]
    assert shown(replace(weak, position=1), strong, size=4) == ["mug", "rug", "desk", "desk-xl"], "each at its place"


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
def test_what_comes_in_later_moves_no_pin(slate: list[int], fixed: set[int], expected: list[int]) -> None:
    assert inserted(slate, 9, 2, fixed=fixed) == expected


def test_nothing_comes_in_where_all_is_pinned() -> None:
    with pytest.raises(ValueError, match="every place"):
        inserted([1, 2], 9, 0, fixed={1, 2})


def test_an_excluded_product_is_never_pinned() -> None:
    assert "mug" not in shown(rule("exclude", products=("mug",)), rule("pin", id=2, products=("mug",), position=1))


def test_a_pin_beyond_the_slate_changes_nothing() -> None:
    assert shown(rule("pin", products=("mug",), position=4), size=3) == ["desk", "desk-xl", "chair"]


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
def test_a_rule_holds_only_in_its_situation(condition: dict[str, Any], situation: Situation, holds: bool) -> None:
    compiled = RuleSet([rule("boost", **condition)], SHELF)

    assert bool(compiled.holding(situation)) is holds


@pytest.mark.parametrize(
    ("first", "second", "told"),
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
def test_contradicting_rules_are_named(first: Rule, second: Rule, told: str) -> None:
    found = conflicts(RuleSet([first, second], SHELF))

    assert len(found) == 1
    assert told in found[0].text


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


def test_names_that_the_catalog_does_not_know_are_doubted_and_a_rule_that_finds_nothing() -> None:
    slips = rule(
        "require",
        products=("desk", "desc"),
        categories=("Furniture", "Lite"),
        brands=("Nord", "Norf"),
        context_products=("lamp", "lamb"),
        context_categories=("Light", "Kitschen"),
    )
    emptying, lost = (rule(effect, brands=("Lux",), categories=("Furniture",)) for effect in ("require", "boost"))

    def told(one: Rule, shelf: Columns = SHELF) -> list[str]:
        return doubts(one, RuleSet([one], shelf), on_sale=np.ones(shelf.n_items, np.bool_))

    unknown = [
        ("product", "desc"),
        ("product", "lamb"),
        ("category", "Lite"),
        ("category", "Kitschen"),
        ("brand", "Norf"),
    ]
    assert told(slips) == [f"There is no {kind} {name} in the catalog" for kind, name in unknown]
    assert told(emptying) == ["“R” matches no product of the catalog: nothing is left to show"]
    assert told(lost) == ["“R” matches no product of the catalog"]
    assert told(rule("boost", brands=("Lux",))) == []
    assert told(slips, Columns.of([], brands=[], categories=[], groups=[], prices=[], stocks=[])) == []


def test_conflicts_of_one_rule_are_those_of_all_that_name_it() -> None:
    effects = ("pin", "boost", "bury", "exclude", "require")
    many = [rule(effects[n % 5], id=n, name=f"R{n}", position=1 + n % 2, priority=n % 3) for n in range(20)]
    compiled = RuleSet(many, SHELF)

    every = conflicts(compiled)

    for one in many:
        own = [found.text for found in every if one.id in (found.first.id, found.second.id)]
        assert sorted(found.text for found in conflicts(compiled, of=one.id)) == sorted(own)
    assert conflicts(compiled, of=99) == []


def test_masks_of_many_rules_take_a_bit_an_item() -> None:
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
    assert len(compiled.holding(replace(HOME, context=(3, 7)))) == 50
    assert compiled.holding(replace(HOME, context=(6, 8))) == ()


def test_only_what_changed_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[int] = []

    def noted(one: Rule, columns: Columns) -> Any:
        compiled.append(one.id)
        return matches(one, columns)

    monkeypatch.setattr("personalization.rules.rule_set.matches", noted)
    named, priced = rule("boost", brands=("Lux",), context_products=("mug",)), rule("bury", id=2, max_price=50.0)
    before = RuleSet([named, priced], SHELF)
    compiled.clear()

    edited = RuleSet([named, replace(priced, version=2, max_price=70.0)], SHELF, before=before)
    assert compiled == [2]
    assert names(np.flatnonzero(edited.matched[2])) == ["lamp", "rug"]

    cheaper = RuleSet([named, priced], SHELF.counting(np.array([2]), np.array([30.0]), np.array([12])), before=before)
    assert compiled == [2, 2]
    assert names(np.flatnonzero(cheaper.matched[2])) == ["chair", "lamp"]
    assert names(np.flatnonzero(cheaper.matched[1])) == ["lamp", "rug"]
    assert list(cheaper.in_context) == [1]

    RuleSet([named, priced], Columns.of(**_spelled(SHELF)), before=before)
    assert compiled == [2, 2, 1, 2]


def _spelled(shelf: Columns) -> dict[str, Any]:
    """Return what makes the same columns anew."""
    return {
        "product_ids": shelf.product_ids,
        "brands": [shelf.brands[code] for code in shelf.brand_of],
        "categories": [shelf.categories[code] for code in shelf.category_of],
        "groups": [""] * shelf.n_items,
        "prices": shelf.prices.tolist(),
        "stocks": shelf.stocks.tolist(),
    }
