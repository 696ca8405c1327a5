"""Example bodies of collection for the OpenAPI document, from the storefront contract."""

from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

SHOPPER: Final[dict[str, Any]] = {
    "anonymousId": "a1",
    "context": {"consent": {"categoryPreferences": {"analytics": True, "personalization": True, "train_models": True}}},
}
LIST_ID: Final = "01987b5c-7a3e-7c11-9f50-2d6b1c0a4e77"
"""The `recommendation_id` of an answer: what is shown, clicked and bought from it carries it."""
VIEWED: Final[dict[str, Any]] = {"event": "Product Viewed", "properties": {"product_id": "P123"}}
ORDERED: Final[dict[str, Any]] = {
    "event": "Order Completed",
    "properties": {
        "order_id": "O1001",
        "currency": "EUR",
        "revenue": 179.8,
        "products": [{"product_id": "P456", "price": 89.9, "quantity": 2, "list_id": LIST_ID}],
    },
}
LIST_VIEWED: Final[dict[str, Any]] = {
    "event": "Product List Viewed",
    "properties": {"list_id": LIST_ID, "products": [{"product_id": "P456", "position": 1}]},
}
CLICKED: Final[dict[str, Any]] = {"event": "Product Clicked", "properties": {"product_id": "P456", "list_id": LIST_ID}}
IDENTIFIED: Final[dict[str, Any]] = {"userId": "U1", "traits": {"email": "ada@shop.example", "city": "Bremen"}}
BY_KIND: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "track": {
        "Product Viewed": VIEWED,
        "Order Completed": {"userId": "U1", **ORDERED},
        "Product List Viewed: a list came into view": LIST_VIEWED,
        "Product Clicked: in a recommended list": CLICKED,
    },
    "identify": {"A login": IDENTIFIED},
    "page": {"A page view": {"name": "Home", "properties": {"path": "/"}}},
    "screen": {"A screen of an app": {"name": "Home"}},
    "group": {"A company": {"userId": "U1", "groupId": "acme", "traits": {"name": "Acme"}}},
    "alias": {"Two user ids of one customer": {"previousId": "U0", "userId": "U1"}},
}
BATCH: Final[dict[str, Any]] = {
    "batch": [
        {"type": "identify", "anonymousId": "a1", **IDENTIFIED},
        {"type": "track", "anonymousId": "a1", "userId": "U1", **VIEWED},
        {"type": "track", "anonymousId": "a1", "userId": "U1", **ORDERED},
    ],
    "context": SHOPPER["context"],
}


def examples_of(kind: str) -> list[OpenApiExample]:
    """Return the request examples of one kind of event, or of a batch."""
    bodies = (
        {"Three events": BATCH} if kind == "batch" else {name: SHOPPER | body for name, body in BY_KIND[kind].items()}
    )
    return [OpenApiExample(name, value=body, request_only=True) for name, body in bodies.items()]
