"""The Merkle tree of RFC 9162 over the audit log. Pure.

A tree is never stored whole. Its frontier, the roots of its complete subtrees, suffices to append and to compute the
root.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

HASH: Final = 32


def leaf_hash(body: bytes) -> bytes:
    """Return the hash of a leaf, 32 bytes."""
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node, 32 bytes."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The complete subtrees of a tree of `size` leaves: one root for each bit of the size, the largest first."""

    size: int = 0
    nodes: tuple[bytes, ...] = ()

    def extended(self, hashes: Iterable[bytes]) -> "Frontier":
        """Return the frontier with further leaf hashes behind it."""
        size, nodes = self.size, list(self.nodes)
        for node in hashes:
            rest = size
            while rest & 1:
                node, rest = node_hash(nodes.pop(), node), rest >> 1
            nodes.append(node)
            size += 1
        return Frontier(size, tuple(nodes))

    def root(self) -> bytes:
        """Return the root, 32 bytes."""
        if not self.nodes:
            return sha256(b"").digest()
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = node_hash(left, node)
        return node

    def packed(self) -> bytes:
        """Return the nodes one behind the other."""
        return b"".join(self.nodes)


def unpacked(size: int, packed: bytes) -> Frontier:
    """Return the frontier of `packed`. Raises ValueError if it does not belong to the size."""
    if len(packed) != HASH * size.bit_count():
        raise ValueError(f"a frontier of {len(packed)} bytes does not belong to a tree of {size} leaves")
    return Frontier(size, tuple(packed[start : start + HASH] for start in range(0, len(packed), HASH)))
