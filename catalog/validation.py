"""From a shop's input to a checked `ProductData`, for REST, bulk, CSV and services. Pure.

Every field has one check, which returns the normalized value or raises ValueError. All invalid fields are reported at
once.
"""

import ipaddress
import math
import re
import socket
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from urllib.parse import urlsplit

from catalog import limits
from catalog.records import ProductData
from common.errors import FieldError, InvalidInput
from common.money import DECIMALS

PRIVATE_ENDINGS: Final = frozenset({"localhost", "local", "internal", "lan", "home", "corp", "intranet"})
"""Last parts of names that no host of the internet has."""


def parse_product(data: object, *, default_currency: str) -> ProductData:
    """Return the product. Raises InvalidInput that names every wrong, unknown or missing field."""
    if not isinstance(data, Mapping):
        raise InvalidInput.of("", "expected an object")
    values: dict[str, Any] = {"currency": default_currency}
    errors = [FieldError(_short_name(name), "unknown field") for name in data if name not in CHECKS]
    errors += [FieldError(name, "is required") for name in REQUIRED if name not in data]
    for name in CHECKS.keys() & data.keys():
        try:
            values[name] = CHECKS[name](data[name])
        except ValueError as error:
            errors.append(FieldError(name, str(error)))
    if errors:
        errors.sort(key=lambda error: error.field)
        raise InvalidInput("; ".join(map(str, errors[:5])), errors=tuple(errors))
    return ProductData(**values)


def check_id(value: object) -> str:
    """Return a product id. Raises ValueError."""
    text = _text(max_length=limits.ID)(value)
    if not text:
        raise ValueError("must not be empty")
    if any(unicodedata.category(character) == "Cc" for character in text):
        raise ValueError("must not hold control characters")
    return text


def _text(*, max_length: int, required: bool = False) -> Callable[[object], str]:
    def check(value: object) -> str:
        if value is None and not required:
            return ""
        if not isinstance(value, str):
            raise ValueError("must be a string")
        text = value.strip()
        if required and not text:
            raise ValueError("must not be empty")
        if len(text) > max_length:
            raise ValueError(f"must not be longer than {max_length} characters")
        return _clean(text)

    return check


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not hold a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None
    return text


def _money(value: object) -> Decimal | None:
    if value is None:
        return None
    text = str(value).strip()
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or len(text) > 40 or "_" in text:
        raise ValueError("must be a decimal number")  # Decimal reads 1_0 as ten
    try:
        amount = Decimal(text)
    except InvalidOperation:
        raise ValueError("must be a decimal number") from None
    if not amount.is_finite():
        raise ValueError("must be a finite number")
    if amount < 0:
        raise ValueError("must not be negative")
    if amount > limits.PRICE:
        raise ValueError(f"must not exceed {limits.PRICE}")
    if amount != (rounded := amount.quantize(Decimal(1).scaleb(-limits.PRICE_DECIMALS))):
        raise ValueError(f"must not have more than {limits.PRICE_DECIMALS} decimals")
    return abs(rounded)


def _currency(value: object) -> str:
    if not isinstance(value, str) or value.strip().upper() not in DECIMALS:
        raise ValueError("must be an ISO 4217 code such as EUR")
    return value.strip().upper()


def _stock(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value != int(value):
        raise ValueError("must be a whole number")
    if not 0 <= value <= limits.STOCK:
        raise ValueError(f"must lie between 0 and {limits.STOCK}")
    return int(value)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false")
    return value


def _category(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list, from the widest category to the narrowest")
    if len(value) > limits.CATEGORY_DEPTH:
        raise ValueError(f"must not be deeper than {limits.CATEGORY_DEPTH}")
    return tuple(_text(max_length=limits.CATEGORY, required=True)(part) for part in value)


def _attributes(value: object) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be an object of names and values")
    if len(value) > limits.ATTRIBUTES:
        raise ValueError(f"must not hold more than {limits.ATTRIBUTES} names")
    name_of = _text(max_length=limits.ATTRIBUTE_NAME, required=True)
    return {name_of(name): _attribute(inner) for name, inner in value.items()}


def _attribute(value: object) -> Any:
    if isinstance(value, str):
        return _text(max_length=limits.ATTRIBUTE_TEXT)(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if not math.isfinite(value) or abs(value) > 1e15:
            raise ValueError("numbers must be finite and below 1e15")
        return value
    if isinstance(value, list | tuple):
        if len(value) > limits.ATTRIBUTE_VALUES or any(isinstance(inner, list | tuple) for inner in value):
            raise ValueError(f"lists must be flat and not longer than {limits.ATTRIBUTE_VALUES}")
        return [_attribute(inner) for inner in value]
    raise ValueError("values must be strings, numbers, booleans or lists of them")


def _url(value: object) -> str:
    text = _text(max_length=limits.URL)(value)
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError("must be a URL") from None
    # Browsers read a backslash as a slash, and skip tabs and line ends.
    path = text.startswith("/") and not re.match(r"/[\\/]", text) and not re.search(r"[\t\r\n]", text)
    if text and not (parts.scheme in {"http", "https"} and parts.hostname or path):
        raise ValueError("must be an http(s) URL, or a path on this host")
    return text


def _picture(value: object) -> str:
    """Return the URL of a picture: workers fetch it, so it may not lead into the shop's own network."""
    text: str = _url(value)
    host = urlsplit(text).hostname or ""
    if host and not _is_public(host):
        raise ValueError("must not be an address of a private network")
    return text


def _is_public(host: str) -> bool:
    """Return whether a host of a URL may be one of the internet. Whoever fetches looks at the address behind a name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        try:  # 127.1, 0x7f000001 and 2130706433 are addresses, too
            address = ipaddress.ip_address(socket.inet_aton(host))
        except OSError:
            first, _, last = host.rstrip(".").rpartition(".")
            return bool(first) and last.lower() not in PRIVATE_ENDINGS
    return address.is_global


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("must be an ISO 8601 time such as 2026-11-25T08:00:00Z") from None
    if not isinstance(value, datetime):
        raise ValueError("must be an ISO 8601 time such as 2026-11-25T08:00:00Z")
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return aware.astimezone(UTC)
    except OverflowError:
        raise ValueError("is out of range") from None


CHECKS: Final[dict[str, Callable[[object], Any]]] = {
    "title": _text(max_length=limits.TITLE, required=True),
    "description": _text(max_length=limits.DESCRIPTION),
    "category": _category,
    "brand": _text(max_length=limits.BRAND),
    "price": _money,
    "compare_at_price": _money,
    "cost": _money,
    "currency": _currency,
    "stock": _stock,
    "active": _flag,
    "group_id": _text(max_length=limits.ID),
    "attributes": _attributes,
    "url": _url,
    "image_url": _picture,
    "available_from": _moment,
}
REQUIRED: Final = ("price", "title")


def _short_name(name: object) -> str:
    return str(name)[:100]
