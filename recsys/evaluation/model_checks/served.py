"""The gate's numbers of what was really served: one day against each day of the week before it. Pure.

No reference was asked the same, so what is normal is what the days before were: an alarm is for a day that lies beyond
the bar and is clearly worse than every one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.data_checks import Check, Side
from recsys.data.drift import TELLING
from recsys.evaluation.model_checks.answers import Answers
from recsys.evaluation.model_checks.case import Limits
from recsys.evaluation.model_checks.fairness import (
    EXPOSURE_DRAWS,
    MIN_GROUP,
    significantly_above,
    drawn,
    groups_of,
    has_new_items,
    has_suppliers,
    lift,
    mean_popularity,
    new_share,
    spread,
    worst_over_best,
)
from recsys.evaluation.model_checks.slate_table import CatalogView
from recsys.metrics.intervals import Interval, bootstrap
from recsys.metrics.spread import coverage, gini

LEAST_DAYS = 4
"""Days of the week before that must have had traffic: of fewer, the worst one says little of what is normal."""
COMPARABLE = 0.5
"""Days of fewer answers than this share of the day's are not held against it: all are cut to the least one's size."""
NUMBERS = ("gini", "coverage", "popularity lift", "supplier share", "new items")
"""Of exposure."""
BORNE = "; beyond the bar, which alarms only where it is clearly worse than every day before"


@dataclass(frozen=True, slots=True)
class ServedDay:
    """A day's answers and what came of them.

    `ndcg` holds a number for each shopper who touched something after an answer, `groups` their labels by kind.
    """

    answers: Answers
    shelf: CatalogView
    ndcg: Doubles
    groups: Mapping[str, tuple[str, ...]]


def watched(today: ServedDay, before: Sequence[ServedDay], *, wanted: Longs) -> list[Check]:
    """Return the checks of a day's answers against the days before.

    `wanted` are the items that the day's shoppers touched, one entry for each shopper and item. Notes say how much
    there was to judge by; where that is too little they are all there is.
    """
    n, size = today.answers.n_shoppers, len(today.answers)
    usual = [day for day in before if day.answers.n_shoppers >= TELLING and len(day.answers) >= COMPARABLE * size]
    notes = [
        _note("shoppers", n, TELLING, "shoppers answered; of fewer nothing is said"),
        _note("days before", len(usual), LEAST_DAYS, "days before with such traffic; against fewer nothing is said"),
    ]
    if n < TELLING or len(usual) < LEAST_DAYS:
        return notes
    words = f"shoppers who touched something after an answer; groups under {MIN_GROUP} are not judged"
    notes.append(_note("shoppers judged", len(today.ndcg), 3 * MIN_GROUP, words))
    limits = Limits()
    return [
        *notes,
        *_exposed(today, usual, wanted, limits),
        *_lost(today, usual, limits),
        *_apart(today, usual, limits),
    ]


@dataclass(frozen=True, slots=True)
class _Against:
    """How bad a number is: that day, on each day before, and whether it is clearly worse than on every one of them."""

    value: float
    days: Doubles
    worse: bool


def _exposed(today: ServedDay, usual: Sequence[ServedDay], wanted: Longs, limits: Limits) -> list[Check]:
    """Return the checks of exposure, all days cut to the same number of answers: Gini and coverage depend on it."""
    size = min(len(day.answers) for day in (today, *usual))
    days = [replace(day, answers=day.answers.first(size)) for day in (today, *usual)]
    found = _held_against(days, slack=limits.absolute_slack)
    shelf = today.shelf
    exposure = days[0].answers.exposure(shelf)
    checks = []
    one = found["gini"]
    bar = float(np.median(one.days)) + limits.gini_slack
    words = "Gini of exposure" + _range(one.days)
    checks.append(_check("gini", "at most", one.value, bar, words, inside=one.value <= bar, worse=one.worse))
    one = found["coverage"]
    value, bar = -one.value, limits.coverage * -float(np.median(one.days))
    words = "share of the catalogue shown" + _range(-one.days)
    checks.append(_check("coverage", "at least", value, bar, words, inside=value >= bar, worse=one.worse))
    if "supplier share" in found:
        one = found["supplier share"]
        low, high, gap = spread(exposure, shelf.supplier)
        inside = limits.supplier_low <= low and high <= limits.supplier_high
        words = f"gap of exposure ÷ catalogue share by supplier, {low:.2f}–{high:.2f}" + _range(one.days)
        checks.append(
            _check("supplier share", "at most", gap, float(one.days.max()), words, inside=inside, worse=one.worse)
        )
    if len(wanted):
        one = found["popularity lift"]
        value, bar = lift(exposure, wanted, shelf.popularity), limits.popularity_lift
        words = "popularity of shown items ÷ of those that shoppers touched that day"
        checks.append(_check("popularity lift", "at most", value, bar, words, inside=value <= bar, worse=one.worse))
    if "new items" in found:
        one = found["new items"]
        value, bar = -one.value, limits.new_items
        words = "new items' share of exposure ÷ of the catalogue" + _range(-one.days)
        checks.append(_check("new items", "at least", value, bar, words, inside=value >= bar, worse=one.worse))
    return checks


def _held_against(days: Sequence[ServedDay], *, slack: float) -> dict[str, _Against]:
    """Hold each number of the first day against the worst of the others, in bootstrap draws of each day's shoppers.

    A day whose shelf tells nothing of a number is none to hold it against; with too few that do, it is left out.
    """
    points = np.array([_badness(day.answers.exposure(day.shelf), day.shelf) for day in days])
    draws = np.empty((len(days), EXPOSURE_DRAWS, len(NUMBERS)))
    for at, day in enumerate(days):
        for draw, exposure in enumerate(drawn(day.answers.slates, day.shelf.n_items, shoppers=day.answers.shoppers)):
            draws[at, draw] = _badness(exposure, day.shelf)
    found = {}
    for at, name in enumerate(NUMBERS):
        told = 1 + np.flatnonzero(~np.isnan(points[1:, at]))
        if np.isnan(points[0, at]) or len(told) < LEAST_DAYS:
            continue
        worst = told[points[told, at].argmax()]
        gaps = draws[0, :, at] - draws[worst, :, at]
        worse = significantly_above(gaps, slack=slack * abs(float(points[worst, at])))
        found[name] = _Against(float(points[0, at]), points[told, at], worse)
    return found


def _badness(exposure: Doubles, shelf: CatalogView) -> list[float]:
    """Return what grows as each of the `NUMBERS` gets worse, NaN where the shelf tells nothing of it."""
    listed, nothing = shelf.listed_exposure(exposure), float("nan")
    return [
        gini(listed),
        -coverage(listed),
        mean_popularity(exposure, shelf.popularity),
        spread(exposure, shelf.supplier)[2] if has_suppliers(shelf) else nothing,
        -new_item_share(exposure, shelf.new) / shelf.new_item_share if has_new_items(shelf) else nothing,
    ]


def _lost(today: ServedDay, usual: Sequence[ServedDay], limits: Limits) -> list[Check]:
    """Return, for each large group, what it lost of its NDCG against the middle one of the days before."""
    before: dict[tuple[str, str], list[Interval]] = {}
    for day in usual:
        for kind, label, rows in groups_of(day.groups):
            before.setdefault((kind, label), []).append(bootstrap(day.ndcg[rows], draws=EXPOSURE_DRAWS))
    checks = []
    for kind, label, rows in groups_of(today.groups):
        days = before.get((kind, label), [])
        middle = float(np.median([one.value for one in days])) if len(days) >= LEAST_DAYS else 0.0
        if middle <= 0:
            continue
        ours = float(today.ndcg[rows].mean())
        loss, worse = 1 - ours / middle, ours < min(one.low for one in days)
        words = f"lost of NDCG@10 by {len(rows)} shoppers: {ours:.4f}, {middle:.4f} on the days before"
        bar = limits.group_loss
        checks.append(_check(f"loss of {kind} {label}", "at most", loss, bar, words, inside=loss <= bar, worse=worse))
    return checks


def _apart(today: ServedDay, usual: Sequence[ServedDay], limits: Limits) -> list[Check]:
    """Return, for each kind of group, the worst group's NDCG over the best one's: its lower bound."""
    checks = []
    for kind in today.groups:
        ours, *days = (_ratio(day, kind) for day in (today, *usual))
        lows = [one[0] for one in days if one is not None]
        if ours is None or len(lows) < LEAST_DAYS:
            continue
        (low, ratio), bar = ours, limits.group_ratio
        words = f"worst over best group by {kind}, lower bound of {ratio:.2f}" + _range(np.array(lows))
        checks.append(
            _check(f"groups by {kind}", "at least", low, bar, words, inside=low >= bar, worse=ratio < min(lows))
        )
    return checks


def _ratio(day: ServedDay, kind: str) -> tuple[float, float] | None:
    """Return `worst_over_best` of a kind of group, None where fewer than two are large enough."""
    members = [rows for _, _, rows in groups_of({kind: day.groups.get(kind, ())})]
    return worst_over_best(day.ndcg, members) if len(members) > 1 else None


def _check(name: str, side: Side, value: float, bar: float, words: str, *, inside: bool, worse: bool) -> Check:
    passed = inside or not worse
    words += BORNE if passed and not inside else ""
    return Check(f"served: {name}", value, bar, passed, words, "alarms", side)


def _note(name: str, value: int, bar: int, words: str) -> Check:
    return Check(f"served: {name}", float(value), float(bar), value >= bar, words, "notes", "at least")


def _range(days: Doubles) -> str:
    """Return where the days before lay, in words."""
    return f"; {days.min():.3f}–{days.max():.3f} on the days before"
