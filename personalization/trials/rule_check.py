"""What a draft rule would do, before it is saved: products it matches, and lists of sampled shoppers it changes."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
import redis

from catalog.records import ProductRow
from common import clock
from personalization.rules.rule_set import Rule, Stage
from personalization.selectors.placements import PlacementConfig
from personalization.selectors.rules import sentence_of
from personalization.services.rules import draft_version
from personalization.serving.answers import Item
from personalization.serving.asking import Ask, Who, who_of
from personalization.serving.engine import answer
from personalization.serving.shoppers import Shopper, nobody, read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.sample_shoppers import N_SAMPLES, sample_shoppers
from personalization.trials.trial import Baseline, Draft, available, baseline, draft_of, obstacle
from profiles.selectors.segments import newest_members
from recsys.arrays import Bools

N_SHOPPERS: Final = N_SAMPLES
SECONDS: Final = 3.0
"""How long lists are compared; what was not reached by then is left out, and the numbers say so."""
MOST_LISTED: Final = 6
MOST_EXAMPLES: Final = 3
Items = tuple[Item, ...]
Shoppers = Literal["sample", "members", "stranger"]
"""A sample of all users, the newest members of the draft's segments, or a stranger where there are none."""
STAGES: Final[tuple[tuple[Stage | None, str], ...]] = (
    ("filter", "filter"),
    (None, "propose"),
    (None, "rank"),
    ("order", "boost / bury"),
    ("diversity", "diversity"),
    ("pin", "pin"),
)
"""The order in which an answer is made; a stage without rules has None."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of the order: the names of the rules that apply in it beside the draft, and whether the draft does."""

    title: str
    rules: tuple[str, ...]
    has_draft: bool


@dataclass
class ListsOf:
    """How many of the compared lists of one placement the draft changes."""

    placement: str
    compared: int = 0
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Example:
    """A list that the draft changes: its number, and the fields with which the preview shows it."""

    number: int
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """What a draft would do. `appears` and `disappears` are products with the number of lists, most lists first."""

    sentence: str
    n_matched: int
    n_available: int
    matched: tuple[ProductRow, ...]
    n_shoppers: int
    n_changed: int
    shoppers: Shoppers
    """Who the shoppers are."""
    against: Baseline
    """What the draft is compared with."""
    lists: tuple[ListsOf, ...] = ()
    appears: tuple[tuple[str, int], ...] = ()
    disappears: tuple[tuple[str, int], ...] = ()
    shortest: tuple[tuple[str, int, int], ...] = ()
    """Placements with a list that the draft leaves short: key, products, size."""
    conflicts: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    obstacle: str = ""
    examples: tuple[Example, ...] = ()
    """Some of the changed lists, to be opened in the preview."""


@dataclass
class _Comparison:
    """The sums over the compared lists."""

    by_placement: dict[str, ListsOf] = field(default_factory=dict)
    shoppers: set[int] = field(default_factory=set)
    changed_for: set[int] = field(default_factory=set)
    appears: Counter[str] = field(default_factory=Counter)
    disappears: Counter[str] = field(default_factory=Counter)
    shortest: dict[str, tuple[int, int]] = field(default_factory=dict)
    changed: list[tuple[int, Ask]] = field(default_factory=list)
    """The shopper's number and the request of each changed list."""


def check_rule(wording: Mapping[str, Any], *, name: str = "", instead_of: int | None = None) -> RuleCheck:
    """Return what a draft would do, `instead_of` the saved rule of that id.

    A draft that says what the saved rule says is compared with the shop without it: that is what the rule does.
    Raises InvalidInput, which names the field; Unavailable before the catalog is loaded.
    """
    against, snapshot = baseline(snapshot_refresher.current(), wording, instead_of=instead_of)
    draft = draft_of(snapshot, wording, name=name or "this rule", instead_of=instead_of)
    mask = draft.snapshot.rules.matched[draft.rule.id]
    placements = _placements(snapshot, draft.rule)
    names, shoppers = _shoppers(snapshot, draft.rule)
    comparison = _compare(snapshot, draft, placements, shoppers)
    return RuleCheck(
        sentence=sentence_of(draft_version(wording=wording)),
        n_matched=int(mask.sum()),
        n_available=int((mask & available(snapshot)).sum()),
        matched=_first_rows(snapshot, mask),
        n_shoppers=len(comparison.shoppers),
        n_changed=len(comparison.changed_for),
        shoppers="stranger" if not names else "members" if draft.rule.segments else "sample",
        against=against,
        lists=tuple(comparison.by_placement.values()),
        appears=tuple(comparison.appears.most_common(MOST_LISTED)),
        disappears=tuple(comparison.disappears.most_common(MOST_LISTED)),
        shortest=tuple((key, *counts) for key, counts in comparison.shortest.items()),
        conflicts=draft.conflicts,
        steps=_steps(draft),
        obstacle=(
            "" if comparison.changed_for or against == "saved" else _obstacle(snapshot, draft, placements, shoppers)
        ),
        examples=tuple(_examples(comparison, names, draft.rule.segments)),
    )


def _examples(comparison: _Comparison, names: Sequence[str], segments: Sequence[str]) -> Iterator[Example]:
    """Yield the first changed list of some shoppers; members of a segment are not named, so all lists of it are."""
    first = dict(reversed(comparison.changed))
    for number, (shopper, ask) in enumerate(sorted(first.items())[:MOST_EXAMPLES], 1):
        fields = {"placement": ask.placement}
        if segments:
            yield Example(number, fields | {"segment": segments[0]})
            return
        whom = {"subject": names[shopper]} if names else {}
        yield Example(number, fields | whom | ({"product_id": ask.product_ids[0]} if ask.product_ids else {}))


def _compare(
    snapshot: Snapshot, draft: Draft, placements: Sequence[PlacementConfig], shoppers: Sequence[Shopper]
) -> _Comparison:
    result, end = _Comparison(), time.monotonic() + SECONDS
    of_strangers: dict[Ask, tuple[Items, Items]] = {}
    for number, shopper in enumerate(shoppers):
        for placement in placements:
            if time.monotonic() > end:
                return result
            ask = _ask(snapshot, draft, placement, number)
            lists_of_ask = of_strangers.get(ask) if _is_stranger(shopper) else None
            if lists_of_ask is None:
                lists_of_ask = (
                    answer(snapshot, ask, shopper=shopper).items,
                    answer(draft.snapshot, ask, shopper=shopper).items,
                )
            if _is_stranger(shopper):
                of_strangers[ask] = lists_of_ask
            now, then = lists_of_ask
            lists = result.by_placement.setdefault(placement.key, ListsOf(placement.key))
            lists.compared += 1
            result.shoppers.add(number)
            if len(then) < min(len(now), placement.size):
                shortest = result.shortest.get(placement.key, (placement.size, placement.size))
                result.shortest[placement.key] = min(shortest, (len(then), placement.size))
            before, after = ([item.product_id for item in items] for items in (now, then))
            if before == after:
                continue
            lists.changed += 1
            result.changed_for.add(number)
            result.changed.append((number, ask))
            titles = {item.product_id: item.title or item.product_id for item in (*now, *then)}
            result.appears.update(titles[one] for one in after if one not in before)
            result.disappears.update(titles[one] for one in before if one not in after)
    return result


def _is_stranger(shopper: Shopper) -> bool:
    """Return whether nothing of the shopper is used, so that all such get the same answers."""
    return not shopper.personal and not shopper.segments


def _ask(snapshot: Snapshot, draft: Draft, placement: PlacementConfig, number: int) -> Ask:
    """Return the request of the shopper of that number; each looks at another product where one must be looked at."""
    looked_at = _looked_at(snapshot, draft, placement)
    product_ids = (looked_at[number % len(looked_at)],) if looked_at else ()
    return Ask(placement.key, product_ids=product_ids, explores=False)


def _looked_at(snapshot: Snapshot, draft: Draft, placement: PlacementConfig) -> list[str]:
    """Return the most popular products that the draft asks to be looked at, or any for a placement about products."""
    rules, product_ids = draft.snapshot.rules, snapshot.serving_catalog.columns.product_ids
    if draft.rule.id in rules.in_context:
        mask = rules.in_context[draft.rule.id]
    elif placement.about != "shopper":
        mask = snapshot.on_sale
    else:
        return []
    popular = snapshot.popular[mask[snapshot.popular]][:N_SHOPPERS]
    return [product_ids[code] for code in popular.tolist()]


def _placements(snapshot: Snapshot, rule: Rule) -> list[PlacementConfig]:
    keys = rule.placements or tuple(snapshot.placements)
    return [snapshot.placements[key] for key in keys if key in snapshot.placements]


def _shoppers(snapshot: Snapshot, rule: Rule) -> tuple[list[str], list[Shopper]]:
    """Return pseudonyms, and shoppers without remembered answers: members of the draft's segments, else a sample.

    A stranger without a pseudonym stands in where there are none.
    """
    now = clock.now().timestamp()
    people = list(_people(rule))
    shoppers = [replace(read_shopper(who, snapshot=snapshot, now=now), memory=None) for _, who in people]
    return [name for name, _ in people], shoppers or [nobody(now)]


def _people(rule: Rule) -> Iterator[tuple[str, Who]]:
    if not rule.segments:
        yield from ((name, Who(user_id=user_id)) for name, user_id in sample_shoppers().items())
        return
    share = -(-N_SHOPPERS // len(rule.segments))
    for key in rule.segments:
        try:
            members = newest_members(key, limit=share)
        except redis.RedisError:
            return
        yield from (("", who_of(subject)) for subject, _ in members)


def _first_rows(snapshot: Snapshot, mask: Bools) -> tuple[ProductRow, ...]:
    """Return the most popular products of the mask, available ones first."""
    popular = snapshot.popular[mask[snapshot.popular]]
    codes = popular[np.argsort(~available(snapshot)[popular], kind="stable")][:MOST_LISTED]
    return tuple(row for code in codes.tolist() if (row := snapshot.serving_catalog.rows[code]) is not None)


def _steps(draft: Draft) -> tuple[Step, ...]:
    others = [one for one in draft.snapshot.rules.rules if one.id != draft.rule.id and _same_places(one, draft.rule)]
    return tuple(
        Step(
            title,
            tuple(one.name for one in others if stage is not None and one.stage == stage),
            draft.rule.stage == stage,
        )
        for stage, title in STAGES
    )


def _same_places(one: Rule, other: Rule) -> bool:
    return not one.placements or not other.placements or bool(set(one.placements) & set(other.placements))


def _obstacle(
    snapshot: Snapshot, draft: Draft, placements: Sequence[PlacementConfig], shoppers: Sequence[Shopper]
) -> str:
    if not placements:
        return "Its placements are switched off, so it shows nowhere."
    return obstacle(draft, _ask(snapshot, draft, placements[0], 0), snapshot, shopper=shoppers[0])
