"""Products on an event: one on the properties, or several in a `products` list (Segment). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

MAX_PRODUCTS = 500
"""The most products of one event."""
MAX_TEXT = 512
"""The longest id or name, in characters."""
_NUMERIC = (int, float, str)
_ID_FIELDS = ("product_id", "productId", "sku", "id")


@dataclass(frozen=True, slots=True)
class ProductLine:
    """One product of an event. `price` is of one unit; `list_id` is the recommendation it came from."""

    product_id: str
    quantity: Decimal = Decimal(1)
    price: Decimal | None = None
    list_id: str | None = None


def text(value: object) -> str | None:
    """Return an id or a name as text; None unless it is an integer or a non-empty string of at most MAX_TEXT
    characters.
    """
    if isinstance(value, str):
        return value.strip() or None if len(value) <= MAX_TEXT else None
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return None


def number(value: object) -> Decimal | None:
    """Return a finite number below 1e12 from a JSON number or numeric text, else None."""
    if isinstance(value, bool) or not isinstance(value, _NUMERIC):
        return None
    digits = str(value).strip()
    if "_" in digits:  # Decimal reads 1_0 as ten
        return None
    try:
        result = Decimal(digits)
    except InvalidOperation:
        return None
    # By the exponent: arithmetic with 1e999999999 raises Overflow.
    return result if result.is_finite() and result.adjusted() < 12 else None


def product_id_of(properties: Mapping[str, Any]) -> str | None:
    """Return the product's id in the shop's own words, or None."""
    return next((product_id for name in _ID_FIELDS if (product_id := text(properties.get(name)))), None)


def line_of(product: object, *, list_id: str | None = None) -> ProductLine | None:
    """Return one product object as a line, or None where it names no product."""
    if not isinstance(product, dict) or (product_id := product_id_of(product)) is None:
        return None
    # Not every event type checks quantities: a view with 0 units, as some shops send it, is still a view.
    quantity, price = number(product.get("quantity")), number(product.get("price"))
    return ProductLine(
        product_id=product_id,
        quantity=Decimal(1) if quantity is None or quantity <= 0 else quantity,
        price=None if price is None or price < 0 else price,
        list_id=text(product.get("list_id")) or list_id,
    )


def lines_of(properties: Mapping[str, Any]) -> tuple[ProductLine, ...]:
    """Return the lines of the `products` list; entries that name no product are left out."""
    products = properties.get("products")
    if not isinstance(products, list):
        return ()
    list_id = text(properties.get("list_id"))
    lines = (line_of(product, list_id=list_id) for product in products[:MAX_PRODUCTS])
    return tuple(line for line in lines if line is not None)
