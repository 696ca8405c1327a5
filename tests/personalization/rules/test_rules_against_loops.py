"""Random rules and shops: the engine equals plain loops that follow docs/merchandiser.md."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from personalization.rules.filter_columns import Columns
from personalization.rules.rule_set import (
    Rule,
    RuleSet,
    Situation,
    Trace,
)
from personalization.rules.slate import (
    Cap,
    fill,
    pins,
    rule_caps,
)

CATEGORIES = ("Furniture/Chairs", "furniture/CHAIRS", "Furniture/Desks", "Light", "")
COLUMNS = {"brands": "brand", "categories": "category", "groups": "group", "prices": "price", "stocks": "stock"}
Product = dict[str, Any]
Told = tuple[list[int], dict[int, list[str]], dict[int, str]]  # the slate, what moved its products, what was removed


def product(chance: random.Random, code: int) -> Product:
    """Return a random product, with missing values."""
    return {
        "code": code,
        "id": f"P{code}",
        "brand": chance.choice(("Nord", "nord", "Lux", "")),
        "category": chance.choice(CATEGORIES),
        "group": chance.choice(("", "", "", "g")),
        "price": chance.choice((5.0, 9.99, 20.0, float("nan"))),
        "stock": chance.choice((0, 1, 5)),
    }


def rule(chance: random.Random, number: int) -> Rule:
    """Return a random rule, with times around 1000."""
    fields: dict[str, Any] = {
        "products": tuple(f"P{chance.randrange(15)}" for _ in range(3)),
        "categories": (chance.choice(("Furniture", "desks", "LIGHT")),),
        "brands": (chance.choice(("NORD", "Lux")),),
        "min_price": chance.choice((0.0, 9.99)),
        "max_stock": chance.choice((0, 4)),
        "starts_at": chance.choice((999.0, 1000.0, 1000.5)),
        "ends_at": chance.choice((1000.0, 1000.5)),
    }
    few = {name: value for name, value in fields.items() if chance.random() < 0.25}
    return Rule(
        id=number,
        version=1,
        name=f"R{number}",
        effect=chance.choice(("pin", "pin", "boost", "bury", "exclude", "require", "cap", "cap")),
        priority=chance.choice((0, 0, 1)),
        position=chance.choice((1, 1, 2, 4, 100)),
        factor=chance.choice((1.2, 2.0, 2.5, 49.0)),
        cap=chance.choice((0, 1, 2)),
        cap_by=chance.choice(("", "brand", "category")),
        **few,
    )


def engine(shop: list[Product], ranked: list[int], rules: list[Rule], size: int, soft: int) -> Told:
    """Return the result of the engine."""
    values = {many: [one[name] for one in shop] for many, name in COLUMNS.items()}
    columns = Columns.of([one["id"] for one in shop], **values)
    rule_set, trace, order = RuleSet(rules, columns), Trace(), np.array(ranked, np.int32)
    applicable_rules = rule_set.applicable(Situation(placement="home", now=1000.0))
    mask = rule_set.filter(np.ones(len(shop), np.bool_), applicable_rules, trace)
    items = rule_set.reorder(order[mask[order]], applicable_rules, trace)
    pinned_at = pins(rule_set, applicable_rules, items, mask, size, trace, popular=order)
    caps = [Cap(limit=1, keys=columns.group_of), Cap(limit=soft, keys=columns.keys("brand"), soft=True)]
    slate = fill(items, size, pinned_at=pinned_at, caps=[*caps, *rule_caps(rule_set, applicable_rules)], trace=trace)
    return slate, {code: trace.moved.get(code, []) for code in slate}, trace.removed


def about(one: Product, rule: Rule) -> bool:
    path = f"/{one['category']}/".lower()
    return (
        (not rule.products or one["id"] in rule.products)
        and (not rule.categories or any(f"/{name}/".lower() in path for name in rule.categories))
        and (not rule.brands or one["brand"].lower() in [name.lower() for name in rule.brands])
        and (rule.min_price is None or one["price"] >= rule.min_price)
        and (rule.max_stock is None or one["stock"] <= rule.max_stock)
    )


def alike(one: Product, other: Product) -> bool:
    return one is other or bool(one["group"] and one["group"] == other["group"])


def broken(one: Product, slate: list[Product], rule: Rule) -> bool:
    by = rule.cap_by
    counts = about(one, rule) and (not by or one[by])
    same_key = [other for other in slate if about(other, rule) and (not by or one[by].lower() == other[by].lower())]
    return counts and len(same_key) >= (rule.cap or 0)


def loops(shop: list[Product], ranked: list[int], rules: list[Rule], size: int, soft: int) -> Told:
    """Return the result of plain loops."""
    moved: dict[int, list[str]] = {one["code"]: [] for one in shop}
    removed: dict[int, str] = {}
    applicable_rules = [one for one in rules if (one.starts_at or 0) <= 1000.0 < (one.ends_at or 2000)]
    applicable_rules.sort(key=lambda one: (-one.priority, one.id))
    for one in shop:
        against = [
            r
            for r in applicable_rules
            if r.effect in ("exclude", "require") and about(one, r) == (r.effect == "exclude")
        ]
        if against:
            removed[one["code"]] = against[0].sentence
    places = []
    for number, one in enumerate((shop[code] for code in ranked if code not in removed), 1):
        ranked_at, favor = Fraction(number), 0
        for r in (r for r in applicable_rules if r.effect in ("boost", "bury") and about(one, r)):
            by = Fraction(str(r.factor))
            ranked_at, favor = (ranked_at / by, favor + 1) if r.effect == "boost" else (ranked_at * by, favor - 1)
            moved[one["code"]].append(r.sentence)
        places.append((ranked_at, -favor, number, one))
    items = [one for *_, one in sorted(places, key=lambda entry: entry[:3])]
    pinned_at: dict[int, Product] = {}
    for r in (r for r in applicable_rules if r.effect == "pin"):
        matching = [one for product_id in r.products for one in items if one["id"] == product_id]
        for one in matching if r.products else [one for one in items if about(one, r)]:
            place = next(at for at in range(r.position or 1, 999) if at not in pinned_at)
            if about(one, r) and place <= size and not any(alike(one, other) for other in pinned_at.values()):
                pinned_at[place] = one
                moved[one["code"]].append(r.sentence)
                if not r.products:
                    break
    shown_items = list(pinned_at.values())
    for strict in (True, False):
        for one in items:
            crowded = (
                one["brand"] and sum(one["brand"].lower() == other["brand"].lower() for other in shown_items) >= soft
            )
            if len(shown_items) >= size or any(alike(one, other) for other in shown_items) or (strict and crowded):
                continue
            if full := [r for r in applicable_rules if r.effect == "cap" and broken(one, shown_items, r)]:
                removed.setdefault(one["code"], full[0].sentence)
            else:
                shown_items.append(one)
    slate = [one["code"] for one in items if one in shown_items and one not in pinned_at.values()]
    for place in sorted(pinned_at):
        slate.insert(place - 1, pinned_at[place]["code"])
    return slate, {code: moved[code] for code in slate}, removed


@pytest.mark.parametrize("seed", range(4))
def test_engine_equals_plain_loops(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(300):
        shop = [product(chance, code) for code in range(chance.randrange(13))]
        ranked = chance.sample(range(len(shop)), len(shop))
        rules = [rule(chance, number) for number in range(1, 1 + chance.randrange(7))]
        arguments = (shop, ranked, rules, chance.choice((1, 3, 6)), chance.choice((1, 2)))

        assert engine(*arguments) == loops(*arguments), arguments
