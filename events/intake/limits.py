"""Size limits of a request. Pure."""

from typing import Final

MAX_BODY: Final = 4 * 1024 * 1024
"""Bytes of a body, unpacked. rudder-sdk-python sends up to 4 MB at once."""
MAX_ITEMS: Final = 2500
MAX_ITEM: Final = 32 * 1024
"""Bytes of one item, as compact JSON."""
MAX_WRITTEN: Final = 2 * MAX_BODY
"""Bytes of all items of a request together, after the shared parts are copied to each."""
MAX_CONSENTS: Final = 64
"""Purposes that one item may decide on. Consent tools know a few dozen."""
MAX_DEPTH: Final = 8
"""Nesting depth of objects and lists, including the item itself."""
