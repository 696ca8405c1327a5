"""Checks of the data before a training, against the data of the last one, and of daily traffic afterwards.

A sign of a broken feed refuses the training. A sign that the shop has changed raises an alarm: a new model is the
remedy. A small shop gets a note, since model selection releases no more than its data support.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Ints, Longs
from recsys.data.catalog import Catalog
from recsys.data.cleaning import BOTS
from recsys.data.dataset import Dataset
from recsys.data.drift import MIN_COUNT, usual_day, usual_week
from recsys.data.signals import SIGNAL_NAMES

Grade = Literal["refuses", "alarms", "notes"]
Side = Literal["at least", "at most"]
"""The side of the bar on which the value must lie."""
MIN_ROWS = 1_000
MIN_SHOPPERS = 50
MIN_ITEMS = 10
MIN_VOLUME_SHARE = 0.7
"""The least size of a training set, as a share of the last one's."""
MAX_SET_ASIDE_SHARE = 0.3
"""If cleaning removes a larger share of rows, the feed is faulty. If the live version was forced on a larger share,
that share is the bar; otherwise one visit of a bot would refuse trainings for months."""
MAX_STABILITY_INDEX = 0.25
"""The usual bar of the population stability index: above it, the distribution has changed."""
CHI_SQUARED_BAR = 39.0
"""The .9999 quantile of chi-squared with twelve degrees of freedom (bins of activity less one). The index of two
samples of one distribution is about chi-squared times (1 / n + 1 / m)."""
CONCENTRATION_FACTOR = 4.0
"""If events a shopper and day grow by this factor, chance is no explanation, however few shoppers there are."""
EMPTY_BIN_SHARE = (1e-4, 0.02)
"""Bounds of the share assumed for an empty bin; without them, one bin would decide the index."""
MIN_FEED_SHARE = 0.2
"""A day with fewer shoppers, as a share of the usual day, has lost a part of the feed."""
MIN_USUAL_SHOPPERS = 20.0
"""With fewer shoppers on a usual day, a quiet day may be chance."""
MIN_OVERLAP = 0.3
"""The least mean overlap@10 between the answers of successive models."""
FILLED_COLUMNS = ("titles", "categories", "brands", "prices")
"""Catalog columns that must not become empty."""
MIN_FILLED_SHARE = 0.5
"""If the filled share of a column falls below this part of what it was, the column got lost."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its value, the bar, whether it passed, and what follows if not.

    `side` is None only in checks stored by earlier versions.
    """

    name: str
    value: float
    bar: float
    passed: bool
    message: str
    grade: Grade = "refuses"
    side: Side | None = None


def data_profile(dataset: Dataset) -> dict[str, Any]:
    """Return sizes and distributions as JSON values; the next training is compared with them."""
    rows = dataset.interactions
    signals = np.bincount(rows.signals, minlength=len(SIGNAL_NAMES))
    hours = np.bincount((rows.times // 3_600 % 24).astype(int), minlength=24)
    return {
        "rows": len(rows),
        "shoppers": len(dataset.user_ids),
        "items": int(len(np.unique(rows.items))),
        "removed": set_aside_share(dataset),
        "signals": signals.tolist(),
        "week": usual_week(rows),
        "hours": hours.tolist(),
        "filled": filled_shares(dataset.catalog, rows.items),
        "day": usual_day(rows, dataset.catalog.n_items),
    }


def filled_shares(catalog: Catalog, items: Ints) -> dict[str, float]:
    """Return the share of interactions whose product has a title, a category, a brand, a price."""
    shares = {}
    for name in FILLED_COLUMNS:
        column = getattr(catalog, name)
        has_value = np.zeros(catalog.n_items, bool)
        if column is not None and len(column):
            has_value = ~np.isnan(column) if name == "prices" else np.array([bool(value) for value in column])
        shares[name] = float(has_value[items].mean()) if len(items) else 0.0
    return shares


def check_dataset(dataset: Dataset, *, last: Mapping[str, Any] | None = None) -> list[Check]:
    """Return all checks of a dataset; `last` is the `data_profile` of the live model's training."""
    now = data_profile(dataset)
    share, bar = now["removed"], max(MAX_SET_ASIDE_SHARE, (last or {}).get("removed", 0.0))
    checks = [
        _at_least("rows", now["rows"], MIN_ROWS, grade="notes"),
        _at_least("shoppers", now["shoppers"], MIN_SHOPPERS, grade="notes"),
        _at_least("items", now["items"], MIN_ITEMS, grade="notes"),
        Check("removed", share, bar, share <= bar, _set_aside_message(dataset), side="at most"),
    ]
    return checks if not last else [*checks, *_compared_with_last(last, now)]


def set_aside_share(dataset: Dataset) -> float:
    """Return the share of rows that cleaning removed, without declared bots, which are normal traffic."""
    removed = sum(int(one["rows"]) for one in _removed_by_rule(dataset))
    return removed / max(1, removed + len(dataset.interactions))


def check_drift(usual: Mapping[str, Any], now: Mapping[str, Any]) -> list[Check]:
    """Return the checks of a day's traffic against the usual day of the live model's training; [] for too few rows.

    Both are results of `drift.day_histograms`.
    """
    if now["rows"] < MIN_COUNT:
        return []
    signals, activity, popular = (
        _stability_check(f"drift of {name}", usual[name], now[name]) for name in ("signals", "activity", "popularity")
    )
    bar = max(activity.bar, _chance_index(usual, now))
    return [signals, replace(activity, bar=bar, passed=activity.value <= bar), popular]


def _chance_index(usual: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Return the stability index that activity may reach by chance; 0 if activity became concentrated on few shoppers.

    Pairs of shopper and day are fewer than rows. With thirty of them in eight bins, half of all unchanged days would be
    above the usual bar.
    """
    days = [max(1, sum(one["activity"])) for one in (usual, now)]
    per_day = [one["rows"] / count for one, count in zip((usual, now), days, strict=True)]
    return 0.0 if per_day[1] > CONCENTRATION_FACTOR * per_day[0] else CHI_SQUARED_BAR * sum(1 / count for count in days)


def check_week(before: Sequence[float], after: Sequence[float]) -> Check:
    """Return the check of events a shopper in a week; with few shoppers the bar allows for chance."""
    check = _stability_check("shift of activity", before, after)
    bar = max(MAX_STABILITY_INDEX, CHI_SQUARED_BAR * (1 / max(1.0, sum(before)) + 1 / max(1.0, sum(after))))
    return replace(check, bar=bar, passed=check.value <= bar)


def check_feeds(days: Longs, names: Sequence[str]) -> list[Check]:
    """Return the checks of the number of shoppers in the last day against the usual day, for each column.

    `days` is int64[15, len(names)]: shoppers a day, the last day first. A day as quiet as one and two weeks before is
    not checked: the shop is closed on it.
    """
    checks = []
    for name, (now, *before) in zip(names, days.T.tolist(), strict=True):
        usual = float(np.median(before))
        bar = MIN_FEED_SHARE * usual
        # A recovered feed passes with half as many: the days without it lowered the usual day.
        recovered = now >= bar
        if usual < (MIN_USUAL_SHOPPERS / 2 if recovered else MIN_USUAL_SHOPPERS) or max(now, *before[6::7]) < bar:
            continue
        message = (
            f"{now:,} shoppers in the last day, {usual:,.0f} on the usual one of two weeks: are these events sent?"
        )
        checks.append(Check(f"feed of {name}", now / usual, MIN_FEED_SHARE, recovered, message, "alarms", "at least"))
    return checks


def check_served(before: Sequence[float], now: Sequence[float], *, shoppers: int) -> list[Check]:
    """Return the check of how popular the shown products are; [] if few shoppers or products were counted.

    The lists of one shopper are alike: twenty lists of four shoppers were over the bar on two of three unchanged days.
    """
    return (
        [_stability_check("drift of what is shown", before, now)]
        if min(sum(before), sum(now), shoppers) >= MIN_COUNT
        else []
    )


def stability_index(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the population stability index of two histograms over the same bins; 0 means equal.

    An empty bin counts as half an observation, within `EMPTY_BIN_SHARE`.
    """
    one, two = (
        np.maximum(part / max(part.sum(), 1e-12), np.clip(0.5 / max(part.sum(), 1e-12), *EMPTY_BIN_SHARE))
        for part in (before, after)
    )
    return float(((two - one) * np.log(two / one)).sum())


def overlap(before: Ints, after: Ints, *, k: int = 10) -> float:
    """Return the mean overlap of each shopper's first k items in two arrays of answers, int32[n, ≥ k] padded with -1.

    Shoppers without an answer in both are left out.
    """
    shares = []
    for one, two in zip(before, after, strict=True):
        old, new = (set(part[:k].tolist()) - {-1} for part in (one, two))
        if old or new:
            shares.append(len(old & new) / max(len(old), len(new)))
    return float(np.mean(shares)) if shares else 1.0


def stability(before: Ints, after: Ints) -> Check:
    """Return whether a new model answers enough like the last one."""
    share = overlap(before, after)
    message = "mean overlap@10 with the live model's answers to the same questions"
    return Check("stability", share, MIN_OVERLAP, share >= MIN_OVERLAP, message, "alarms", "at least")


def failed(checks: Sequence[Check], grade: Grade | None = None) -> list[str]:
    """Return a sentence per check that does not hold (of that grade, where named): the alarm's text."""
    return [
        f"{one.name}: {one.value:.3g}, bar {one.bar:.3g} ({one.message})"
        for one in checks
        if not one.passed and grade in (None, one.grade)
    ]


def _removed_by_rule(dataset: Dataset) -> list[Mapping[str, Any]]:
    """Return what each cleaning rule removed, except declared bots."""
    return [one for one in dataset.report.get("removed", []) if one["rule"] != BOTS]


def _set_aside_message(dataset: Dataset) -> str:
    words = "share of rows that cleaning removed"
    most = max(_removed_by_rule(dataset), key=lambda one: one["rows"], default=None)
    return f"{words}, most of them, {most['rows']:,}, by the rule of {most['rule']}" if most and most["rows"] else words


def _compared_with_last(last: Mapping[str, Any], now: Mapping[str, Any]) -> list[Check]:
    checks = [
        _at_least(
            "volume", now["rows"] / max(1, last["rows"]), MIN_VOLUME_SHARE, "rows, as a share of the last training"
        )
    ]
    for name, before in last.get("filled", {}).items():
        share = now["filled"].get(name, 0.0) / before if before else 1.0
        checks.append(
            _at_least(
                f"filled {name}", share, MIN_FILLED_SHARE, "interactions whose product has one, against last time"
            )
        )
    if min(last["rows"], now["rows"]) < MIN_ROWS:
        return checks  # the histogram of so few rows is mostly chance
    checks += [_stability_check(f"shift of {name}", last[name], now[name]) for name in ("signals", "hours")]
    before, after = last.get("week"), now["week"]  # versions of earlier releases have none
    return [*checks, check_week(before, after)] if before and after else checks


def _stability_check(name: str, before: Sequence[float], after: Sequence[float]) -> Check:
    size = max(len(before), len(after))  # a new release of Vitrine may have more signals
    one, two = (np.pad(np.asarray(part, np.float64), (0, size - len(part))) for part in (before, after))
    index = stability_index(one, two)
    return Check(
        name,
        index,
        MAX_STABILITY_INDEX,
        index <= MAX_STABILITY_INDEX,
        "population stability index",
        "alarms",
        "at most",
    )


def _at_least(
    name: str, value: float, bar: float, message: str = "must not be lower", grade: Grade = "refuses"
) -> Check:
    return Check(name, float(value), float(bar), value >= bar, message, grade, "at least")
