"""Names and contact data of customers: for the search, and masked for staff who may not see them. Pure."""

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

NAMES: Final = ("name", "first_name", "last_name", "middle_name", "full_name")
"""Attributes that name a person."""
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
FREE_TEXTS: Final = ("title", "page_title", "query", "search", "search_term", "search_terms", "keywords")
"""What a page says of itself, and what people type: it may hold a name, so it is masked. It is not sealed."""
EMAIL_HASHES: Final = ("email_hash", "email_sha256", "hashed_email", "sha256_email_address")
"""Attributes in which a shop sends the SHA-256 of an e-mail address instead of the address."""
PERSONAL: Final = frozenset({*NAMES, *CONTACTS})
MASKED: Final = PERSONAL | {*FREE_TEXTS}
SEALED: Final = PERSONAL | {*EMAIL_HASHES}
"""Attributes that nobody reads where they are stored: a list of addresses would tell whose a hash is."""
SEALED_AT_DOOR, SEALED_BY_SUBJECT = "sealed:door:", "sealed:subject:"
"""Begin sealed texts: under the installation's key, and under the key of the subject."""
SHA256: Final = re.compile(r"[0-9a-f]{64}")
MASK: Final = "…"
MAX_SEARCH_TEXT: Final = 300
SHORTEST_BEGINNING, LONGEST_BEGINNING = 3, 12
"""Letters of the beginnings of a word by which it is found; a shorter word is found as a whole."""


@lru_cache(maxsize=4096)
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


def beginnings(attributes: Mapping[str, Any]) -> set[str]:
    """Return what a search finds a person by: the beginnings of each word of the names, and whole shorter words."""
    values = {canonical(name): value for name, value in attributes.items() if isinstance(value, str)}
    names = " ".join(values[name] for name in NAMES if name in values)[:MAX_SEARCH_TEXT]
    lengths = range(SHORTEST_BEGINNING, LONGEST_BEGINNING + 1)
    return {
        word[:length]
        for word in _words(names)
        for length in (lengths if len(word) >= SHORTEST_BEGINNING else (len(word),))
    }


def searched_beginnings(words: str) -> set[str]:
    """Return the beginnings that a person must have all, for each word that is searched for."""
    return {word[:LONGEST_BEGINNING] for word in _words(words[:MAX_SEARCH_TEXT])}


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def is_personal(name: str) -> bool:
    """Return whether the attribute of this name is sealed where it is stored."""
    return canonical(name) in SEALED


def is_sealed(value: Any) -> bool:
    """Return whether the value is written like a sealed text."""
    return isinstance(value, str) and value.startswith((SEALED_AT_DOOR, SEALED_BY_SUBJECT))


def masked(value: Any, *, name: str = "") -> Any:
    """Return the value with the names and contact data in it masked, at any depth; `name` is that of the value."""
    if canonical(name) in MASKED and value not in (None, ""):
        return _masked_text(str(value)) if not isinstance(value, dict | list) else MASK
    if isinstance(value, Mapping):
        return {key: masked(inner, name=str(key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner) for inner in value]
    return value


def _masked_text(text: str) -> str:
    """Return the first letter of each word, and of an e-mail address of name and host."""
    return " ".join("@".join(part[:1] + MASK for part in word.split("@")) for word in text.split())
