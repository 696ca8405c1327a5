"""The first page of a shop: its widest categories and some pictures, of a large catalog without reading all of it."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog import browsing
from catalog.models import Product
from common import clock

pytestmark = pytest.mark.django_db


def stock(number: int, *category: str, **fields: object) -> None:
    defaults = {"title": f"Product {number}", "currency": "EUR", "image_url": f"/p/{number}.svg", **fields}
    Product.objects.create(product_id=f"P{number:03d}", category=list(category), **defaults)


def test_pictures_are_of_one_product_on_sale_of_each_narrowest_category() -> None:
    stock(0, "Home", "Rugs", removed_at=clock.now())
    stock(1, "Home", "Rugs", active=False)
    stock(2, "Home", "Rugs", image_url="")
    stock(3, "Home", "Rugs")
    stock(4, "Home", "Rugs")
    stock(5, "Home", "Lamps")
    stock(6, "Garden")
    stock(7)

    assert [row.product_id for row in browsing.samples(9)] == ["P007", "P006", "P005", "P003"]
    assert [row.product_id for row in browsing.samples(2)] == ["P007", "P005"]


def test_no_more_products_are_looked_at_for_pictures_than_a_page_can_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(browsing, "MAX_SAMPLE_ROWS", 2)
    for number in range(4):
        stock(number, f"Room {number}")

    with CaptureQueriesContext(connection) as queries:
        assert [row.product_id for row in browsing.samples(9)] == ["P000", "P001"]

    (query,) = [one["sql"] for one in queries if "catalog_product" in one["sql"]]
    assert query.endswith("ORDER BY 1 ASC LIMIT 2")


@pytest.mark.parametrize("analyzed", [False, True])
def test_the_fullest_categories_come_first(analyzed: bool) -> None:
    for number in range(6):
        stock(number, "Home" if number % 3 else "Garden", "x")
    stock(7, "Cellar", active=False)
    stock(8)
    if analyzed:
        with connection.cursor() as sql:
            sql.execute("ANALYZE catalog_product")

    assert browsing.top_categories() == ["Home", "Garden"]
    assert browsing.top_categories(limit=1) == ["Home"]


def test_of_a_large_catalog_a_part_tells_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(400):
        stock(number, "Home" if number % 3 else "Garden", description="words " * 200)
    with connection.cursor() as sql:
        sql.execute("ANALYZE catalog_product")
    monkeypatch.setattr(browsing, "SAMPLED_ROWS", 200)

    categories = browsing.top_categories()

    assert categories == browsing.top_categories() == ["Home", "Garden"]
