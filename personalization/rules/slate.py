"""From an ordered list to the places of a slate: caps for diversity, then pins. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from personalization.rules.rule_set import Rule, RuleSet, Trace
from recsys.arrays import Bools, Ints


@dataclass(frozen=True, slots=True)
class Cap:
    """At most `limit` items of one key. `keys` is int[n_items], -1 is not counted; None counts all under one key.

    `about` limits the cap to some items. A soft cap gives way where the slate could not be filled otherwise.
    """

    limit: int
    keys: Ints | None = None
    about: Bools | None = None
    soft: bool = False
    sentence: str = ""

    def key(self, code: int) -> int:
        """Return what the item counts under, -1 where it does not count."""
        if self.about is not None and not self.about[code]:
            return -1
        return 0 if self.keys is None else int(self.keys[code])


def rule_caps(rules: RuleSet, holding: Sequence[Rule]) -> list[Cap]:
    """Return the caps of the cap rules that hold."""
    columns = rules.columns
    return [
        Cap(limit=rule.cap or 0, keys=columns.keys(rule.cap_by), about=rules.matched[rule.id], sentence=rule.sentence)
        for rule in holding
        if rule.stage == "diversity"
    ]


class Counter:
    """Counts what a slate holds against its caps."""

    def __init__(self, caps: Iterable[Cap]) -> None:
        self._caps = tuple(caps)
        self._counts: list[dict[int, int]] = [{} for _ in self._caps]

    def full_for(self, code: int, *, strict: bool) -> Cap | None:
        """Return the cap that the item would break, or None; soft caps are asked only when strict."""
        for cap, counts in zip(self._caps, self._counts, strict=True):
            if (strict or not cap.soft) and (key := cap.key(code)) >= 0 and counts.get(key, 0) >= cap.limit:
                return cap
        return None

    def add(self, code: int) -> None:
        """Count an item that is shown."""
        for cap, counts in zip(self._caps, self._counts, strict=True):
            if (key := cap.key(code)) >= 0:
                counts[key] = counts.get(key, 0) + 1


def fitting(codes: Ints, stays: Iterable[int], caps: Sequence[Cap]) -> Ints:
    """Return the codes that break no cap, soft ones included, beside what stays on a slate."""
    counter = Counter(caps)
    for code in stays:
        counter.add(code)
    return codes[[counter.full_for(code, strict=True) is None for code in codes.tolist()]]


def pins(
    rules: RuleSet, holding: Sequence[Rule], items: Ints, mask: Bools, size: int, trace: Trace, *, popular: Ints
) -> dict[int, int]:
    """Return place → item code (places from 0) of the pin rules that hold, the highest priority first.

    A rule that names products pins each of them, one place after the other; else it pins its best ranked item that is
    not pinned yet, where none was ranked its most `popular` one. A place that is taken moves the pin to the next free
    one; what the mask forbids, or a variant of what is pinned, is never pinned.
    """
    places: dict[int, int] = {}
    groups, free = rules.columns.group_of, mask.copy()
    for rule in (rule for rule in holding if rule.stage == "pin"):
        for code in _pinned(rule, rules, items, free, popular):
            place = (rule.position or 1) - 1
            while place in places:
                place += 1
            if place < size and free[code]:
                places[place] = code
                free &= groups != groups[code]
                trace.move(code, rule.sentence)
    return places


def _pinned(rule: Rule, rules: RuleSet, items: Ints, free: Bools, popular: Ints) -> list[int]:
    matched = rules.matched[rule.id] & free
    if rule.products:
        codes = (rules.columns.codes.get(product_id, -1) for product_id in rule.products)
        return [code for code in codes if code >= 0 and matched[code]]
    ranked: list[int] = items[matched[items]][:1].tolist()
    return ranked or popular[matched[popular]][:1].tolist()


def fill(items: Ints, size: int, *, pinned: dict[int, int], caps: Sequence[Cap], trace: Trace) -> list[int]:
    """Return up to `size` item codes: pinned ones at their places, the others in order as far as the caps allow.

    Soft caps are dropped in a second pass where places stay free; a short list closes the gaps before later pins.
    """
    counter = Counter(caps)
    for code in pinned.values():
        counter.add(code)
    taken = set(pinned.values())
    chosen: list[tuple[int, int]] = []
    for strict in (True, False):
        for at, code in enumerate(items.tolist()):
            if len(chosen) + len(pinned) >= size:
                break
            if code in taken:
                continue
            if (cap := counter.full_for(code, strict=strict)) is not None:
                if cap.sentence:
                    trace.removed.setdefault(code, cap.sentence)
                continue
            counter.add(code)
            taken.add(code)
            chosen.append((at, code))
    return _merge([code for _, code in sorted(chosen)], pinned)


def _merge(others: list[int], pinned: dict[int, int]) -> list[int]:
    slate = list(others)
    for place in sorted(pinned):
        slate.insert(place, pinned[place])
    return slate


def last_free(slate: Sequence[int], fixed: Collection[int]) -> int | None:
    """Return the place of the item that leaves where one is `inserted`, None where all are fixed."""
    return next((place for place in range(len(slate) - 1, -1, -1) if slate[place] not in fixed), None)


def inserted(slate: Sequence[int], code: int, place: int, *, fixed: Collection[int]) -> list[int]:
    """Return the slate with the item at the place or the next one that is free; the last that is not fixed leaves.

    `fixed` items stay where they are. Raises ValueError where all are.
    """
    free = [at for at, other in enumerate(slate) if other not in fixed]
    if not free:
        raise ValueError("every place is fixed")
    moved = [slate[at] for at in free[:-1]]
    moved.insert(sum(at < place for at in free), code)
    found = list(slate)
    for at, other in zip(free, moved, strict=True):
        found[at] = other
    return found
