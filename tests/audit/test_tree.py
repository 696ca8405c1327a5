"""The tree is that of RFC 9162: compared with its definition, and with published roots."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.tree import Frontier, leaf_hash, unpacked

LEAVES = [bytes.fromhex(leaf) for leaf in (
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
)]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The test data of Google's Certificate Transparency: the roots of the first 1 to 8 leaves."""


def definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 9162, section 2.1.1, defines it."""
    if len(leaves) < 2:
        return sha256(b"\x00" + leaves[0]).digest() if leaves else sha256(b"").digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + definition(leaves[:split]) + definition(leaves[split:])).digest()


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size: int) -> None:
    frontier = Frontier().extended(leaf_hash(leaf) for leaf in LEAVES[:size])

    assert frontier.root().hex() == ROOTS[size - 1]


@given(st.lists(st.binary(max_size=3), max_size=70), st.integers(0, 70))
def test_appending_in_parts_gives_the_root_of_the_definition(leaves: list[bytes], cut: int) -> None:
    before = Frontier().extended(map(leaf_hash, leaves[:cut]))
    resumed = unpacked(before.size, before.packed()).extended(map(leaf_hash, leaves[cut:]))

    assert (resumed.size, resumed.root()) == (len(leaves), definition(leaves))
    assert len(resumed.nodes) == resumed.size.bit_count()


def test_a_frontier_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="does not belong to a tree of 4 leaves"):
        unpacked(4, b"\x00" * 64)
