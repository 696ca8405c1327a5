"""How much cold lift pays: the most that new products gain while hardly anything is lost on the whole.

Where most of what is bought is new when the window begins, the ranker fills its answers with new products, and known
ones, which the next days' shoppers want (a model is trained every night, a window lasts weeks), are crowded out: then
the lift is below zero, so far that two thirds of what known products are worth among themselves remain. Where few
questions tell of known products, all targets together alone count.

The ranker that is released has learned from validation too, and may think more of new products than the one that was
asked: then the lift that was tested would show more of them than was tested, and is lowered.

Three places in two hundred new products have in any case, where validation finds any of them hit there: what is never
shown is never learnt about. They are the tenths of those shoppers whose new products score highest, whatever stands in
their way: a lift shows new products to those who lose least by them, and these take few. They have more tenths, up to
every shopper's, where validation hits them less than twice as often as the newest of the category do, which anybody
could show: as many as reach that, and as a fifth of what the ranker leads by pays for.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recsys.arrays import Bools, Floats, Longs
from recsys.data.folds import sampled
from recsys.data.interactions import Interactions
from recsys.data.profile import Context
from recsys.data.time_split import Sequences
from recsys.metrics.registry import asked_values, mean_ndcg
from recsys.metrics.spread import TOP
from recsys.ranking.candidates import Candidates, gather
from recsys.ranking.cold_boost import lifted
from recsys.ranking.groups import places
from recsys.ranking.model import Bundle
from recsys.training.plan import Plan
from recsys.training.slates import slates
from recsys.training.validation_set import Deciding

LIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0)
HELD_BACK = (-3.0, -2.5, -2.0, -1.5, -1.25, -1.0, -0.75, -0.5, -0.25)
"""Tried where known products would be crowded out without any lift."""
HALVINGS = 3
"""How often the step behind the best of `LIFTS` is halved: what is lost grows faster from lift to lift."""
WARM_KEPT = 0.97
"""Share of the unlifted NDCG@10 of known products that must remain; that of all targets together must not fall."""
ALONE_KEPT = 2 / 3
"""Share of the NDCG@10 of known products among themselves that must remain (docs/adr/0014-measurements.md)."""
LEAST_KNOWN, LEAST_KNOWN_SHARE = 50, 0.2
"""Questions with a known target, and their share of all: with fewer, what known products keep is chance or a side
matter, and all targets together count."""
LEAST_SHARE = 0.015
"""Share of the first ten places that new products have whatever it costs: less than a hundredth of NDCG@10, for of each
list it is the last (docs/adr/0014-measurements.md)."""
SHARES = (LEAST_SHARE, 0.025, 0.04, 0.06, 0.08, 0.1)
"""Tried in turn where the least is not enough; the last is every shopper's tenth place."""
AIM = 2.0
"""Times as often as the newest of the category that validation should find cold targets hit: 1.5 are promised, and the
next window may differ."""
PAID = 0.2
"""Share of what the ranker leads by, in NDCG@10, that known products may lose for it."""
LOOKED_AT = 500
"""How many shoppers are looked at to see what the released ranker would show."""
LATELY = 0.15
"""Share of rows, the latest, among whose shoppers they are: validation too asked those who came again."""
CLOSE = 6
"""How often the lift is halved in search of the one that shows as much as was tested."""
FINE = 1_000
"""The level is found to this part of the untouched candidates: each step asks for all places anew."""
Point = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Lift:
    """The chosen lift, the share of the first ten places that untouched products then had, and the curve behind it.

    `least` is the share that they have in any case, and `level` the score that brought it on the questions that judge.
    `hit_rate` is how often cold targets were hit there by both, `newest` by the newest of the shopper's last category.
    """

    value: float = 0.0
    share: float = 1.0
    curve: Sequence[Point] = ()
    least: float = 0.0
    level: float | None = None
    hit_rate: float = 0.0
    newest: float = 0.0


def tuned_lift(deciding: Deciding, scores: Floats, *, newest: float = 0.0, runner_up: float = 1.0) -> Lift:
    """Return the lift and the curve it was chosen from, as JSON values; 0 and no curve where nothing is cold.

    Of all lifts that keep enough, the one with the best hit rate among cold targets; ties go to the smaller. Where none
    does, the one that holds back most. `newest` is how often the newest of the shopper's last category hit cold
    targets, `runner_up` the NDCG@10 of the best other rung.
    """
    untouched = deciding.untouched()
    if not untouched.any() or not any(own.any() for own in deciding.cold):
        return Lift()

    def point(lift: float, level: float | None = None) -> Point:
        return _point(deciding, lifted(deciding.asked.candidates, scores, untouched, lift, level=level), lift)

    def kept(one: Point) -> bool:
        if told and one["warm"] < ALONE_KEPT * alone:
            return False
        warm = one["warm"] >= WARM_KEPT * none["warm"] or not told
        return bool(one["lift"] < 0 or (one["together"] >= none["together"] and warm))

    def worth(one: Point) -> tuple[float, float]:
        return one["cold_hit_rate"], -abs(one["lift"])

    told = sum(not own.all() for own in deciding.cold) >= max(LEAST_KNOWN, LEAST_KNOWN_SHARE * len(deciding.cold))
    alone = _point(deciding, np.where(untouched, scores.min() - 1, scores), 0.0)["warm"]
    curve = [point(lift) for lift in LIFTS]
    none = curve[0]
    if told and none["warm"] < ALONE_KEPT * alone:
        curve = [point(lift) for lift in HELD_BACK] + curve
    best = max(filter(kept, curve), key=worth, default=curve[0])
    low, high = best["lift"], next((one["lift"] for one in curve if one["lift"] > best["lift"]), best["lift"])
    for _ in range(HALVINGS if high > low else 0):
        tried = point((low + high) / 2)
        curve.append(tried)
        if kept(tried):
            low, best = tried["lift"], max(best, tried, key=worth)
        else:
            high = tried["lift"]
    lift = Lift(
        float(best["lift"]),
        float(best["share"]),
        sorted(curve, key=lambda one: float(one["lift"])),
        hit_rate=best["cold_hit_rate"],
        newest=newest,
    )

    def given(share: float) -> tuple[float | None, Point]:
        level = level_of(deciding.asked.candidates, scores, untouched, lift.value, share=share)
        return level, best if level is None else point(lift.value, level)

    known = "warm" if told else "together"
    return _with_places(lift, best, given, whole=none[known], known=known, price=PAID * (none["together"] - runner_up))


def _with_places(
    lift: Lift,
    best: Point,
    given: Callable[[float], tuple[float | None, Point]],
    *,
    known: str,
    whole: float,
    price: float,
) -> Lift:
    """Return the lift with the share of places that new products have in any case.

    `given` tells of a share the level that brings it and the point that comes of it, None and `best` where the lift's
    own point stays. What `known` measures may fall by `price` below `whole` at most, except for the smallest share.
    """
    aim = AIM * lift.newest if lift.value >= 0 else 0.0
    for share in SHARES:
        level, one = given(share)
        more = one["cold_hit_rate"] > lift.hit_rate
        if share > LEAST_SHARE and whole - one[known] > price:
            break
        if share == LEAST_SHARE and level is None:
            # Mostly because they have as much by themselves here; the released ranker may give them less.
            more = best["share"] >= share and best["cold_hit_rate"] > 0
        if more:
            lift = replace(lift, least=share, level=level, hit_rate=one["cold_hit_rate"])
        if one["cold_hit_rate"] >= aim:
            break
    return lift


def level_of(candidates: Candidates, scores: Floats, untouched: Bools, lift: float, *, share: float) -> float | None:
    """Return the score from which on untouched products come first, so that they have at most this share of places.

    None where the lift gives them as much by itself, or even the highest score would be too many.
    """
    if _share(candidates, lifted(candidates, scores, untouched, lift), untouched) >= share:
        return None
    levels = np.unique(scores[untouched])[::-1]
    low, high = -1, len(levels)  # how far down is within, and how far is too far
    while high - low > max(1, len(levels) // FINE):
        middle = (low + high) // 2
        found = lifted(candidates, scores, untouched, lift, level=float(levels[middle]))
        low, high = (middle, high) if _share(candidates, found, untouched) <= share else (low, middle)
    return float(levels[low]) if low >= 0 else None


def bounded(bundle: Bundle, plan: Plan, past: Interactions, *, newest: int | None = None) -> Bundle:
    """Return the bundle, its lift lowered where untouched products would get more places than were tested, and with the
    level that gives them the least share of the plan.

    Some shoppers who came lately are asked as they are at the end of the past, with at most `newest` events of a kind;
    no answer is needed for that.
    """
    if bundle.ranker is None or not (bundle.cold_lift or plan.cold_least) or not len(past):
        return bundle
    users = sampled(np.unique(past.users[-round(LATELY * len(past)) :]).astype(np.int64), LOOKED_AT, seed=plan.seed)
    profiles = Sequences.of(past).profiles(users, now=float(bundle.manifest["until"]), newest=newest)
    contexts = [Context(seen_allowed=not plan.new_only)] * len(users)
    found = gather(bundle.heard, profiles, contexts, quotas=bundle.quotas, n_items=bundle.catalogue.n_items)
    scores = bundle.ranker.scores(bundle.features(found, profiles, contexts))
    untouched: Bools = np.isnan(bundle.facts.last[found.items])

    def within(lift: float) -> bool:
        return _share(found, lifted(found, scores, untouched, lift), untouched) <= plan.cold_share

    low, high = min(HELD_BACK[0], bundle.cold_lift) if bundle.cold_lift < 0 else 0.0, bundle.cold_lift
    if within(high):
        low = high
    for _ in range(CLOSE if low < high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) else (low, middle)
    level = level_of(found, scores, untouched, low, share=plan.cold_least)
    return replace(bundle, cold_lift=low, cold_level=level)


def _share(candidates: Candidates, scores: Floats, untouched: Bools) -> float:
    """Return the share of the first ten places that go to untouched products."""
    first = places(scores, candidates.rows) < TOP
    return float((first & untouched).sum() / max(1, first.sum()))


def _point(deciding: Deciding, scores: Floats, lift: float) -> Point:
    found = slates(deciding.asked.candidates, scores)
    warm, cold = deciding.known_targets(), deciding.cold_targets()
    return {
        "lift": lift,
        "together": mean_ndcg(found, deciding.targets, deciding.n_items),
        "warm": _mean(found, warm, deciding.n_items, "ndcg"),
        "cold_hit_rate": _mean(found, cold, deciding.n_items, "hit_rate"),
        "share": _share(deciding.asked.candidates, scores, deciding.untouched()),
    }


def _mean(found: np.ndarray, targets: Sequence[Longs], n_items: int, metric: str) -> float:
    _, values = asked_values(found, targets, n_items, metric=metric)
    return float(values.mean()) if len(values) else 0.0
