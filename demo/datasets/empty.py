"""An empty data set, for an installation with your own data and the demo's keys and logins. Pure."""

from datetime import datetime

from demo.datasets.base import DemoData


def load(*, now: datetime, currency: str) -> DemoData:
    """Return the data set."""
    return DemoData(
        name="empty",
        note="an empty shop, for products and events of your own",
        products=(),
        n_products=0,
        items=(),
        n_items=0,
        known_shopper="ada",
        currency=currency,
    )
