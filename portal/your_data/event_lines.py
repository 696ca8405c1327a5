"""Events as lines that a shopper reads: when, what, which products, and what else the page sent. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from events.types.products import product_id_of

KINDS: Final = {"page": "Page viewed", "screen": "Screen viewed", "identify": "You told the shop about yourself"}
NAMES: Final = {
    "Order Completed": "You ordered",
    "Page Engaged": "You stayed on a page",
    "Product Added": "You put into your cart",
    "Product Clicked": "You clicked",
    "Product List Viewed": "You saw the list",
    "Product Viewed": "You looked at",
    "Products Searched": "You searched",
    "Recommendation Served": "We showed you",
}
MOST_TITLES: Final = 4
PROPERTIES: Final = (
    "query",
    "path",
    "rating",
    "liked",
    "seconds",
    "quantity",
    "order_id",
    "total",
    "currency",
    "coupon",
)
"""Properties that say what happened; the others are for programs, and in the download."""


def product_ids_of(row: Mapping[str, Any]) -> list[str]:
    """Return the ids of the products that an event names, each once, in order."""
    properties = _mapping(row.get("properties"))
    products = properties.get("products")
    holders = [properties, *(one for one in (products if isinstance(products, list) else []) if isinstance(one, dict))]
    return list(dict.fromkeys(product_id for one in holders if (product_id := product_id_of(one))))


def facts_of(row: Mapping[str, Any], titles: Mapping[str, str]) -> dict[str, Any]:
    """Return an exported event as facts by name, in the order of reading."""
    properties, context = _mapping(row.get("properties")), _mapping(row.get("context"))
    device = _mapping(context.get("device")).get("type")
    named = {name: properties[name] for name in PROPERTIES if name in properties}
    return {
        "at": row.get("at"),
        "what": KINDS.get(str(row.get("kind"))) or NAMES.get(str(row.get("name")), row.get("name")),
        "products": _listed([titles.get(one, one) for one in product_ids_of(row)]),
        **named,
        "page": _mapping(context.get("page")).get("path") if "path" not in named else None,
        **_mapping(row.get("traits")),
        "device": device,
        "region": context.get("region"),
    }


def _listed(titles: Iterable[str]) -> str:
    names = list(titles)
    more = f" and {len(names) - MOST_TITLES} more" if len(names) > MOST_TITLES else ""
    return f"{', '.join(names[:MOST_TITLES])}{more}"


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
