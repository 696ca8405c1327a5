"""The simulated shop as a data set. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from demo.datasets.base import DemoData, Item
from demo.simulation.behavior import simulate
from demo.simulation.catalog import make_products
from demo.simulation.home_visits import HomeVisits
from demo.simulation.payloads import Wire
from demo.simulation.shoppers import make_shoppers

SEED: Final = 7
SHOPPERS: Final = 2_000
DAYS: Final = 90
REST_DAYS: Final = 10
"""Shorter than the interval at which coffee is bought again, and longer than the delay of ratings after a purchase."""
NOTE: Final = "simulated: made-up shoppers with planted tastes, drawn pictures, nothing to buy"


def load(*, now: datetime, currency: str, shoppers: int = SHOPPERS, seed: int = SEED) -> DemoData:
    """Return the simulated shop whose ninety days end now."""
    products, people = make_products(seed=seed, currency=currency), make_shoppers(shoppers, seed=seed)
    acts = simulate(products, people, end=now.timestamp(), days=DAYS, seed=seed)
    start = now.astimezone(UTC) - timedelta(days=DAYS)
    rows: list[Item] = [
        {
            **product.data,
            "product_id": product.product_id,
            "available_from": (start + timedelta(days=product.arrives * DAYS if product.arrives else -30)).isoformat(),
        }
        for product in products
    ]
    return DemoData(
        name="simulated",
        note=NOTE,
        products=rows,
        n_products=len(rows),
        items=Wire(products, people, prefix=f"simulated-{seed}").items(acts),
        n_items=len(acts),
        known_shopper=people[0].user_id,
        currency=currency,
        rest_days=REST_DAYS,
        home_visits=HomeVisits(products, people, acts, end=now, days=DAYS, seed=seed),
    )
