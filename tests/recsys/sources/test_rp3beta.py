"""RP3beta discounts what was popular all along, not what sells now: what rises is lifted."""

import numpy as np

from recsys.data.profile import Context
from recsys.sources.registry import make
from tests.recsys.shops import DAY, START, catalog, interactions, profile


def test_of_two_products_that_sell_alike_now_the_one_that_used_to_sell_less_comes_first() -> None:
    """Product 1 sold well all year, product 2 only lately; lately, both were bought with product 0 as often."""
    rows = [(shopper, 1, START + at * 20 * DAY, "purchase") for at, shopper in enumerate(range(18))]
    for shopper in range(20, 40):
        moment = START + 360 * DAY + shopper
        rows += [(shopper, 0, moment, "purchase"), (shopper, 1 + shopper % 2, moment + 1, "purchase")]
    rows += [(40, 0, START + 361 * DAY, "purchase")]
    data = interactions(rows, n_users=41)

    def scores(beta: float) -> np.ndarray:
        model = make("rp3beta", beta=beta, matrix_half_life_days=7.0).fit(data, catalog(3))
        return np.asarray(model.scores(profile(data, 40), Context()))

    undiscounted, discounted = scores(0.0), scores(0.8)

    assert discounted[2] > discounted[1]
    assert discounted[2] / discounted[1] > 1.2 * undiscounted[2] / undiscounted[1]
