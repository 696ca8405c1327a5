"""Checks of the nightly watch: the answers served in the last day against the seven days before."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from events.served_lists import served_lists
from modelops.services.gate import CONTEXT_DAYS, labels_of
from recsys.arrays import Longs
from recsys.data.activity import third_of
from recsys.data.catalogue import Catalogue
from recsys.data.data_checks import Check
from recsys.evaluation.model_checks.answers import (
    Answers,
    K,
    Touches,
    answered_well,
)
from recsys.evaluation.model_checks.served import ServedDay, watched
from recsys.evaluation.model_checks.slate_table import JudgedShelf

DAYS = 8
"""The last day, and the seven before it."""
MOST_LISTS = 20_000
"""The most answers a day to evaluate; of more, shoppers are sampled."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)
HISTORY = DAYS * DAY + WEEK
"""How far back interactions are needed: a shopper's activity is counted over the week before each day."""
Labels = Mapping[str, np.ndarray[tuple[int], np.dtype[Any]]]


@dataclass(slots=True)
class _Lists:
    """A day's answers under construction: `K` items each."""

    items: "array[int]" = field(default_factory=lambda: array("i"))
    shoppers: "array[int]" = field(default_factory=lambda: array("q"))
    times: "array[float]" = field(default_factory=lambda: array("d"))

    def answers(self) -> Answers:
        """Return the answers as arrays."""
        slates = np.asarray(self.items, np.int32).reshape(-1, K)
        return Answers(slates, np.asarray(self.shoppers, np.int64), np.asarray(self.times, np.float64))


def served_checks(
    frame: pd.DataFrame, catalogue: Catalogue, popularity: "pd.Series[float]", *, now: datetime
) -> list[Check]:
    """Return the checks of the answers served in the last day.

    `frame` is `training_frame` of at least the last `HISTORY`; `popularity` is by product id, 0 for missing ones.
    """
    since, codes = now - DAYS * DAY, {name: code for code, name in enumerate(catalogue.item_ids)}
    touches, persons = _touches(frame, codes)
    answers = _answers(since, codes, {name: code for code, name in enumerate(persons)})
    cuts = [(since + at * DAY).timestamp() for at in range(DAYS)]
    touches_by_day = [_between(touches, cut, cut + DAY.total_seconds()) for cut in cuts]
    scored_by_day = [answered_well(*one, n_items=len(codes)) for one in zip(answers, touches_by_day, strict=True)]
    labels = _labels(persons, np.unique(np.concatenate([who for who, _ in scored_by_day])), since=since - CONTEXT_DAYS)
    popular = popularity.reindex(catalogue.item_ids).fillna(0.0).to_numpy(np.float64)
    days = [
        ServedDay(
            own, JudgedShelf.of(catalogue, popularity=popular, cut=cut), ndcg, _groups(who, touches, labels, cut=cut)
        )
        for cut, own, (who, ndcg) in zip(cuts, answers, scored_by_day, strict=True)
    ]
    items_touched = np.unique(touches_by_day[-1].shoppers * len(codes) + touches_by_day[-1].items) % len(codes)
    return watched(days[-1], days[:-1], wanted=items_touched)


def _touches(frame: pd.DataFrame, codes: Mapping[str, int]) -> tuple[Touches, Sequence[str]]:
    """Return the interactions with products of the catalog as codes, and the persons by their codes."""
    items = frame["item_id"].map(codes)
    in_catalog = frame[items.notna()]
    shoppers, persons = pd.factorize(in_catalog["user_id"])
    times = in_catalog["timestamp"].to_numpy(np.float64)
    return Touches(shoppers.astype(np.int64), items.dropna().to_numpy(np.int64), times), persons.tolist()


def _answers(since: datetime, codes: Mapping[str, int], persons: Mapping[str, int]) -> list[Answers]:
    """Return each day's answers. Shoppers without interactions have negative codes; each unnamed answer has its own."""
    lists_by_day, others = [_Lists() for _ in range(DAYS)], dict[str, int]()
    for at, one in enumerate(served_lists(since=since, days=DAYS, limit=MOST_LISTS), 1):
        lists = lists_by_day[one.day]
        codes_shown = [codes.get(name, -1) for name in one.product_ids[:K]]
        lists.items.extend([*codes_shown, *[-1] * (K - len(codes_shown))])
        code = persons.get(one.person)
        lists.shoppers.append(others.setdefault(one.person or str(at), -at) if code is None else code)
        lists.times.append(one.at)
    return [lists.answers() for lists in lists_by_day]


def _between(touches: Touches, since: float, before: float) -> Touches:
    rows = (touches.times >= since) & (touches.times < before)
    return Touches(touches.shoppers[rows], touches.items[rows], touches.times[rows])


def _labels(persons: Sequence[str], codes: Longs, *, since: datetime) -> Labels:
    """Return region and device by shopper code, "" where unknown or not evaluated."""
    labels = {}
    for kind, own in labels_of([persons[code] for code in codes.tolist()], since=since).items():
        labels[kind] = np.full(len(persons), "", dtype=object)
        labels[kind][codes] = own
    return labels


def _groups(codes: Longs, touches: Touches, labels: Labels, *, cut: float) -> dict[str, tuple[str, ...]]:
    """Return the labels of the evaluated shoppers of the day that begins at `cut`, by kind."""
    before = _between(touches, cut - WEEK.total_seconds(), cut).shoppers
    n_events = np.bincount(before, minlength=int(codes.max(initial=-1)) + 1)[codes]
    return {"activity": third_of(n_events), **{kind: tuple(own[codes]) for kind, own in labels.items()}}
