"""Examples of products for the OpenAPI document, from the storefront contract."""

import json
from typing import Any, Final

from drf_spectacular.utils import OpenApiExample

PRODUCT: Final[dict[str, Any]] = {
    "title": "Oak chair",
    "description": "Solid oak, oiled.",
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
    "url": "https://shop.example/oak-chair",
    "image_url": "https://shop.example/oak-chair.jpg",
    "available_from": None,
}
LINES: Final = "\n".join(
    json.dumps({"product_id": product_id, "title": title, "price": price, "category": category})
    for product_id, title, price, category in (
        ("P123", "Oak desk", "249.00", ["Furniture", "Desks"]),
        ("P456", "Oak chair", "89.90", ["Furniture", "Chairs"]),
    )
)
STORED: Final = OpenApiExample(
    "The stored product", value={"product_id": "P456", **PRODUCT}, response_only=True, status_codes=["200", "201"]
)
ONE: Final = [OpenApiExample("A product", value=PRODUCT, request_only=True), STORED]
BULK: Final = [
    OpenApiExample("Two products, one a line", value=LINES, request_only=True, media_type=media_type)
    for media_type in ("application/x-ndjson", "text/plain")
] + [OpenApiExample("Both were taken", value={"accepted": 2, "rejected": []}, response_only=True, status_codes=["200"])]
