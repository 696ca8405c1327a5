"""Fills a slate from a ranked list: caps for diversity, then pins. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from personalization.rules.rule_set import Rule, RuleSet, Trace
from recsys.arrays import Bools, Ints


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` items of one key. `keys` is int[n_items]: -1 is not counted; None counts all under one key.

    `about` limits the cap to some items. A soft cap is ignored if the slate cannot be filled otherwise.
    """

    limit: int
    keys: Ints | None = None
    about: Bools | None = None
    soft: bool = False
    sentence: str = ""

    def key(self, code: int) -> int:
        """Return the key of the item, -1 if it is not counted."""
        if self.about is not None and not self.about[code]:
            return -1
        return 0 if self.keys is None else int(self.keys[code])


def rule_caps(rules: RuleSet, applicable_rules: Sequence[Rule]) -> list[Cap]:
    """Return the caps of the applicable cap rules."""
    columns = rules.columns
    return [
        Cap(limit=rule.cap or 0, keys=columns.keys(rule.cap_by), about=rules.matched[rule.id], sentence=rule.sentence)
        for rule in applicable_rules
        if rule.stage == "diversity"
    ]


class Counter:
    """Counts the items of a slate for its caps."""

    def __init__(self, caps: Iterable[Cap]) -> None:
        self._caps = tuple(caps)
        self._counts: list[dict[int, int]] = [{} for _ in self._caps]

    def full_for(self, code: int, *, strict: bool) -> Cap | None:
        """Return the cap that the item would break, or None; soft caps are checked only if `strict`."""
        for cap, counts in zip(self._caps, self._counts, strict=True):
            if (strict or not cap.soft) and (key := cap.key(code)) >= 0 and counts.get(key, 0) >= cap.limit:
                return cap
        return None

    def add(self, code: int) -> None:
        """Count one item of the slate."""
        for cap, counts in zip(self._caps, self._counts, strict=True):
            if (key := cap.key(code)) >= 0:
                counts[key] = counts.get(key, 0) + 1


def within_caps(codes: Ints, stays: Iterable[int], caps: Sequence[Cap]) -> Ints:
    """Return the codes that break no cap, including soft ones, next to the items that stay on the slate."""
    counter = Counter(caps)
    for code in stays:
        counter.add(code)
    return codes[[counter.full_for(code, strict=True) is None for code in codes.tolist()]]


def pins(
    rules: RuleSet,
    applicable_rules: Sequence[Rule],
    items: Ints,
    mask: Bools,
    size: int,
    trace: Trace,
    *,
    popular: Ints,
) -> dict[int, int]:
    """Return the item codes of the applicable pin rules by place (from 0), the highest priority first.

    A rule that names products pins each of them, in consecutive places. Other rules pin their best ranked item, or
    their most `popular` one if none is ranked. A pin moves to the next free place if its own is taken. Items outside
    the mask and variants of pinned items are never pinned.
    """
    places: dict[int, int] = {}
    groups, available = rules.columns.group_of, mask.copy()
    for rule in (rule for rule in applicable_rules if rule.stage == "pin"):
        for code in _codes_to_pin(rule, rules, items, available, popular):
            place = (rule.position or 1) - 1
            while place in places:
                place += 1
            if place < size and available[code]:
                places[place] = code
                available &= groups != groups[code]
                trace.move(code, rule.sentence)
    return places


def _codes_to_pin(rule: Rule, rules: RuleSet, items: Ints, available: Bools, popular: Ints) -> list[int]:
    matched = rules.matched[rule.id] & available
    if rule.products:
        codes = (rules.columns.codes.get(product_id, -1) for product_id in rule.products)
        return [code for code in codes if code >= 0 and matched[code]]
    ranked: list[int] = items[matched[items]][:1].tolist()
    return ranked or popular[matched[popular]][:1].tolist()


def fill(items: Ints, size: int, *, pinned_at: dict[int, int], caps: Sequence[Cap], trace: Trace) -> list[int]:
    """Return up to `size` item codes: pinned ones at their places, the others in order as far as the caps allow.

    A second pass without soft caps fills places that stay free. In a short list, later pins move up.
    """
    counter = Counter(caps)
    for code in pinned_at.values():
        counter.add(code)
    used = set(pinned_at.values())
    others: list[tuple[int, int]] = []
    for strict in (True, False):
        for at, code in enumerate(items.tolist()):
            if len(others) + len(pinned_at) >= size:
                break
            if code in used:
                continue
            if (cap := counter.full_for(code, strict=strict)) is not None:
                if cap.sentence:
                    trace.removed.setdefault(code, cap.sentence)
                continue
            counter.add(code)
            used.add(code)
            others.append((at, code))
    return _merge([code for _, code in sorted(others)], pinned_at)


def _merge(others: list[int], pinned_at: dict[int, int]) -> list[int]:
    slate = list(others)
    for place in sorted(pinned_at):
        slate.insert(place, pinned_at[place])
    return slate


def last_unfixed(slate: Sequence[int], fixed: Collection[int]) -> int | None:
    """Return the place of the item that would leave on an insertion, None if all are fixed."""
    return next((place for place in range(len(slate) - 1, -1, -1) if slate[place] not in fixed), None)


def insert(slate: Sequence[int], code: int, place: int, *, fixed: Collection[int]) -> list[int]:
    """Return the slate with the item at the place, or the next free one; the last item that is not fixed leaves.

    `fixed` items stay where they are. Raises ValueError if all are fixed.
    """
    free = [at for at, other in enumerate(slate) if other not in fixed]
    if not free:
        raise ValueError("every place is fixed")
    moved = [slate[at] for at in free[:-1]]
    moved.insert(sum(at < place for at in free), code)
    slate_after = list(slate)
    for at, other in zip(free, moved, strict=True):
        slate_after[at] = other
    return slate_after
