"""Complete Journey has the documented rows, households and products, and its own times."""

from datetime import UTC, datetime

import pytest

from demo.datasets.base import DemoData, Item
from demo.datasets.registry import load

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data() -> DemoData:
    """The data set as the demo loads it."""
    return load("complete-journey", now=datetime.now(UTC), currency="EUR")


def test_data_set_has_the_documented_size(data: DemoData) -> None:
    items: list[Item] = list(data.items)

    orders = [item for item in items if item["type"] == "track"]
    lines = [line for order in orders for line in order["properties"]["products"]]
    assert data.n_products == 17_058
    assert len(items) == data.n_items
    assert len(items) - len(orders) == 2_455
    assert len(lines) == 1_279_542
    assert {line["product_id"] for line in lines} == {row["product_id"] for row in data.products}
    assert orders[0]["timestamp"].startswith("2017-01-01")
    assert [order["timestamp"] for order in orders] == sorted(order["timestamp"] for order in orders)
    first = items[0]
    assert all(first["context"]["consent"]["categoryPreferences"].values())
    assert first["timestamp"] < orders[0]["timestamp"]
