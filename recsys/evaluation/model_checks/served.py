"""The gate's metrics on served answers: one day against each day of the week before. Pure.

There is no reference that answered the same requests, so the days before are the reference. A day raises an alarm if it
is beyond the bar and clearly worse than every day before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recsys.arrays import Doubles, Longs
from recsys.data.data_checks import Check, Side
from recsys.data.drift import MIN_COUNT
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
from recsys.metrics.beyond_accuracy import coverage, gini
from recsys.metrics.intervals import Interval, bootstrap

MIN_DAYS = 4
"""The fewest comparable days of the week before; the worst of fewer says little about what is normal."""
MIN_TRAFFIC_SHARE = 0.5
"""A day with fewer answers than this share of today's is not comparable, as all are cut to the smallest one."""
EXPOSURE_METRICS = ("gini", "coverage", "popularity lift", "supplier share", "new items")
"""The metrics of exposure, in the order of `_badness`."""
NOT_CLEARLY_WORSE = "; beyond the bar, which alarms only where it is clearly worse than every day before"


@dataclass(frozen=True, slots=True)
class ServedDay:
    """A day's answers and their quality.

    `ndcg` is float64[n], one mean for each shopper with a touch after an answer; `groups` are their labels by kind.
    """

    answers: Answers
    catalog_view: CatalogView
    ndcg: Doubles
    groups: Mapping[str, tuple[str, ...]]


def day_checks(today: ServedDay, before: Sequence[ServedDay], *, touched_items: Longs) -> list[Check]:
    """Return the checks of a day's answers against the days before.

    `touched_items` int64 are the items touched that day, one entry for each shopper and item. The first checks are
    notes about the amount of data; with too little data there are no others.
    """
    n, size = today.answers.n_shoppers, len(today.answers)
    comparable_days = [
        day for day in before if day.answers.n_shoppers >= MIN_COUNT and len(day.answers) >= MIN_TRAFFIC_SHARE * size
    ]
    notes = [
        _note("shoppers", n, MIN_COUNT, "shoppers answered; of fewer nothing is said"),
        _note(
            "days before",
            len(comparable_days),
            MIN_DAYS,
            "days before with such traffic; against fewer nothing is said",
        ),
    ]
    if n < MIN_COUNT or len(comparable_days) < MIN_DAYS:
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
    """The badness of a metric today and on each informative day, and whether today is clearly worse than all."""

    value: float
    days: Doubles
    worse: bool


def _exposure_checks(
    today: ServedDay, comparable_days: Sequence[ServedDay], touched_items: Longs, limits: Limits
) -> list[Check]:
    """Return the checks of exposure. All days are cut to one number of answers, as Gini and coverage depend on it."""
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
    words = "share of the catalog shown" + _range(-comparison.days)
    checks.append(_check("coverage", "at least", value, bar, words, inside=value >= bar, worse=comparison.worse))
    if "supplier share" in comparisons:
        comparison = comparisons["supplier share"]
        low, high, gap = supplier_spread(exposure, catalog_view.supplier)
        inside = limits.supplier_low <= low and high <= limits.supplier_high
        words = f"gap of exposure ÷ catalog share by supplier, {low:.2f}–{high:.2f}" + _range(comparison.days)
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
        words = "new items' share of exposure ÷ of the catalog" + _range(-comparison.days)
        checks.append(_check("new items", "at least", value, bar, words, inside=value >= bar, worse=comparison.worse))
    return checks


def _compare_days(days: Sequence[ServedDay], *, slack: float) -> dict[str, _Comparison]:
    """Compare each metric of the first day with the worst of the other days, by a bootstrap over shoppers.

    Days on which a metric is not informative are skipped. A metric with too few other days is left out.
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
    """Return the `EXPOSURE_METRICS` with signs so that larger is worse; NaN where one is not informative."""
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
    """Return, for each large group, the relative loss of NDCG against the median of the days before."""
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
    """Return, for each kind of group, the lower bound of the worst group's NDCG over the best one's."""
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
    """Return `worst_over_best` of a kind of group; None with fewer than two large groups."""
    members = [rows for _, _, rows in large_groups({kind: day.groups.get(kind, ())})]
    return worst_over_best(day.ndcg, members) if len(members) > 1 else None


def _check(name: str, side: Side, value: float, bar: float, words: str, *, inside: bool, worse: bool) -> Check:
    passed = inside or not worse
    words += NOT_CLEARLY_WORSE if passed and not inside else ""
    return Check(f"served: {name}", value, bar, passed, words, "alarms", side)


def _note(name: str, value: int, bar: int, words: str) -> Check:
    return Check(f"served: {name}", float(value), float(bar), value >= bar, words, "notes", "at least")


def _range(days: Doubles) -> str:
    """Return the range of the days before, in words."""
    return f"; {days.min():.3f}–{days.max():.3f} on the days before"
