"""The shop's pages without a browser: only own files, the cart, and the order from the server."""

import orjson
import pytest
from django.test import Client

from access.identity import verify_user_hash
from access.selectors import forget_keys, resolve_key
from access.services import create_key
from catalog.services import bulk_upsert, put_product
from consents.models import PolicyText
from events.log import get_log


@pytest.fixture
def bo(db: None) -> Client:
    """Bo, a visitor of a shop of two variants."""
    forget_keys()
    create_key(kind="pk", name="demo", raw="pk_demo")
    rows = [
        {
            "product_id": f"P{n}", "title": f"Oak desk {n}", "price": "90.00", "category": ["Furniture", "Desks"],
            "group_id": "desk", "image_url": f"/shop/pictures/desk/{color}/nordic.svg", "currency": "EUR",
        }
        for n, color in enumerate(("oak", "white"), start=1)
    ]  # fmt: skip
    bulk_upsert(rows, actor="system:test")
    return Client()


PAGES = (
    "/shop/",
    "/shop/search?q=oak",
    "/shop/search?category=Furniture/Desks",
    "/shop/products/P1",
    "/shop/cart",
    "/shop/login",
)


@pytest.mark.parametrize("address", PAGES)
def test_pages_load_only_own_files(bo: Client, address: str) -> None:
    page = bo.get(address)

    assert page.status_code == 200
    assert "script-src 'self'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "private, no-store"
    assert "https://" not in page.content.decode()


def test_the_banner_names_the_policy_text_in_force(bo: Client) -> None:
    assert 'policy-version=""' in bo.get("/shop/").content.decode()
    for version in ("1", "2"):
        PolicyText.objects.create(version=version, body="We say what we do.")

    assert 'policy-version="2"' in bo.get("/shop/").content.decode()


def test_search_by_words_and_category(bo: Client) -> None:
    assert bo.get("/shop/search?q=desk oak").context["found"] == 2
    assert bo.get("/shop/search?category=Furniture").context["found"] == 2
    assert bo.get("/shop/search?category=Desks").context["found"] == 0
    assert bo.get("/shop/search?q=sofa").context["found"] == 0


def test_prices_have_the_format_of_the_carousels(bo: Client) -> None:
    bulk_upsert([{"product_id": "P3", "title": "Oak desk to come", "currency": "EUR"}], actor="system:test")
    bo.post("/shop/cart", {"action": "add", "product_id": "P1"})

    pages = [bo.get(address).content.decode() for address in ("/shop/products/P1", "/shop/search", "/shop/cart")]

    assert all("€90.00" in page for page in pages)
    assert not any(" EUR" in page for page in pages), "nor is there a currency without a price"


def test_any_id_has_a_page(bo: Client) -> None:
    put_product("SKU/1", data={"title": "Slashed lamp", "price": 1}, actor="system:test")

    page = bo.get("/shop/search", {"q": "slashed"}).content.decode()

    assert 'href="/shop/products/SKU/1"' in page
    assert "Slashed lamp" in bo.get("/shop/products/SKU/1").content.decode()


def test_an_unknown_product_is_not_found(bo: Client) -> None:
    assert bo.get("/shop/products/P9").status_code == 404


def test_order_empties_the_cart_and_is_logged(bo: Client) -> None:
    bo.post("/shop/cart", {"action": "add", "product_id": "P1", "list_id": "R1"})
    bo.post("/shop/cart", {"action": "add", "product_id": "P1"})
    bo.post("/shop/cart", {"action": "add", "product_id": "no such product"})

    bo.post("/shop/checkout")

    assert bo.get("/shop/cart").context["lines"] == []
    (entry,) = [entry for shard in range(get_log().shards) for _, entry in get_log().read(shard)]
    event = orjson.loads(entry.body)
    assert event["name"] == "Order Completed"
    assert event["properties"]["total"] == 180.0
    assert [line["list_id"] for line in event["properties"]["products"]] == ["R1"]


def test_login_signs_the_user_id(bo: Client) -> None:
    bo.post("/shop/login", {"user_id": "ada"})

    shopper = bo.get("/shop/").context["shopper"]
    assert verify_user_hash(resolve_key("pk_demo"), user_id="ada", user_hash=shopper.user_hash)
    bo.post("/shop/login", {"user_id": ""})
    assert bo.get("/shop/").context["shopper"] is None
