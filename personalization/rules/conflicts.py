"""Warnings about rules: conflicts between two rules, and rules without matches. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from personalization.rules.filter_columns import Columns, folded
from personalization.rules.rule_set import Rule, RuleSet
from recsys.arrays import Bools

SHOWING = ("pin", "boost", "require")
"""Effects that promote products."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two contradicting rules that can apply at once, and the outcome in words."""

    first: Rule
    second: Rule
    text: str


def conflicts(rules: RuleSet, *, of: int | None = None) -> list[Conflict]:
    """Return every pair of rules that can apply at once, match the same items, and contradict each other.

    With `of`, only the pairs of this rule: the number of pairs grows with the square of the rules.
    """
    return list(_find(rules, of))


def rule_warnings(rule: Rule, rules: RuleSet, *, on_sale: Bools, named: Callable[[str], str] = str) -> list[str]:
    """Return warnings about names of a rule that match nothing, as after a typo; none for an empty catalog.

    For a rule that promotes products, also those that are not on sale. `named` says a product id in words.
    """
    if not rules.columns.n_items:
        return []
    warnings = unknown_names(
        rules.columns,
        products=(*rule.products, *rule.context_products),
        categories=(*rule.categories, *rule.context_categories),
        brands=rule.brands,
    )
    matched, end = rules.matched[rule.id], ": nothing is left to show" if rule.effect == "require" else ""
    if not matched.any():
        return [*warnings, f"“{rule.name}” matches no product of the catalog{end}"]
    if rule.effect in SHOWING:
        not_on_sale = [
            name for name in rule.products if (code := rules.columns.codes.get(name)) is not None and not on_sale[code]
        ]
        warnings += [f"Not on sale now: {', '.join(map(named, not_on_sale))}"] if not_on_sale else []
        warnings += [] if (matched & on_sale).any() else [f"“{rule.name}” matches no product on sale now{end}"]
    return warnings


def unknown_names(
    columns: Columns, *, products: Sequence[str] = (), categories: Sequence[str] = (), brands: Sequence[str] = ()
) -> list[str]:
    """Return in words the names that the catalog does not contain."""
    names_by_kind = (
        ("product", products, columns.in_products),
        ("category", categories, columns.in_categories),
        ("brand", brands, columns.in_brands),
    )
    return [
        f"There is no {kind} {name} in the catalog"
        for kind, names, mask_of in names_by_kind
        for name in names
        if not mask_of([name]).any()
    ]


def _find(rules: RuleSet, of: int | None) -> Iterator[Conflict]:
    for first, second in _pairs(rules.rules, of):
        judge = JUDGES.get(frozenset((first.effect, second.effect)))
        if judge is not None and _may_meet(first, second, rules) and (text := judge(first, second, rules)):
            yield Conflict(first, second, text)


def _pairs(rules: Sequence[Rule], of: int | None) -> Iterator[tuple[Rule, Rule]]:
    if of is None:
        yield from combinations(rules, 2)
        return
    at = next((place for place, rule in enumerate(rules) if rule.id == of), len(rules))
    for place, other in enumerate(rules):
        if place != at < len(rules):
            yield (other, rules[at]) if place < at else (rules[at], other)


def _may_meet(first: Rule, second: Rule, rules: RuleSet) -> bool:
    looked_at = [rules.in_context[rule.id] for rule in (first, second) if rule.id in rules.in_context]
    # A cart can hold products of both; then priority decides. Warning of all such pairs would hide the other warnings.
    if len(looked_at) == 2 and not (looked_at[0] & looked_at[1]).any():
        return False
    if first.placements and second.placements and not set(first.placements) & set(second.placements):
        return False
    if first.segments and second.segments and not set(folded(first.segments)) & set(folded(second.segments)):
        return False
    return _before(first.starts_at, second.ends_at) and _before(second.starts_at, first.ends_at)


def _before(start: float | None, end: float | None) -> bool:
    return start is None or end is None or start < end


def _shared(first: Rule, second: Rule, rules: RuleSet) -> int:
    return int((rules.matched[first.id] & rules.matched[second.id]).sum())


def _hidden(first: Rule, second: Rule, rules: RuleSet) -> str:
    shared = _shared(first, second, rules)
    excluding, other = (first, second) if first.effect == "exclude" else (second, first)
    return f"“{excluding.name}” excludes {shared} of the products of “{other.name}”; excluding wins" if shared else ""


def _same_place(first: Rule, second: Rule, rules: RuleSet) -> str:
    place = max(_places(first, rules).start, _places(second, rules).start)
    if not all(place in _places(rule, rules) for rule in (first, second)):
        return ""
    return f"Both want place {place}; “{first.name}” gets it, “{second.name}” moves to the next free place"


def _places(rule: Rule, rules: RuleSet) -> range:
    """Return the places of a pin: one for each named product, else one."""
    first = rule.position or 1
    return range(first, first + (int(rules.matched[rule.id].sum()) if rule.products else 1))


def _disjoint(first: Rule, second: Rule, rules: RuleSet) -> str:
    if _shared(first, second, rules):
        return ""
    return f"“{first.name}” and “{second.name}” have no product in common: together they leave nothing to show"


def _opposite_effects(first: Rule, second: Rule, rules: RuleSet) -> str:
    shared = _shared(first, second, rules)
    return (
        f"“{first.name}” and “{second.name}” pull {shared} products both ways; the factors multiply" if shared else ""
    )


def _left_out(first: Rule, second: Rule, rules: RuleSet) -> str:
    required, other = (first, second) if first.effect == "require" else (second, first)
    outside = int((rules.matched[other.id] & ~rules.matched[required.id]).sum())
    return f"“{required.name}” leaves out {outside} of the products of “{other.name}”" if outside else ""


Judge = Callable[[Rule, Rule, RuleSet], str]
JUDGES: dict[frozenset[str], Judge] = {
    frozenset(("exclude", "pin")): _hidden,
    frozenset(("exclude", "boost")): _hidden,
    frozenset(("exclude", "require")): _hidden,
    frozenset(("pin",)): _same_place,
    frozenset(("require",)): _disjoint,
    frozenset(("boost", "bury")): _opposite_effects,
    frozenset(("require", "pin")): _left_out,
}
