"""The frozen record of a known key, by which views decide. Pure."""

import hashlib
import re
from dataclasses import dataclass
from typing import Final

from access.scopes import PUBLISHABLE_SCOPES, Kind

_RAW: Final = re.compile(r"([ps]k_[0-9a-f]{10}_)[A-Za-z0-9_-]{20,}")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A live API key. `identity_secret` signs user ids (HMAC); it is never the key itself.

    `requires_user_hash` says that a browser's user id is a claim until the hash proves it. `confirms_orders` says that
    a browser's order counts without the server's.
    """

    id: int
    kind: Kind
    name: str
    scopes: frozenset[str]
    origins: tuple[str, ...]
    identity_secret: str
    requires_user_hash: bool = True
    confirms_orders: bool = False

    @property
    def actor(self) -> str:
        """The name of the key on the audit log."""
        return f"key:{self.id}"

    @property
    def publishable(self) -> bool:
        """Whether a browser may hold the key."""
        return self.kind == "pk"

    def may(self, scope: str) -> bool:
        """Return whether the key carries the scope."""
        return scope in (PUBLISHABLE_SCOPES if self.publishable else self.scopes)

    def admits(self, origin: str | None) -> bool:
        """Return whether the key may be used from a page of this origin (None: not from a page)."""
        if not self.publishable:
            return origin is None
        return origin is None or not self.origins or origin.lower().rstrip("/") in self.origins


def masked(text: str) -> str:
    """Return the text with each key cut to its prefix: `sk_0123456789_…`."""
    return _RAW.sub(r"\1…", text)


def start_of(raw: str) -> str | None:
    """Return the start of what has the form of a key, or None: anything else may be a password, and is not shown."""
    match = _RAW.fullmatch(raw)
    return f"{match[1]}…" if match else None


def digest(raw: str) -> bytes:
    """Return the stored form of a key: SHA-256. A key has 256 random bits, so no slow hash is needed."""
    return hashlib.sha256(raw.encode("utf-8", "surrogatepass")).digest()
