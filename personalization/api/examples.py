"""Examples for the OpenAPI document, from the storefront contract."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

ITEM: Final[dict[str, Any]] = {
    "product_id": "P456",
    "position": 1,
    "score": 0.8312,
    "reason": {"code": "because_viewed", "text": "Because you viewed Oak desk", "product_ids": ["P123"]},
    "title": "Oak chair",
    "price": "89.90",
    "compare_at_price": "109.00",
    "currency": "EUR",
    "brand": "Nord",
    "stock": 12,
    "attributes": {"color": "oak"},
    "url": "https://shop.example/oak-chair",
    "image_url": "https://shop.example/oak-chair.jpg",
}
ANSWER: Final[dict[str, Any]] = {
    "recommendation_id": "01987b5c-7a3e-7c11-9f50-2d6b1c0a4e77",
    "placement": "home",
    "strategy": "hybrid",
    "model_version": "2026-11-24.3",
    "personalized": True,
    "degraded": None,
    "experiments": [],
    "items": [ITEM],
    "unknown_products": [],
    "next_cursor": "3cqgpA",
    "took_ms": 3.1,
}
QUESTION: Final[dict[str, Any]] = {
    "user_id": "U1",
    "anonymous_id": "a1",
    "limit": 10,
    "attributes": {"color": ["oak"]},
    "fields": ["title", "price", "image_url"],
}
RANK: Final[dict[str, Any]] = {"user_id": "U1", "product_ids": ["P123", "P456", "P789"]}
RANKED: Final[dict[str, Any]] = {
    "recommendation_id": "01987b5c-7a3e-7c11-9f50-2d6b1c0a4e78",
    "product_ids": ["P456", "P123", "P789"],
    "personalized": True,
    "degraded": None,
}
PAGE: Final[dict[str, Any]] = {
    "user_id": "U1",
    "anonymous_id": "a1",
    "placements": [
        {"placement": "home", "limit": 8},
        {"placement": "similar", "product_id": ["P123"]},
        {"key": "similar-chair", "placement": "similar", "product_id": ["P456"]},
    ],
}


def request_example(value: dict[str, Any]) -> OpenApiExample:
    """Return an example of a request body."""
    return OpenApiExample("From the contract", value=value, request_only=True)


def response_example(value: dict[str, Any]) -> OpenApiExample:
    """Return an example of a successful answer."""
    return OpenApiExample("From the contract", value=value, response_only=True, status_codes=["200"])
