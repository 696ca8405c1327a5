"""A shop's server with its key, and a product."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:  # Django is set up after this file is read
    from rest_framework.test import APIClient

CHAIR: dict[str, Any] = {
    "title": "Oak chair",
    "description": "A chair of oak.",
    "category": ["Furniture", "Chairs"],
    "brand": "Nord",
    "price": "89.90",
    "compare_at_price": None,
    "cost": "41.00",
    "currency": "EUR",
    "stock": 12,
    "active": True,
    "group_id": "oak-chair",
    "attributes": {"color": "oak"},
    "url": "https://shop.example/p456",
    "image_url": "https://shop.example/p456.jpg",
    "available_from": None,
}


@pytest.fixture
def shop(db: None) -> "APIClient":
    """The shop's server, which may keep the catalog."""
    from rest_framework.test import APIClient

    from access.services import create_key

    _, raw = create_key(kind="sk", name="shop server", scopes=["catalog:read", "catalog:write"])
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client


@pytest.fixture
def chair() -> dict[str, Any]:
    """A product as the storefront contract shows it."""
    return dict(CHAIR)
