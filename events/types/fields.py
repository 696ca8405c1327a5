"""Fields of event properties, each with its check. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from common.errors import FieldError
from events.types.products import MAX_PRODUCTS, number, product_id_of, text

Check = Callable[[Any], str | None]
"""Takes a value; returns an error message, or None."""


@dataclass(frozen=True, slots=True)
class Field:
    """One property of an event type. Absent, null and "" are the same; a required field must be none of them."""

    name: str
    check: Check
    note: str
    required: bool = False

    def errors(self, properties: Mapping[str, Any]) -> list[FieldError]:
        """Return the errors of this field."""
        value = properties.get(self.name)
        if _nothing(value):
            return [FieldError(f"properties.{self.name}", "is required")] if self.required else []
        message = self.check(value)
        return [FieldError(f"properties.{self.name}", message)] if message else []


@dataclass(frozen=True, slots=True)
class ProductField:
    """The product of an event, on the properties themselves."""

    name: str = "product_id"
    note: str = "The product, as the catalogue names it; `productId`, `sku` or `id` are read where it is absent."
    required: bool = True

    def errors(self, properties: Mapping[str, Any]) -> list[FieldError]:
        """Return an error where no product is named."""
        if product_id_of(properties) is None and (self.required or not _nothing(properties.get(self.name))):
            return [FieldError("properties.product_id", "must be a non-empty string")]
        return []


@dataclass(frozen=True, slots=True)
class ProductsField:
    """The product list of an event."""

    name: str = "products"
    note: str = "Product objects: `product_id`, `quantity`, `price`, `list_id`, and what else the shop sends."
    required: bool = False

    def errors(self, properties: Mapping[str, Any]) -> list[FieldError]:
        """Return the errors of the list and of each product in it."""
        products = properties.get(self.name)
        if _nothing(products) and not self.required:
            return []
        if not isinstance(products, list) or (self.required and not products):
            return [FieldError("properties.products", "must be a list of product objects")]
        if len(products) > MAX_PRODUCTS:
            return [FieldError("properties.products", f"holds more than {MAX_PRODUCTS} products")]
        return [error for position, product in enumerate(products) for error in _product_errors(position, product)]


AnyField = Field | ProductField | ProductsField


def _product_errors(position: int, product: object) -> list[FieldError]:
    path = f"properties.products[{position}]"
    if not isinstance(product, Mapping):
        return [FieldError(path, "must be an object")]
    if product_id_of(product) is None:
        return [FieldError(f"{path}.product_id", "must be a non-empty string")]
    checks = [
        (name, check) for name, check in (("price", amount), ("quantity", units)) if not _nothing(product.get(name))
    ]
    messages = {name: check(product[name]) for name, check in checks}
    return [FieldError(f"{path}.{name}", message) for name, message in messages.items() if message]


def _nothing(value: Any) -> bool:
    """Return whether a value is empty. Shops' templates write "" for missing values, and an unused coupon loses no
    order.
    """
    return value is None or value == ""


def words(value: Any) -> str | None:
    """A non-empty text, or a whole number standing for one."""
    return None if text(value) else "must be a non-empty string"


def amount(value: Any) -> str | None:
    """A finite number that is not negative, below 1e12."""
    result = number(value)
    return None if result is not None and result >= 0 else "must be a number from 0 to below 1e12"


def units(value: Any) -> str | None:
    """A quantity above zero, below 1e12."""
    result = number(value)
    return None if result is not None and result > 0 else "must be a number above 0 and below 1e12"


def stars(value: Any) -> str | None:
    """A rating from 0 to 5."""
    result = number(value)
    return None if result is not None and 0 <= result <= 5 else "must be a number from 0 to 5"


def fraction(value: Any) -> str | None:
    """A share from 0 to 100, in percent."""
    result = number(value)
    return None if result is not None and 0 <= result <= 100 else "must be a number from 0 to 100"


def currency_code(value: Any) -> str | None:
    """An ISO 4217 code: three letters."""
    good = isinstance(value, str) and len(value) == 3 and value.isascii() and value.isalpha()
    return None if good else "must be three letters, such as EUR"


def flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else "must be true or false"


PRODUCT = ProductField()
PRODUCTS = ProductsField()
LIST_ID = Field("list_id", words, "The `recommendation_id` of the answer that showed it, or the shop's own list.")
PRICE = Field("price", amount, "Price of one unit.")
QUANTITY = Field("quantity", units, "How many units; 1 where absent.")
CURRENCY = Field("currency", currency_code, "ISO 4217; the shop's currency where absent.")
ORDER_ID = Field("order_id", words, "The order, as the shop names it.", required=True)
CHECKOUT_ID = Field("checkout_id", words, "The checkout, as the shop names it.")
COUPON = Field("coupon", words, "The coupon used.")
ORDER_FIELDS: tuple[AnyField, ...] = (
    ORDER_ID,
    Field(
        "revenue",
        amount,
        "What the products earn: without shipping and tax. Where `total` is absent too, the sum of the lines"
        " if all have a price.",
    ),
    Field("total", amount, "What is paid in all; stands in for revenue where that is absent, and is marked so."),
    Field("shipping", amount, "Shipping cost."),
    Field("tax", amount, "Tax."),
    Field("discount", amount, "What was taken off."),
    CURRENCY,
    COUPON,
    PRODUCTS,
)
