"""Merchandising rules: conditions, effects, and the order they are applied in. Pure.

The order is filter → propose → rank → boost / bury → diversity → pin. A rule kind is one entry of `KINDS`: the stage it
works in and the sentence that explains it; the stage's function below does the work for all its rules.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from personalization.rules.filter_columns import Columns, folded
from recsys.arrays import Bools, Ints

Stage = Literal["filter", "order", "diversity", "pin"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule: when it works, and how it is told."""

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
"""Places that are the same to so many decimals tie: 3 ÷ 2.5 ÷ 1.2 is no more than 1."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. Empty tuples and None mean "any"; times are seconds since the epoch, half open."""

    id: int
    version: int
    name: str
    effect: str
    priority: int = 0
    position: int | None = None
    factor: float = 2.0
    cap: int | None = None
    cap_by: str = ""
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
        """When this rule works."""
        return KINDS[self.effect].stage

    @property
    def counts(self) -> bool:
        """Whether prices or stocks decide what this rule is about."""
        return any(end is not None for end in (self.min_price, self.max_price, self.min_stock, self.max_stock))

    @property
    def sentence(self) -> str:
        """What this rule does, for an explanation: `Winter sale: boosted ×2`."""
        each = f" for each {self.cap_by}" if self.cap_by else ""
        told = KINDS[self.effect].sentence.format(factor=self.factor, cap=self.cap, each=each, position=self.position)
        return f"{self.name}: {told}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a request looks like to the conditions. `context` are item codes; `now` seconds since the epoch."""

    placement: str
    now: float
    context: tuple[int, ...] = ()
    segments: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Trace:
    """What the rules did: sentences by item code: `moved` stand elsewhere than ranked, `removed` are not shown."""

    moved: dict[int, list[str]] = field(default_factory=dict)
    removed: dict[int, str] = field(default_factory=dict)

    def move(self, code: int, sentence: str) -> None:
        """Note that a rule moved the item."""
        self.moved.setdefault(code, []).append(sentence)


def matches(rule: Rule, columns: Columns) -> Bools:
    """Return the mask of the items the rule is about: all its product conditions hold."""
    mask = columns.priced(rule.min_price, rule.max_price) & columns.stocked(rule.min_stock, rule.max_stock)
    if rule.products:
        mask &= columns.in_products(rule.products)
    if rule.categories:
        mask &= columns.in_categories(rule.categories)
    if rule.brands:
        mask &= columns.in_brands(rule.brands)
    return mask


class Masks(Mapping[int, Bools]):
    """The items that each rule is about. Kept as bits: of 2,000 rules over 200,000 products, bytes take 400 MB."""

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
        """How much memory they take."""
        return sum(bits.nbytes for bits in self._bits.values())

    def any_of(self, rule_id: int, codes: Iterable[int]) -> bool:
        """Return whether the rule is about one of the items."""
        bits = self._bits[rule_id]
        return any(bits[code >> 3] >> (7 - code % 8) & 1 for code in codes)

    def put(self, rule_id: int, mask: Bools) -> None:
        """Keep the mask of a rule."""
        self._bits[rule_id] = np.packbits(mask)

    def take(self, rule_id: int, other: "Masks") -> None:
        """Keep what another one holds of the rule, if it does."""
        if rule_id in other:
            self._bits[rule_id] = other._bits[rule_id]


def _ordered(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    return tuple(sorted(rules, key=lambda rule: (-rule.priority, rule.id)))


class RuleSet:
    """Rules compiled against one state of the catalog: which items each is about is known beforehand.

    `before` lends what it found of rules that are the same, about a catalog that says the same of what they ask.
    """

    def __init__(self, rules: Iterable[Rule], columns: Columns, *, before: "RuleSet | None" = None) -> None:
        self.rules = _ordered(rules)
        self.columns = columns
        self.matched, self.in_context = Masks(columns.n_items), Masks(columns.n_items)
        lent = {} if before is None else before._lending(columns)
        for rule in self.rules:
            if before is not None and lent.get(rule.id) == rule:
                self.matched.take(rule.id, before.matched)
                self.in_context.take(rule.id, before.in_context)
                continue
            self.matched.put(rule.id, matches(rule, columns))
            if rule.context_products or rule.context_categories:
                looked_at = columns.in_products(rule.context_products) | columns.in_categories(rule.context_categories)
                self.in_context.put(rule.id, looked_at)

    def made_of(self, rules: Iterable[Rule]) -> bool:
        """Return whether it is of these rules, in whatever order they come."""
        return self.rules == _ordered(rules)

    def _lending(self, columns: Columns) -> dict[int, Rule]:
        """Return the rules, by id, that are about the same items in the given columns."""
        if columns is self.columns:
            return {rule.id: rule for rule in self.rules}
        return {rule.id: rule for rule in self.rules if not rule.counts} if columns.named_as(self.columns) else {}

    def holding(self, situation: Situation) -> tuple[Rule, ...]:
        """Return the rules whose conditions hold, those of the highest priority first."""
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

    def filter(self, mask: Bools, holding: Sequence[Rule], trace: Trace | None = None) -> Bools:
        """Return the mask without what exclude rules remove and require rules do not name. All must be satisfied."""
        kept = mask
        for rule in (rule for rule in holding if rule.stage == "filter"):
            matched = self.matched[rule.id]
            allowed = kept & (matched if rule.effect == "require" else ~matched)
            if trace is not None:
                trace.removed.update(dict.fromkeys(np.flatnonzero(kept & ~allowed).tolist(), rule.sentence))
            kept = allowed
        return kept

    def reorder(self, items: Ints, holding: Sequence[Rule], trace: Trace | None = None) -> Ints:
        """Return the items by place ÷ boost factors × bury factors: a boost of 2 moves place 10 to place 5.

        Where places tie, the boosted item stands first and the buried one last.
        """
        rules = [rule for rule in holding if rule.stage == "order"]
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
        ordered: Ints = items[np.lexsort((-favor, places.round(TIE)))]
        return ordered
