"""Keyed tokens in place of names and addresses: the search finds them, and nobody without the key can test a guess."""

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

from common import sealed
from customers.personal import beginnings, hash_of_email, searched_beginnings

NAMES: Final = "customers.search"
ADDRESSES: Final = "customers.email_hash"


def tokens_of_names(attributes: Mapping[str, Any]) -> list[int]:
    """Return the tokens of the names among the attributes, int64, in order."""
    return _tokens(beginnings(attributes))


def searched_tokens(words: str) -> list[int]:
    """Return the tokens that a customer must have all to be found by the words; none without a letter or digit."""
    return _tokens(searched_beginnings(words))


def token_of_email(attributes: Mapping[str, Any]) -> str:
    """Return the token of the e-mail address among the attributes, or of its SHA-256; "" without one."""
    digest = hash_of_email(attributes)
    return email_token(digest) if digest else ""


def email_token(digest: str) -> str:
    """Return the token, 64 hexadecimal digits, of the SHA-256 of an e-mail address."""
    return hmac.digest(sealed.derive(ADDRESSES), digest.lower().encode(), "sha256").hex()


def _tokens(parts: Iterable[str]) -> list[int]:
    key = sealed.derive(NAMES)
    macs = (hmac.digest(key, part.encode("utf-8", "surrogatepass"), "sha256") for part in parts)
    return sorted(int.from_bytes(mac[:8], "big", signed=True) for mac in macs)
