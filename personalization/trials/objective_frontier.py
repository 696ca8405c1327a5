"""What an objective brings and costs at each strength: requests of yesterday, answered again with each."""

import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import log2
from typing import Final

import numpy as np

from common import clock
from common.errors import InvalidInput, NotFound
from events.served_requests import ServedRequest
from personalization.rules.objective import OBJECTIVES
from personalization.selectors.placements import CLOSED_STRATEGIES
from personalization.serving.asking import NOBODY
from personalization.serving.engine import answer
from personalization.serving.shoppers import read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.past_requests import SECONDS, ask_of, requests_of_yesterday

STRENGTHS: Final = (0, 25, 50, 75, 100)
N_REQUESTS: Final = 100
FEWEST: Final = 20
"""Fewer requests say too little."""
LONGEST: Final = 100
"""How far today's list is looked at; a product behind it counts as the next one."""


@dataclass(frozen=True, slots=True)
class Point:
    """One strength: expected clicks, and per list what each objective measures, in percent more than without.

    The value of a list is the sum of its products' values, each by its chance of a click. None where today's is 0.
    """

    percent: int
    clicks: float | None
    by_objective: dict[str, float | None]
    n_lists_changed: int


@dataclass(frozen=True, slots=True)
class Frontier:
    """The strengths of one objective on one placement.

    `share_known` is the share of offered products whose value is known, and `share_favored` of those that the
    objective moves; 0 to 1.
    """

    objective: str
    since: datetime
    before: datetime
    n_sampled: int
    n_requests: int = 0
    share_known: float = 0.0
    share_favored: float = 0.0
    points: tuple[Point, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether there were enough requests to say anything."""
        return self.n_requests >= FEWEST


@dataclass
class _Sums:
    """What the lists of one strength add up to: the expected clicks, and what is clicked by objective."""

    clicks: float = 0.0
    values: dict[str, float] = field(default_factory=lambda: dict.fromkeys(OBJECTIVES[1:], 0.0))
    n_changed: int = 0


def objective_frontier(key: str, objective: str) -> Frontier:
    """Return what the objective would do on the placement, by requests of yesterday, else of the last 24 hours.

    A product that stands at place n without an objective is expected to be clicked 1 / log2(n + 1) as often as the
    first one, which is how NDCG counts places.
    Shoppers, products and model are those of now. Raises NotFound; InvalidInput, which names the field; Unavailable.
    """
    snapshot = snapshot_refresher.current()
    if key not in snapshot.placements:
        raise NotFound(f"There is no active placement {key}.")
    if objective not in OBJECTIVES[1:]:
        raise InvalidInput.of("objective", f"must be one of {', '.join(OBJECTIVES[1:])}")
    if snapshot.placements[key].strategy in CLOSED_STRATEGIES:
        raise InvalidInput.of("objective", f"a list of {snapshot.placements[key].strategy} keeps its own order")
    since, before, requests = requests_of_yesterday((key,), limit=N_REQUESTS)
    sums, n_requests = {percent: _Sums() for percent in STRENGTHS}, 0
    values = {name: np.nan_to_num(snapshot.values.of(name)) for name in OBJECTIVES[1:]}
    shops = {percent: _with(snapshot, key, objective, percent) for percent in STRENGTHS}
    end = time.monotonic() + SECONDS
    for request in requests:
        if time.monotonic() > end:
            break
        lists, chances = _lists(shops, request)
        for percent, codes in lists.items():
            one, weights = sums[percent], [chances.get(code, 1 / log2(LONGEST + 2)) for code in codes]
            one.clicks += sum(weights)
            one.n_changed += codes != lists[0]
            for name, of_item in values.items():
                one.values[name] += float(np.dot(of_item[codes], weights))
        n_requests += 1
    offered = snapshot.values.offered
    return Frontier(
        objective,
        since,
        before,
        len(requests),
        n_requests,
        share_known=_share(~np.isnan(snapshot.values.of(objective))[offered]),
        share_favored=_share(snapshot.values.factors(objective)[offered] != 1),
        points=tuple(_point(percent, one, sums[0]) for percent, one in sums.items()),
    )


def _share(mask: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> float:
    return float(mask.mean()) if len(mask) else 0.0


def _with(snapshot: Snapshot, key: str, objective: str, percent: int) -> Snapshot:
    placement = replace(snapshot.placements[key], objective=objective, objective_percent=percent)
    return replace(snapshot, placements={**snapshot.placements, key: placement})


def _lists(shops: dict[int, Snapshot], request: ServedRequest) -> tuple[dict[int, list[int]], dict[int, float]]:
    """Return the item codes of the list at each strength, and each product's chance of a click today, by code."""
    plain, ask = shops[0], ask_of(request, shops[0])
    who, codes = ask.who if ask.personalized else NOBODY, plain.serving_catalog.codes
    shopper = replace(read_shopper(who, snapshot=plain, now=clock.now().timestamp()), memory=None)

    def list_of(shop: Snapshot, limit: int | None) -> list[int]:
        answered = answer(shop, replace(ask, limit=limit), shopper=shopper)
        return [codes[item.product_id] for item in answered.items]

    lists = {percent: list_of(shop, ask.limit) for percent, shop in shops.items()}
    behind = [code for code in list_of(plain, LONGEST) if code not in lists[0]]
    return lists, {code: 1 / log2(place + 1) for place, code in enumerate([*lists[0], *behind], 1)}


def _point(percent: int, sums: _Sums, today: _Sums) -> Point:
    gains = {name: _gain(sums.values[name], today.values[name]) for name in sums.values}
    return Point(percent, _gain(sums.clicks, today.clicks), gains, sums.n_changed)


def _gain(value: float, today: float) -> float | None:
    return 100 * (value / today - 1) if today > 0 else None
