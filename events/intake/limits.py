"""How much a request may hold. Pure."""

from typing import Final

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a body, unpacked. rudder-sdk-python sends up to 4 MB at once."""
MAX_ITEMS: Final = 2500
MAX_ITEM: Final = 32 * 1024
"""Bytes of one item, as compact JSON."""
MAX_DEPTH: Final = 8
"""Objects and lists inside each other, the item itself counted."""
