"""From Google Analytics 4 names and `items` to our names and `products`. Pure.

Source: Measurement Protocol reference, "Recommended events". `value` of a purchase is the sum of its items without
shipping and tax, which is our `revenue`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

from events.types.products import product_id_of, text

NAMES: Mapping[str, str] = {
    "view_item": "Product Viewed",
    "view_item_list": "Product List Viewed",
    "select_item": "Product Clicked",
    "add_to_cart": "Product Added",
    "remove_from_cart": "Product Removed",
    "add_to_wishlist": "Product Added to Wishlist",
    "view_cart": "Cart Viewed",
    "begin_checkout": "Checkout Started",
    "add_payment_info": "Payment Info Entered",
    "purchase": "Order Completed",
    "refund": "Order Refunded",
    "view_promotion": "Promotion Viewed",
    "select_promotion": "Promotion Clicked",
    "search": "Products Searched",
    "experiment_viewed": "Experiment Viewed",
}
PAGES: Mapping[str, Literal["page", "screen"]] = {"page_view": "page", "screen_view": "screen"}
"""Events that are calls of their own with us."""
_PER_PRODUCT = {"view_item", "select_item", "add_to_cart", "remove_from_cart", "add_to_wishlist"}
_ORDERS = {"purchase", "refund"}
_ITEM_FIELDS = {
    "item_id": "product_id",
    "item_name": "name",
    "item_brand": "brand",
    "item_variant": "variant",
    "item_list_id": "list_id",
    "item_list_name": "list_name",
    "index": "position",
}
_PARAM_FIELDS = {
    "item_list_id": "list_id",
    "item_list_name": "list_name",
    "transaction_id": "order_id",
    "search_term": "query",
    "promotion_name": "name",
}
_PAGE_FIELDS = {
    "page_location": "url",
    "page_referrer": "referrer",
    "page_title": "title",
    "screen_name": "name",
}
_CATEGORY_FIELDS = ("item_category", "item_category2", "item_category3", "item_category4", "item_category5")


def translate(name: str, params: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and properties of each event that the GA4 event becomes.

    An event type about one product with several items becomes one event for each item; any other becomes one event.
    Unknown names stay as they are, as custom events.
    """
    properties = {_PARAM_FIELDS.get(key, key): value for key, value in params.items() if key != "items"}
    items = params.get("items")
    items = items if isinstance(items, list) else []
    if name in _ORDERS and "value" in properties:
        properties["revenue"] = properties.pop("value")
    if name in _PER_PRODUCT and items:
        yield from ((NAMES[name], {**properties, **_mapping(_product(item))}) for item in items)
        return
    if name in _ORDERS and properties.get("revenue") not in (None, ""):
        # An order with an amount is not rejected for a line without a product id; that line stays as it came.
        by_name = [item for item in items if _has_name_only(item)]
        items = [item for item in items if not _has_name_only(item)]
        properties |= {"items": by_name} if by_name else {}
    if items:
        properties["products"] = [_product(item) for item in items]
    yield NAMES.get(name, name), properties


def page_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a page or screen call, with the path of its address."""
    properties = {_PAGE_FIELDS.get(key, key): value for key, value in params.items()}
    try:
        path = urlsplit(text(properties.get("url")) or "").path
    except ValueError:
        path = ""
    return {"path": path, **properties} if path else properties


def _product(item: Any) -> Any:
    if not isinstance(item, Mapping):
        return item
    product = {_ITEM_FIELDS.get(key, key): value for key, value in item.items() if key not in _CATEGORY_FIELDS}
    path = [name for key in _CATEGORY_FIELDS if (name := text(item.get(key)))]
    return {**product, "category": "/".join(path)} if path else product


def _has_name_only(item: Any) -> bool:
    """Return whether an item has `item_name` but no id: GA4 asks for either, and a name may mean several products or
    none.
    """
    return isinstance(item, Mapping) and bool(text(item.get("item_name"))) and product_id_of(_product(item)) is None


def _mapping(product: Any) -> Mapping[str, Any]:
    return product if isinstance(product, Mapping) else {"product_id": product}
