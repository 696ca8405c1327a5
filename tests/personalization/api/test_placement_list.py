"""GET /api/v1/placements: every placement with its settings, in pages."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from access.services import create_key
from personalization.services.placements import save_placement

pytestmark = pytest.mark.django_db
URL = "/api/v1/placements"


@pytest.fixture
def shop_server(stocked_shop: None) -> APIClient:
    """The shop's server with a key for placements."""
    _, raw = create_key(kind="sk", name="sk", scopes=["placements:read"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


def keys(client: APIClient, **query: Any) -> list[str]:
    """Return the keys of a page."""
    return [one["key"] for one in client.get(URL, query).json()["placements"]]


def test_placements_come_in_pages(shop_server: APIClient) -> None:
    first = shop_server.get(URL, {"limit": 5}).json()
    second = shop_server.get(URL, {"limit": 5, "cursor": first["next_cursor"]}).json()

    assert [one["key"] for one in first["placements"]] == ["bundle", "cart", "home", "onboarding", "product"]
    assert [one["key"] for one in second["placements"]] == ["recent", "similar", "trending"]
    assert second["next_cursor"] is None


def test_a_placement_has_its_settings(shop_server: APIClient) -> None:
    save_placement("home", data={"filters": {"brand": ["Nord"]}, "discovery_share": 0.5}, actor="staff:1")

    (home,) = [one for one in shop_server.get(URL).json()["placements"] if one["key"] == "home"]

    assert home == {
        "key": "home", "name": "Home page", "about": "shopper", "strategy": "hybrid", "size": 10,
        "filters": {"brand": ["Nord"]}, "discovery_share": 0.5, "sold_out": False, "repeat": True, "active": True,
    }  # fmt: skip


def test_filters(shop_server: APIClient) -> None:
    save_placement("trending", data={"active": False}, actor="staff:1")

    assert keys(shop_server, about="cart") == ["cart"]
    assert keys(shop_server, active="false") == ["trending"]
    assert "trending" not in keys(shop_server, active="true")
    assert "trending" in keys(shop_server)


@pytest.mark.parametrize("query", [{"about": "none"}, {"active": "perhaps"}, {"limit": 501}, {"cursor": "?"}])
def test_wrong_values_are_refused_by_name(shop_server: APIClient, query: dict[str, Any]) -> None:
    response = shop_server.get(URL, query)

    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, next(iter(query)))
