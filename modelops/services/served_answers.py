"""What was served in the last day and in each day of the week before, as the nightly watch judges it."""

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
    ndcg_by_shopper,
)
from recsys.evaluation.model_checks.served import ServedDay, day_checks
from recsys.evaluation.model_checks.slate_table import CatalogView

DAYS = 8
"""The last day, and the seven before it."""
MOST_LISTS = 20_000
"""Answers a day that are looked at: of more, shoppers are drawn."""
DAY, WEEK = timedelta(days=1), timedelta(days=7)
NEEDED = DAYS * DAY + WEEK
"""How far back the interactions must reach: how active a shopper is, the week before each day tells."""
Labels = Mapping[str, np.ndarray[tuple[int], np.dtype[Any]]]


@dataclass(slots=True)
class _Lists:
    """A day's answers under construction: `K` items each."""

    items: "array[int]" = field(default_factory=lambda: array("i"))
    shoppers: "array[int]" = field(default_factory=lambda: array("q"))
    times: "array[float]" = field(default_factory=lambda: array("d"))

    def answers(self) -> Answers:
        """Return them as columns."""
        slates = np.asarray(self.items, np.int32).reshape(-1, K)
        return Answers(slates, np.asarray(self.shoppers, np.int64), np.asarray(self.times, np.float64))


def served_checks(
    frame: pd.DataFrame, catalogue: Catalogue, popularity: "pd.Series[float]", *, now: datetime
) -> list[Check]:
    """Return the checks of what was served in the last day.

    `frame` is `training_frame` since `NEEDED` ago, or longer; `popularity` is by product id, 0 for those it lacks.
    """
    since, codes = now - DAYS * DAY, {name: code for code, name in enumerate(catalogue.item_ids)}
    touches, persons = _touches(frame, codes)
    answers = _answers(since, codes, {name: code for code, name in enumerate(persons)})
    cuts = [(since + at * DAY).timestamp() for at in range(DAYS)]
    touched = [_between(touches, cut, cut + DAY.total_seconds()) for cut in cuts]
    judged = [ndcg_by_shopper(*one, n_items=len(codes)) for one in zip(answers, touched, strict=True)]
    labels = _labels(persons, np.unique(np.concatenate([who for who, _ in judged])), since=since - CONTEXT_DAYS)
    popular = popularity.reindex(catalogue.item_ids).fillna(0.0).to_numpy(np.float64)
    days = [
        ServedDay(
            own, CatalogView.of(catalogue, popularity=popular, cut=cut), ndcg, _groups(who, touches, labels, cut=cut)
        )
        for cut, own, (who, ndcg) in zip(cuts, answers, judged, strict=True)
    ]
    wanted = np.unique(touched[-1].shoppers * len(codes) + touched[-1].items) % len(codes)
    return day_checks(days[-1], days[:-1], touched_items=wanted)


def _touches(frame: pd.DataFrame, codes: Mapping[str, int]) -> tuple[Touches, Sequence[str]]:
    """Return the interactions with products of the catalogue in codes, and the persons whose codes these are."""
    items = frame["item_id"].map(codes)
    known = frame[items.notna()]
    shoppers, persons = pd.factorize(known["user_id"])
    times = known["timestamp"].to_numpy(np.float64)
    return Touches(shoppers.astype(np.int64), items.dropna().to_numpy(np.int64), times), persons.tolist()


def _answers(since: datetime, codes: Mapping[str, int], persons: Mapping[str, int]) -> list[Answers]:
    """Return each day's answers. Who has no interactions gets a code below 0, each answer that names nobody its own."""
    found, others = [_Lists() for _ in range(DAYS)], dict[str, int]()
    for at, one in enumerate(served_lists(since=since, days=DAYS, limit=MOST_LISTS), 1):
        own = found[one.day]
        shown = [codes.get(name, -1) for name in one.product_ids[:K]]
        own.items.extend([*shown, *[-1] * (K - len(shown))])
        code = persons.get(one.person)
        own.shoppers.append(others.setdefault(one.person or str(at), -at) if code is None else code)
        own.times.append(one.at)
    return [own.answers() for own in found]


def _between(touches: Touches, since: float, before: float) -> Touches:
    rows = (touches.times >= since) & (touches.times < before)
    return Touches(touches.shoppers[rows], touches.items[rows], touches.times[rows])


def _labels(persons: Sequence[str], judged: Longs, *, since: datetime) -> Labels:
    """Return region and device by shopper code, "" where unknown or not judged."""
    found = {}
    for kind, own in labels_of([persons[code] for code in judged.tolist()], since=since).items():
        found[kind] = np.full(len(persons), "", dtype=object)
        found[kind][judged] = own
    return found


def _groups(judged: Longs, touches: Touches, labels: Labels, *, cut: float) -> dict[str, tuple[str, ...]]:
    """Return the labels of the judged shoppers of a day that begins at `cut`, by kind."""
    before = _between(touches, cut - WEEK.total_seconds(), cut).shoppers
    known = np.bincount(before, minlength=int(judged.max(initial=-1)) + 1)[judged]
    return {"activity": third_of(known), **{kind: tuple(own[judged]) for kind, own in labels.items()}}
