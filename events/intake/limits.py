"""How much a request may hold. Pure."""

from typing import Final

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a body, unpacked. rudder-sdk-python sends up to 4 MB at once."""
MAX_ITEMS: Final = 2500
MAX_ITEM: Final = 32 * 1024
"""Bytes of one item, as compact JSON."""
MAX_WRITTEN: Final = 2 * MAX_BODY
"""Bytes that the items of one request may come to once what they share is copied to each."""
MAX_CONSENTS: Final = 64
"""Purposes that one item may decide on: consent tools know a few dozen."""
MAX_DEPTH: Final = 8
"""Objects and lists inside each other, the item itself counted."""
