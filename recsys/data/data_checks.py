"""May this data be learnt from? Schema, volume and distribution against the last training; and alarms afterwards.

What says that the feed is broken refuses the training. What says that the shop has changed raises an alarm: a new model
is the remedy, not the danger. That a shop is small is noted: the ladder releases no more than such data can carry.
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
from recsys.data.drift import TELLING, usual_day, usual_week
from recsys.data.signals import SIGNAL_NAMES

Grade = Literal["refuses", "alarms", "notes"]
Side = Literal["at least", "at most"]
"""On which side of its bar a number must lie."""
LEAST_ROWS = 1_000
LEAST_SHOPPERS = 50
LEAST_ITEMS = 10
SHRINKAGE = 0.7
"""A training set may not fall below this share of the last one."""
REMOVED_SHARE = 0.3
"""More rows set aside by cleaning than this share is a fault in the feed, not in the shoppers. Where the live version
was forced on more, its share is the bar: a robot that came once would have months of nights refused."""
SHIFT = 0.25
"""Population stability index above which a distribution counts as another one (the usual bar)."""
SURELY = 39.0
"""Of chi-squared with twelve degrees of freedom (bins of activity but one), what chance surpasses once in 10,000 times.
The index of two samples from one distribution is about as much times 1 / n + 1 / m."""
CONCENTRATED = 4.0
"""Times as many events of a shopper and day, on average, that are no chance however few there are."""
EMPTY = (1e-4, 0.02)
"""Bounds of the share that an empty bin is taken for: without any, one bin would decide all."""
SILENT = 0.2
"""A day with fewer shoppers than this share of the usual day's has lost a part of the feed, whatever the weather."""
USUAL = 20.0
"""Shoppers of a usual day below whom so quiet a day may be chance."""
STABLE = 0.3
"""Mean overlap@10 of successive models' answers below which shoppers would see another shop overnight."""
FILLED = ("titles", "categories", "brands", "prices")
"""Columns of the catalog that must not fall empty overnight."""
EMPTIED = 0.5
"""A column that is filled for less than this share of what it was has been lost on the way."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what was measured, the bar, whether it holds, what follows where it does not, and the bar's side.

    Only checks that were stored before they told have no side.
    """

    name: str
    value: float
    bar: float
    passed: bool
    message: str
    grade: Grade = "refuses"
    side: Side | None = None


def data_profile(dataset: Dataset) -> dict[str, Any]:
    """Return the sizes and distributions that the next training is compared with, as JSON values."""
    rows = dataset.interactions
    signals = np.bincount(rows.signals, minlength=len(SIGNAL_NAMES))
    hours = np.bincount((rows.times // 3_600 % 24).astype(int), minlength=24)
    return {
        "rows": len(rows),
        "shoppers": len(dataset.user_ids),
        "items": int(len(np.unique(rows.items))),
        "set aside": set_aside(dataset),
        "signals": signals.tolist(),
        "week": usual_week(rows),
        "hours": hours.tolist(),
        "filled": filled(dataset.catalog, rows.items),
        "day": usual_day(rows, dataset.catalog.n_items),
    }


def filled(catalog: Catalog, items: Ints) -> dict[str, float]:
    """Return the share of interactions about products that have a title, a category, a brand, a price."""
    found = {}
    for name in FILLED:
        column = getattr(catalog, name)
        known = np.zeros(catalog.n_items, bool)
        if column is not None and len(column):
            known = ~np.isnan(column) if name == "prices" else np.array([bool(one) for one in column])
        found[name] = float(known[items].mean()) if len(items) else 0.0
    return found


def checked(dataset: Dataset, *, last: Mapping[str, Any] | None = None) -> list[Check]:
    """Return every check of a dataset; `last` is the profile of the data of the model that is live."""
    now = data_profile(dataset)
    share, bar = now["set aside"], max(REMOVED_SHARE, (last or {}).get("set aside", 0.0))
    checks = [
        _least("rows", now["rows"], LEAST_ROWS, grade="notes"),
        _least("shoppers", now["shoppers"], LEAST_SHOPPERS, grade="notes"),
        _least("items", now["items"], LEAST_ITEMS, grade="notes"),
        Check("set aside", share, bar, share <= bar, _taken(dataset), side="at most"),
    ]
    return checks if not last else [*checks, *_against(last, now)]


def set_aside(dataset: Dataset) -> float:
    """Return the share of rows that cleaning took; bots that say so are traffic as it should look."""
    removed = sum(int(one["rows"]) for one in _rules(dataset))
    return removed / max(1, removed + len(dataset.interactions))


def drifted(usual: Mapping[str, Any], now: Mapping[str, Any]) -> list[Check]:
    """Return the checks of a day's traffic against the usual day of the live model's training; [] where it is little.

    Both are as `drift.day_of` gives them.
    """
    if now["rows"] < TELLING:
        return []
    signals, activity, popular = (
        _shift(f"drift of {name}", usual[name], now[name]) for name in ("signals", "activity", "popularity")
    )
    bar = max(activity.bar, _by_chance(usual, now))
    return [signals, replace(activity, bar=bar, passed=activity.value <= bar), popular]


def _by_chance(usual: Mapping[str, Any], now: Mapping[str, Any]) -> float:
    """Return the stability index that the activity of so few shoppers and days has by chance; 0 where few do it all.

    They are fewer than rows: thirty of them, in eight bins, were over the bar on half of all days without a change.
    """
    days = [max(1, sum(one["activity"])) for one in (usual, now)]
    per_day = [one["rows"] / count for one, count in zip((usual, now), days, strict=True)]
    return 0.0 if per_day[1] > CONCENTRATED * per_day[0] else SURELY * sum(1 / count for count in days)


def weekly(before: Sequence[float], after: Sequence[float]) -> Check:
    """Return the check of how much a shopper does in a week, beyond what chance does where shoppers are few."""
    check = _shift("shift of activity", before, after)
    bar = max(SHIFT, SURELY * (1 / max(1.0, sum(before)) + 1 / max(1.0, sum(after))))
    return replace(check, bar=bar, passed=check.value <= bar)


def fallen(days: Longs, names: Sequence[str]) -> list[Check]:
    """Return the checks of how many shoppers came in the last day, for each column, against the usual day.

    `days` is int64[15, len(names)]: shoppers a day, the last day first. Of a day as quiet as one week and two weeks ago
    nothing is said: the shop rests on it.
    """
    checks = []
    for name, (now, *before) in zip(names, days.T.tolist(), strict=True):
        usual = float(np.median(before))
        least = SILENT * usual
        back = now >= least  # told of half as many, too: days without a feed make the usual one smaller
        if usual < (USUAL / 2 if back else USUAL) or max(now, *before[6::7]) < least:
            continue
        told = f"{now:,} shoppers in the last day, {usual:,.0f} on the usual one of two weeks: are these events sent?"
        checks.append(Check(f"feed of {name}", now / usual, SILENT, back, told, "alarms", "at least"))
    return checks


def served(before: Sequence[float], now: Sequence[float], *, shoppers: int) -> list[Check]:
    """Return the check of how popular the products are that were shown; [] where few shoppers saw any.

    One's lists are alike: of 200 products, twenty lists of four shoppers, the index was over the bar on two of three
    days without a change.
    """
    return [_shift("drift of what is shown", before, now)] if min(sum(before), sum(now), shoppers) >= TELLING else []


def stability_index(before: NDArray[np.float64], after: NDArray[np.float64]) -> float:
    """Return the population stability index of two histograms over the same bins; 0 is equal.

    An empty bin is taken for half a count, within `EMPTY`.
    """
    one, two = (
        np.maximum(part / max(part.sum(), 1e-12), np.clip(0.5 / max(part.sum(), 1e-12), *EMPTY))
        for part in (before, after)
    )
    return float(((two - one) * np.log(two / one)).sum())


def overlap(before: Ints, after: Ints, *, k: int = 10) -> float:
    """Return the mean share of each shopper's first k answers (int32[n, ≥ k], -1 behind the end) that both give.

    Who gets none from either, as who had all that a small shop has, says nothing.
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
    return Check("stability", share, STABLE, share >= STABLE, message, "alarms", "at least")


def failed(checks: Sequence[Check], grade: Grade | None = None) -> list[str]:
    """Return a sentence per check that does not hold (of that grade, where named): the alarm's text."""
    return [
        f"{one.name}: {one.value:.3g}, bar {one.bar:.3g} ({one.message})"
        for one in checks
        if not one.passed and grade in (None, one.grade)
    ]


def _rules(dataset: Dataset) -> list[Mapping[str, Any]]:
    """Return what each rule of cleaning took, bots that say so apart."""
    return [one for one in dataset.report.get("removed", []) if one["rule"] != BOTS]


def _taken(dataset: Dataset) -> str:
    words = "share of rows that cleaning set aside"
    most = max(_rules(dataset), key=lambda one: one["rows"], default=None)
    return f"{words}, most of them, {most['rows']:,}, by the rule of {most['rule']}" if most and most["rows"] else words


def _against(last: Mapping[str, Any], now: Mapping[str, Any]) -> list[Check]:
    checks = [_least("volume", now["rows"] / max(1, last["rows"]), SHRINKAGE, "rows, as a share of the last training")]
    for name, before in last.get("filled", {}).items():
        kept = now["filled"].get(name, 0.0) / before if before else 1.0
        checks.append(_least(f"filled {name}", kept, EMPTIED, "interactions whose product has one, against last time"))
    if min(last["rows"], now["rows"]) < LEAST_ROWS:
        return checks  # of so few rows a histogram is mostly chance
    checks += [_shift(f"shift of {name}", last[name], now[name]) for name in ("signals", "hours")]
    before, after = last.get("week"), now["week"]  # a version of an earlier release knows none
    return [*checks, weekly(before, after)] if before and after else checks


def _shift(name: str, before: Sequence[float], after: Sequence[float]) -> Check:
    size = max(len(before), len(after))  # a signal more or less is another release of ours, not of the shop
    one, two = (np.pad(np.asarray(part, np.float64), (0, size - len(part))) for part in (before, after))
    index = stability_index(one, two)
    return Check(name, index, SHIFT, index <= SHIFT, "population stability index", "alarms", "at most")


def _least(name: str, value: float, bar: float, message: str = "must not be lower", grade: Grade = "refuses") -> Check:
    return Check(name, float(value), float(bar), value >= bar, message, grade, "at least")
