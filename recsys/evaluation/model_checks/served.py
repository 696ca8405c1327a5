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
    exposure_draws,
    has_new_items,
    has_suppliers,
    large_groups,
    lift,
    mean_popularity,
    new_item_share,
    significantly_above,
    supplier_spread,
    worst_over_best,
)
from recsys.evaluation.model_checks.slate_table import CatalogView
from recsys.metrics.intervals import Interval, bootstrap
from recsys.metrics.spread import coverage, gini

MIN_DAYS = 4
"""Days of the week before that must have had traffic: of fewer, the worst one says little of what is normal."""
MIN_TRAFFIC_SHARE = 0.5
"""Days of fewer answers than this share of the day's are not held against it: all are cut to the least one's size."""
EXPOSURE_METRICS = ("gini", "coverage", "popularity lift", "supplier share", "new items")
"""Of exposure."""
NOT_CLEARLY_WORSE = "; beyond the bar, which alarms only where it is clearly worse than every day before"


@dataclass(frozen=True, slots=True)
class ServedDay:
    """A day's answers and what came of them.

    `ndcg` holds a number for each shopper who touched something after an answer, `groups` their labels by kind.
    """

    answers: Answers
    catalog_view: CatalogView
    ndcg: Doubles
    groups: Mapping[str, tuple[str, ...]]


def day_checks(today: ServedDay, before: Sequence[ServedDay], *, touched_items: Longs) -> list[Check]:
    """Return the checks of a day's answers against the days before.

    `wanted` are the items that the day's shoppers touched, one entry for each shopper and item. Notes say how much
    there was to judge by; where that is too little they are all there is.
    """
    n, size = today.answers.n_shoppers, len(today.answers)
    comparable_days = [
        day for day in before if day.answers.n_shoppers >= TELLING and len(day.answers) >= MIN_TRAFFIC_SHARE * size
    ]
    notes = [
        _note("shoppers", n, TELLING, "shoppers answered; of fewer nothing is said"),
        _note(
            "days before",
            len(comparable_days),
            MIN_DAYS,
            "days before with such traffic; against fewer nothing is said",
        ),
    ]
    if n < TELLING or len(comparable_days) < MIN_DAYS:
        return notes
    words = f"shoppers who touched something after an answer; groups under {MIN_GROUP} are not judged"
    notes.append(_note("shoppers judged", len(today.ndcg), 3 * MIN_GROUP, words))
    limits = Limits()
    return [
        *notes,
        *_exposure_checks(today, comparable_days, touched_items, limits),
        *_group_loss_checks(today, comparable_days, limits),
        *_group_ratio_checks(today, comparable_days, limits),
    ]


@dataclass(frozen=True, slots=True)
class _Comparison:
    """How bad a number is: that day, on each day before, and whether it is clearly worse than on every one of them."""

    value: float
    days: Doubles
    worse: bool


def _exposure_checks(
    today: ServedDay, comparable_days: Sequence[ServedDay], touched_items: Longs, limits: Limits
) -> list[Check]:
    """Return the checks of exposure, all days cut to the same number of answers: Gini and coverage depend on it."""
    size = min(len(day.answers) for day in (today, *comparable_days))
    days = [replace(day, answers=day.answers.head(size)) for day in (today, *comparable_days)]
    comparisons = _compare_days(days, slack=limits.absolute_slack)
    catalog_view = today.catalog_view
    exposure = days[0].answers.exposure(catalog_view)
    checks = []
    comparison = comparisons["gini"]
    bar = float(np.median(comparison.days)) + limits.gini_slack
    words = "Gini of exposure" + _range(comparison.days)
    checks.append(
        _check("gini", "at most", comparison.value, bar, words, inside=comparison.value <= bar, worse=comparison.worse)
    )
    comparison = comparisons["coverage"]
    value, bar = -comparison.value, limits.coverage * -float(np.median(comparison.days))
    words = "share of the catalogue shown" + _range(-comparison.days)
    checks.append(_check("coverage", "at least", value, bar, words, inside=value >= bar, worse=comparison.worse))
    if "supplier share" in comparisons:
        comparison = comparisons["supplier share"]
        low, high, gap = supplier_spread(exposure, catalog_view.supplier)
        inside = limits.supplier_low <= low and high <= limits.supplier_high
        words = f"gap of exposure ÷ catalogue share by supplier, {low:.2f}–{high:.2f}" + _range(comparison.days)
        checks.append(
            _check(
                "supplier share",
                "at most",
                gap,
                float(comparison.days.max()),
                words,
                inside=inside,
                worse=comparison.worse,
            )
        )
    if len(touched_items):
        comparison = comparisons["popularity lift"]
        value, bar = lift(exposure, touched_items, catalog_view.popularity), limits.popularity_lift
        words = "popularity of shown items ÷ of those that shoppers touched that day"
        checks.append(
            _check("popularity lift", "at most", value, bar, words, inside=value <= bar, worse=comparison.worse)
        )
    if "new items" in comparisons:
        comparison = comparisons["new items"]
        value, bar = -comparison.value, limits.new_items
        words = "new items' share of exposure ÷ of the catalogue" + _range(-comparison.days)
        checks.append(_check("new items", "at least", value, bar, words, inside=value >= bar, worse=comparison.worse))
    return checks


def _compare_days(days: Sequence[ServedDay], *, slack: float) -> dict[str, _Comparison]:
    """Hold each number of the first day against the worst of the others, in bootstrap draws of each day's shoppers.

    A day whose shelf tells nothing of a number is none to hold it against; with too few that do, it is left out.
    """
    points = np.array([_badness(day.answers.exposure(day.catalog_view), day.catalog_view) for day in days])
    draws = np.empty((len(days), EXPOSURE_DRAWS, len(EXPOSURE_METRICS)))
    for at, day in enumerate(days):
        for draw, exposure in enumerate(
            exposure_draws(day.answers.slates, day.catalog_view.n_items, shoppers=day.answers.shoppers)
        ):
            draws[at, draw] = _badness(exposure, day.catalog_view)
    comparisons = {}
    for at, name in enumerate(EXPOSURE_METRICS):
        informative_days = 1 + np.flatnonzero(~np.isnan(points[1:, at]))
        if np.isnan(points[0, at]) or len(informative_days) < MIN_DAYS:
            continue
        worst = informative_days[points[informative_days, at].argmax()]
        gaps = draws[0, :, at] - draws[worst, :, at]
        worse = significantly_above(gaps, slack=slack * abs(float(points[worst, at])))
        comparisons[name] = _Comparison(float(points[0, at]), points[informative_days, at], worse)
    return comparisons


def _badness(exposure: Doubles, catalog_view: CatalogView) -> list[float]:
    """Return what grows as each of the `NUMBERS` gets worse, NaN where the shelf tells nothing of it."""
    listed_exposure, nothing = catalog_view.listed_exposure(exposure), float("nan")
    return [
        gini(listed_exposure),
        -coverage(listed_exposure),
        mean_popularity(exposure, catalog_view.popularity),
        supplier_spread(exposure, catalog_view.supplier)[2] if has_suppliers(catalog_view) else nothing,
        -new_item_share(exposure, catalog_view.new) / catalog_view.new_item_share
        if has_new_items(catalog_view)
        else nothing,
    ]


def _group_loss_checks(today: ServedDay, comparable_days: Sequence[ServedDay], limits: Limits) -> list[Check]:
    """Return, for each large group, what it lost of its NDCG against the middle one of the days before."""
    before: dict[tuple[str, str], list[Interval]] = {}
    for day in comparable_days:
        for kind, label, rows in large_groups(day.groups):
            before.setdefault((kind, label), []).append(bootstrap(day.ndcg[rows], draws=EXPOSURE_DRAWS))
    checks = []
    for kind, label, rows in large_groups(today.groups):
        days = before.get((kind, label), [])
        median = float(np.median([interval.value for interval in days])) if len(days) >= MIN_DAYS else 0.0
        if median <= 0:
            continue
        mean_ndcg = float(today.ndcg[rows].mean())
        loss, worse = 1 - mean_ndcg / median, mean_ndcg < min(interval.low for interval in days)
        words = f"lost of NDCG@10 by {len(rows)} shoppers: {mean_ndcg:.4f}, {median:.4f} on the days before"
        bar = limits.group_loss
        checks.append(_check(f"loss of {kind} {label}", "at most", loss, bar, words, inside=loss <= bar, worse=worse))
    return checks


def _group_ratio_checks(today: ServedDay, comparable_days: Sequence[ServedDay], limits: Limits) -> list[Check]:
    """Return, for each kind of group, the worst group's NDCG over the best one's: its lower bound."""
    checks = []
    for kind in today.groups:
        today_ratio, *earlier = (_ratio(day, kind) for day in (today, *comparable_days))
        lows = [day_ratio[0] for day_ratio in earlier if day_ratio is not None]
        if today_ratio is None or len(lows) < MIN_DAYS:
            continue
        (low, ratio), bar = today_ratio, limits.group_ratio
        words = f"worst over best group by {kind}, lower bound of {ratio:.2f}" + _range(np.array(lows))
        checks.append(
            _check(f"groups by {kind}", "at least", low, bar, words, inside=low >= bar, worse=ratio < min(lows))
        )
    return checks


def _ratio(day: ServedDay, kind: str) -> tuple[float, float] | None:
    """Return `worst_over_best` of a kind of group, None where fewer than two are large enough."""
    members = [rows for _, _, rows in large_groups({kind: day.groups.get(kind, ())})]
    return worst_over_best(day.ndcg, members) if len(members) > 1 else None


def _check(name: str, side: Side, value: float, bar: float, words: str, *, inside: bool, worse: bool) -> Check:
    passed = inside or not worse
    words += NOT_CLEARLY_WORSE if passed and not inside else ""
    return Check(f"served: {name}", value, bar, passed, words, "alarms", side)


def _note(name: str, value: int, bar: int, words: str) -> Check:
    return Check(f"served: {name}", float(value), float(bar), value >= bar, words, "notes", "at least")


def _range(days: Doubles) -> str:
    """Return where the days before lay, in words."""
    return f"; {days.min():.3f}–{days.max():.3f} on the days before"
