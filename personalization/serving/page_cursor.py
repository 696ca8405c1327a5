"""The cursor of an answer: which products its earlier pages showed.

It holds a hash of each product's id, four bytes long. So paging needs no memory of ours, and no product comes twice,
even if the shopper's history or the catalog changes between two pages. Two products of one hash count as one: of
200,000 products, one answer in forty misses one once 500 were shown.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from common.errors import InvalidInput
from recsys.arrays import Ints

MOST_SHOWN: Final = 500
"""The most products that a cursor holds; the page after them is the last. A cursor is in the address of a GET."""
FORM: Final = np.dtype("<u4")


def id_hash(product_id: str) -> int:
    """Return the hash of a product id, 32 bits."""
    return crc32(product_id.encode())


def cursor_of(hashes: Iterable[int]) -> str:
    """Return the cursor behind the shown products with these hashes."""
    return urlsafe_b64encode(np.fromiter(hashes, FORM).tobytes()).decode().rstrip("=")


def hashes_in(cursor: str) -> tuple[int, ...]:
    """Return the hashes of the products shown before. Raises InvalidInput, which names the field."""
    try:
        content = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        hashes = np.frombuffer(content, FORM)
    except (binascii.Error, ValueError):  # not Base64, or not in fours
        hashes = np.empty(0, FORM)
    if not 0 < len(hashes) <= MOST_SHOWN or cursor_of(hashes) != cursor:
        raise InvalidInput.of("cursor", "must be the next_cursor of an earlier answer")
    return tuple(hashes.tolist())


def codes_of_hashes(id_hashes: NDArray[np.uint32], order: Ints, hashes: Sequence[int]) -> Ints:
    """Return the codes of the items with one of the hashes; `order` is that of the items by their hash."""
    sought = np.array(hashes, np.uint32)
    first, end = (np.searchsorted(id_hashes, sought, side, sorter=order) for side in ("left", "right"))
    ranges = [order[start:stop] for start, stop in zip(first.tolist(), end.tolist(), strict=True)]
    return np.concatenate(ranges).astype(np.int32)
