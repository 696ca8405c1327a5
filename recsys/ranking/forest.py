"""LightGBM's trees in flat arrays, walked by compiled code: a call of the library costs as much as all the trees.

Source of the decisions: `Tree::NumericalDecision` of LightGBM 4 (include/LightGBM/tree.h).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Doubles, Floats, Longs
from recsys.compiled import compiled, frozen

CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
"""Bits of a decision's type: by category, unknown values go left; the kind of missing values stands in the next two."""
MISSING_IS_ZERO, MISSING_IS_NAN = 1, 2
ONE, TWO = np.uint64(1), np.uint64(2)
Codes = NDArray[np.uint64]
"""Unsigned: compiled code then looks for no negative index, and walks a third faster."""
BLOCK = 8
"""Rows that walk down a tree together: the processor then works on one while it waits for the nodes of the others."""


@dataclass(frozen=True, slots=True)
class Forest:
    """The nodes of all trees end to end; tree i begins at `roots[i]`, and its leaves are at most `depths[i]` below.

    A row goes from a node to `children[2 * node]` where its feature is at most the threshold, else to the next child.
    An unknown value goes to the first where `unknown_first`. A leaf is its own child; other nodes have the value 0.
    """

    roots: Codes
    depths: Longs
    features: Codes
    thresholds: Floats
    unknown_first: Bools
    children: Codes
    values: Doubles

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the trees of LightGBM's text format. Raises ValueError for splits that no feature of ours needs."""
        roots, depths = [], []
        nodes: list[tuple[int, float, bool, int, int, float]] = []
        for tree in _trees(text):
            roots.append(len(nodes))
            depths.append(_append_tree(nodes, tree))
        features, thresholds, unknown_first, first, second, values = zip(*nodes, strict=True) if nodes else ((),) * 6
        return cls(
            roots=frozen(np.array(roots, np.uint64)),
            depths=frozen(np.array(depths, np.int64)),
            features=frozen(np.array(features, np.uint64)),
            thresholds=frozen(_rounded_down(np.array(thresholds, np.float64))),
            unknown_first=frozen(np.array(unknown_first, np.bool_)),
            children=frozen(np.array([first, second], np.uint64).T.ravel()),
            values=frozen(np.array(values, np.float64)),
        )

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: the sum of the trees' values for each row of float32[n, f], as LightGBM's raw score."""
        rows = np.ascontiguousarray(features, np.float32)
        nodes = self.features, self.thresholds, self.unknown_first, self.children, self.values
        return _scores(rows, self.roots, self.depths, *nodes)


def _trees(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the lines of each tree, by name."""
    for block in text.split("\nTree=")[1:]:
        lines = block.partition("\n\n")[0].splitlines()[1:]
        yield dict(line.split("=", 1) for line in lines)


def _append_tree(nodes: list[tuple[int, float, bool, int, int, float]], tree: Mapping[str, str]) -> int:
    """Append the nodes of a tree, then its leaves, and return its depth."""
    base, n_inner = len(nodes), int(tree["num_leaves"]) - 1
    columns = {name: tree.get(name, "").split() for name in ("split_feature", "threshold", "decision_type")}
    children = [[int(child) for child in tree.get(name, "").split()] for name in ("left_child", "right_child")]
    depths = [0] * n_inner
    for node in range(n_inner):
        kind, threshold = int(columns["decision_type"][node]), float(columns["threshold"][node])
        missing = (kind >> MISSING_SHIFT) & 3
        if kind & CATEGORICAL or missing == MISSING_IS_ZERO:
            raise ValueError("a tree splits by category, or takes 0 for unknown")
        first, second = (own[node] if own[node] >= 0 else n_inner + ~own[node] for own in children)
        for child in (first, second):
            if child < n_inner:  # a child stands behind its parent
                depths[child] = depths[node] + 1
        unknown_first = bool(kind & DEFAULT_LEFT) if missing == MISSING_IS_NAN else threshold >= 0
        nodes.append((int(columns["split_feature"][node]), threshold, unknown_first, base + first, base + second, 0.0))
    for leaf, value in enumerate(tree["leaf_value"].split()):
        own = base + n_inner + leaf
        nodes.append((0, 0.0, True, own, own, float(value)))
    return max(depths, default=-1) + 1


def _rounded_down(thresholds: Doubles) -> Floats:
    """Return the largest float32 up to each threshold: a float32 is at most the one where it is at most the other."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, np.nextafter(rounded, np.float32(-np.inf)), rounded)


@compiled
def _scores(
    rows: Floats,
    roots: Codes,
    depths: Longs,
    features: Codes,
    thresholds: Floats,
    unknown_first: Bools,
    children: Codes,
    values: Doubles,
) -> Doubles:
    n = len(rows)
    scores, nodes = np.zeros(n), np.empty(BLOCK, np.uint64)
    for start in range(0, n, BLOCK):
        width = min(BLOCK, n - start)
        for tree in range(len(roots)):
            for at in range(width):
                nodes[at] = roots[tree]
            for _ in range(depths[tree]):
                for at in range(width):
                    node = nodes[at]
                    value = rows[np.uint64(start + at), features[node]]
                    goes_first = (value <= thresholds[node]) | ((value != value) & unknown_first[node])
                    nodes[at] = children[TWO * node + ONE - np.uint64(goes_first)]
            for at in range(width):
                scores[start + at] += values[nodes[at]]
    return scores
