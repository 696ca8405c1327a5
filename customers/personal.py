"""Names and contact data of customers: for the search, and masked for staff who may not see them. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

NAMES: Final = ("name", "first_name", "last_name", "middle_name", "full_name")
"""Attributes that name a person, in the order in which a search text holds them."""
CONTACTS: Final = (
    "email",
    "phone",
    "address",
    "street",
    "postal_code",
    "birthday",
    "date_of_birth",
    "username",
    "iban",
)
EMAIL_HASHES: Final = ("email_hash", "email_sha256", "hashed_email", "sha256_email_address")
"""Attributes in which a shop sends the SHA-256 of an e-mail address instead of the address."""
PERSONAL: Final = frozenset({*NAMES, *CONTACTS})
SHA256: Final = re.compile(r"[0-9a-f]{64}")
MASK: Final = "…"
MAX_SEARCH_TEXT: Final = 300


def canonical(name: str) -> str:
    """Return the name of an attribute in snake case: `firstName`, `First Name` and `first_name` are one."""
    return re.sub(r"[\s\-]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())).lower()


def email_hash(address: str) -> str:
    """Return the SHA-256 of an e-mail address in lower case and without blanks around it, in hexadecimal digits."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest()


def hash_of_email(attributes: Mapping[str, Any]) -> str:
    """Return the hash of the e-mail address among the attributes, sent or computed; "" without one."""
    values = {canonical(name): value for name, value in attributes.items() if isinstance(value, str)}
    for name in EMAIL_HASHES:
        if SHA256.fullmatch(values.get(name, "").strip().lower()):
            return values[name].strip().lower()
    return email_hash(values["email"]) if "@" in values.get("email", "") else ""


def search_text(raw_id: str, attributes: Mapping[str, Any]) -> str:
    """Return what a search by a part looks in: the id without its kind and the names, in lower case."""
    values = {canonical(name): value for name, value in attributes.items() if isinstance(value, str)}
    words = (raw_id.partition(":")[2], *(values[name].strip() for name in NAMES if name in values))
    return " ".join(word for word in words if word).lower()[:MAX_SEARCH_TEXT]


def masked(value: Any, *, name: str = "") -> Any:
    """Return the value with the names and contact data in it masked, at any depth; `name` is that of the value."""
    if canonical(name) in PERSONAL and value not in (None, ""):
        return _masked_text(str(value)) if not isinstance(value, dict | list) else MASK
    if isinstance(value, Mapping):
        return {key: masked(inner, name=str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def _masked_text(text: str) -> str:
    """Return the first letter of each word, and of an e-mail address of name and host."""
    return " ".join("@".join(part[:1] + MASK for part in word.split("@")) for word in text.split())
