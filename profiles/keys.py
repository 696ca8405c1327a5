"""Names of this room's keys in Redis."""

from typing import Final

BROWSED: Final = "v:h:"
"""Sorted set per raw id: the newest browsing interactions."""
LASTING: Final = "v:o:"
"""Sorted set per raw id: the newest purchases, ratings and likes."""
REFUSED: Final = "v:x:"
"""Per raw id: when personalization was last refused, in microseconds."""
STATE: Final = "v:s:"
"""Per raw id: a number that grows with every change."""
ATTRIBUTES: Final = "v:d:"
"""Hash per raw id: the shopper's attributes, by name."""
CLAIMS: Final = "v:a:"
"""Sorted set per anonymous id: who identified on it when."""
LINKED: Final = "v:u:"
"""Sorted set per user id: raw ids ever linked to it, by the latest time."""
OFFSETS: Final = "v:offset:profiles"
"""Hash of shard to offset."""
ALL: Final = (BROWSED, LASTING, REFUSED, STATE, ATTRIBUTES, CLAIMS, LINKED)
"""Prefixes of the keys that are rebuilt from the log."""
