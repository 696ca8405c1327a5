"""The frontier answers yesterday's requests at each strength, and says what they bring and cost."""

import numpy as np
import pytest
from pytest_django import Settings

from catalog.services import bulk_upsert
from common.errors import InvalidInput, NotFound
from events.log import get_log
from personalization.services.placements import save_placement
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.objective_frontier import STRENGTHS, objective_frontier
from recsys.arrays import Doubles
from tests.personalization.trials.served import served

PRICES = [1 + 7 * n % 23 for n in range(1, 41)]


@pytest.fixture(autouse=True)
def shop(db: None, settings: Settings) -> None:
    """A shop of forty products, whose order without a model is that of their ids; every second one with a cost."""
    settings.SERVING_REFRESH = "inline"
    snapshot_refresher.forget()
    rows = [
        {
            "product_id": f"P{n:02}",
            "title": f"Thing {n}",
            "price": str(PRICES[n - 1]),
            **({"cost": "0.5"} if n % 2 else {}),
        }
        for n in range(1, 41)
    ]
    assert bulk_upsert(rows, actor="system:test").rejected == ()


def test_more_strength_brings_more_and_costs_clicks() -> None:
    served(25)

    frontier = objective_frontier("home", "revenue")

    assert (frontier.n_requests, frontier.is_enough, frontier.share_known) == (25, True, 1.0)
    assert tuple(one.percent for one in frontier.points) == STRENGTHS
    revenue = [one.by_objective["revenue"] for one in frontier.points]
    clicks = [one.clicks for one in frontier.points]
    assert revenue[0] == clicks[0] == 0
    assert revenue == sorted(revenue, key=lambda one: one or 0)
    assert (revenue[-1] or 0) > 5
    assert clicks == sorted(clicks, key=lambda one: -(one or 0))
    assert (clicks[-1] or 0) < 0
    assert [one.n_lists_changed for one in frontier.points] == [0, 25, 25, 25, 25]


def test_the_sums_are_those_of_the_lists() -> None:
    served(20)
    full = objective_frontier("home", "revenue").points[-1]
    prices, places = np.array(PRICES, np.float64), np.arange(1, 41)
    factors = (prices / np.median(prices)).clip(0.25, 4)
    order = np.argsort((places / factors).round(9), kind="stable")[:10]

    def gain(worth: Doubles) -> float:
        return float(100 * (worth[order].sum() / worth[:10].sum() - 1))

    assert full.by_objective["revenue"] == pytest.approx(gain(prices / np.log2(places + 1)))
    assert full.clicks == pytest.approx(gain(1 / np.log2(places + 1)))


def test_what_is_not_known_is_said() -> None:
    served(20)

    margin, clearance = (objective_frontier("home", name) for name in ("margin", "clearance"))

    assert (margin.share_known, clearance.share_known) == (0.5, 0.0)
    assert clearance.share_favored == 0
    assert clearance.points[-1].n_lists_changed == 0
    assert clearance.points[-1].by_objective["clearance"] is None


def test_few_requests_are_not_enough() -> None:
    assert objective_frontier("home", "revenue").n_requests == 0
    served(19)
    served(30, "trending")

    frontier = objective_frontier("home", "revenue")

    assert (frontier.n_requests, frontier.is_enough) == (19, False)


def test_the_saved_objective_does_not_move_the_frontier() -> None:
    served(20)
    before = objective_frontier("home", "revenue")
    save_placement("home", data={"objective": "revenue", "objective_percent": 80}, actor="staff:1")

    assert objective_frontier("home", "revenue").points == before.points
    assert get_log().length() == 0, "nothing counts as shown"


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(NotFound):
        objective_frontier("nowhere", "revenue")
    for key, objective in (("home", "clicks"), ("home", "fame"), ("recent", "revenue")):
        with pytest.raises(InvalidInput):
            objective_frontier(key, objective)
