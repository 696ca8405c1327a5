"""Merchandising rules: conditions, effects, and the order in which they apply. Pure.

The order is filter → propose → rank → boost / bury → diversity → pin. A rule kind is one entry of `KINDS`: its stage
and its sentence. The stage's function below applies all rules of the stage.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalization.rules.filter_columns import Columns, folded
from recsys.arrays import Bools, Ints

Stage = Literal["filter", "order", "diversity", "pin"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: its stage, and the sentence that explains it."""

    stage: Stage
    sentence: str


KINDS: dict[str, Kind] = {
    "exclude": Kind("filter", "excluded"),
    "require": Kind("filter", "only these are shown"),
    "boost": Kind("order", "boosted ×{factor:g}"),
    "bury": Kind("order", "buried ×{factor:g}"),
    "cap": Kind("diversity", "at most {cap}{each}"),
    "pin": Kind("pin", "pinned at {position}"),
}


TIE = 9
"""Places tie if they are equal to this many decimals: 3 ÷ 2.5 ÷ 1.2 must equal 1."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. Empty tuples and None mean "any". Times are seconds since the epoch, half open."""

    id: int
    version: int
    name: str
    effect: str
    priority: int = 0
    position: int | None = None
    factor: float = 2.0
    cap: int | None = None
    cap_by: str = ""
    holdout_percent: int = 0
    placements: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    context_products: tuple[str, ...] = ()
    context_categories: tuple[str, ...] = ()
    starts_at: float | None = None
    ends_at: float | None = None
    products: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    min_price: float | None = None
    max_price: float | None = None
    min_stock: int | None = None
    max_stock: int | None = None

    @property
    def stage(self) -> Stage:
        """The stage in which this rule applies."""
        return KINDS[self.effect].stage

    @property
    def counts(self) -> bool:
        """Whether prices or stocks decide which products this rule matches."""
        return any(end is not None for end in (self.min_price, self.max_price, self.min_stock, self.max_stock))

    @property
    def sentence(self) -> str:
        """The rule's effect, for an explanation: `Winter sale: boosted ×2`."""
        each = f" for each {self.cap_by}" if self.cap_by else ""
        effect = KINDS[self.effect].sentence.format(factor=self.factor, cap=self.cap, each=each, position=self.position)
        return f"{self.name}: {effect}"


@dataclass(frozen=True, slots=True)
class Situation:
    """A request as conditions see it. `context` holds item codes; `now` is in seconds since the epoch."""

    placement: str
    now: float
    context: tuple[int, ...] = ()
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trace:
    """What the rules did, as sentences by item code: `moved` items changed place, `removed` items are not shown."""

    moved: dict[int, list[str]] = field(default_factory=dict)
    removed: dict[int, str] = field(default_factory=dict)

    def move(self, code: int, sentence: str) -> None:
        """Note that a rule moved the item."""
        self.moved.setdefault(code, []).append(sentence)


def matches(rule: Rule, columns: Columns) -> Bools:
    """Return the mask of the items that meet all product conditions of the rule."""
    mask = columns.in_price_range(rule.min_price, rule.max_price) & columns.in_stock_range(
        rule.min_stock, rule.max_stock
    )
    if rule.products:
        mask &= columns.in_products(rule.products)
    if rule.categories:
        mask &= columns.in_categories(rule.categories)
    if rule.brands:
        mask &= columns.in_brands(rule.brands)
    return mask


class Masks(Mapping[int, Bools]):
    """Masks by rule id, stored as bits: as bytes, 2,000 rules over 200,000 products would take 400 MB."""

    def __init__(self, n_items: int) -> None:
        self._n_items = n_items
        self._bits: dict[int, NDArray[np.uint8]] = {}

    def __getitem__(self, rule_id: int) -> Bools:
        return np.unpackbits(self._bits[rule_id], count=self._n_items).view(np.bool_)

    def __contains__(self, rule_id: object) -> bool:
        return rule_id in self._bits

    def __iter__(self) -> Iterator[int]:
        return iter(self._bits)

    def __len__(self) -> int:
        return len(self._bits)

    @property
    def nbytes(self) -> int:
        """The memory of all masks in bytes."""
        return sum(bits.nbytes for bits in self._bits.values())

    def any_of(self, rule_id: int, codes: Iterable[int]) -> bool:
        """Return whether the rule matches one of the items."""
        bits = self._bits[rule_id]
        return any(bits[code >> 3] >> (7 - code % 8) & 1 for code in codes)

    def put(self, rule_id: int, mask: Bools) -> None:
        """Store the mask of a rule."""
        self._bits[rule_id] = np.packbits(mask)

    def take(self, rule_id: int, other: "Masks") -> None:
        """Copy the rule's mask from `other`, if it has one."""
        if rule_id in other:
            self._bits[rule_id] = other._bits[rule_id]


def _ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id)))


class RuleSet:
    """Rules compiled against one state of the catalog: the items that each matches are computed once.

    `before` lends the masks of unchanged rules where the columns they use are unchanged.
    """

    def __init__(self, rules: Iterable[Rule], columns: Columns, *, before: "RuleSet | None" = None) -> None:
        self.rules = _ordered(rules)
        self.columns = columns
        self.matched, self.in_context = Masks(columns.n_items), Masks(columns.n_items)
        reusable = {} if before is None else before._unchanged_in(columns)
        for rule in self.rules:
            if before is not None and reusable.get(rule.id) == rule:
                self.matched.take(rule.id, before.matched)
                self.in_context.take(rule.id, before.in_context)
                continue
            self.matched.put(rule.id, matches(rule, columns))
            if rule.context_products or rule.context_categories:
                looked_at = columns.in_products(rule.context_products) | columns.in_categories(rule.context_categories)
                self.in_context.put(rule.id, looked_at)

    @cached_property
    def segments(self) -> frozenset[str]:
        """The segments that the rules name, in small letters."""
        return frozenset(name for rule in self.rules for name in folded(rule.segments))

    def has_rules(self, rules: Iterable[Rule]) -> bool:
        """Return whether this set holds exactly these rules, in any order."""
        return self.rules == _ordered(rules)

    def _unchanged_in(self, columns: Columns) -> dict[int, Rule]:
        """Return the rules, by id, that match the same items in the given columns."""
        if columns is self.columns:
            return {rule.id: rule for rule in self.rules}
        return {rule.id: rule for rule in self.rules if not rule.counts} if columns.same_names_as(self.columns) else {}

    def applicable(self, situation: Situation) -> tuple[Rule, ...]:
        """Return the rules whose conditions hold, the highest priority first."""
        return tuple(rule for rule in self.rules if self._holds(rule, situation))

    def _holds(self, rule: Rule, situation: Situation) -> bool:
        if rule.placements and situation.placement not in rule.placements:
            return False
        if rule.segments and set(folded(situation.segments)).isdisjoint(folded(rule.segments)):
            return False
        if rule.starts_at is not None and situation.now < rule.starts_at:
            return False
        if rule.ends_at is not None and situation.now >= rule.ends_at:
            return False
        return rule.id not in self.in_context or self.in_context.any_of(rule.id, situation.context)

    def filter(self, mask: Bools, applicable_rules: Sequence[Rule], trace: Trace | None = None) -> Bools:
        """Return the mask after all exclude and require rules; an item must satisfy each of them."""
        mask_so_far = mask
        for rule in (rule for rule in applicable_rules if rule.stage == "filter"):
            matched = self.matched[rule.id]
            allowed = mask_so_far & (matched if rule.effect == "require" else ~matched)
            if trace is not None:
                trace.removed.update(dict.fromkeys(np.flatnonzero(mask_so_far & ~allowed).tolist(), rule.sentence))
            mask_so_far = allowed
        return mask_so_far

    def reorder(self, items: Ints, applicable_rules: Sequence[Rule], trace: Trace | None = None) -> Ints:
        """Return the items by place ÷ boost factors × bury factors: a boost of 2 moves place 10 to place 5.

        On a tie the boosted item comes first and the buried one last.
        """
        rules = [rule for rule in applicable_rules if rule.stage == "order"]
        if not rules:
            return items
        places = np.arange(1, len(items) + 1, dtype=np.float64)
        favor = np.zeros(len(items))
        for rule in rules:
            hit = self.matched[rule.id][items]
            places[hit] *= 1 / rule.factor if rule.effect == "boost" else rule.factor
            favor[hit] += 1 if rule.effect == "boost" else -1
            if trace is not None:
                for code in items[hit].tolist():
                    trace.move(code, rule.sentence)
        reordered: Ints = items[np.lexsort((-favor, places.round(TIE)))]
        return reordered
