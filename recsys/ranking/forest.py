"""LightGBM's trees in flat arrays, walked by compiled code: a call of the library costs as much as all the trees.

Source of the decisions: `Tree::NumericalDecision` of LightGBM 4 (include/LightGBM/tree.h).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Doubles, Floats, Ints, Longs
from recsys.compiled import compiled, frozen

ZERO = 1e-35
"""LightGBM takes values up to this for zero."""
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
"""Bits of a decision's type: by category, unknown values go left; the kind of missing values stands in the next two."""
MISSING_IS_ZERO, MISSING_IS_NAN = 1, 2


@dataclass(frozen=True, slots=True)
class Forest:
    """The nodes of all trees end to end; `roots`, int64[n_trees], is where each tree begins.

    A node sends a row to `left` or `right`, codes of nodes, or below 0 of leaves: ~code is the leaf's place in
    `values`. A tree of one leaf has no node: its root is the leaf.
    """

    roots: Longs
    features: Ints
    thresholds: Doubles
    kinds: NDArray[np.int8]
    left: Longs
    right: Longs
    values: Doubles

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the trees of LightGBM's text format. Raises ValueError for splits by category."""
        roots: list[int] = []
        columns: dict[str, list[Any]] = {
            "split_feature": [], "threshold": [], "decision_type": [], "left_child": [], "right_child": [],
            "leaf_value": [],
        }  # fmt: skip
        for tree in _trees(text):
            node, leaf = len(columns["split_feature"]), len(columns["leaf_value"])
            columns["leaf_value"] += [float(value) for value in tree["leaf_value"].split()]
            if int(tree["num_leaves"]) == 1:
                roots.append(~leaf)
                continue
            roots.append(node)
            for name in ("split_feature", "decision_type"):
                columns[name] += [int(value) for value in tree[name].split()]
            columns["threshold"] += [float(value) for value in tree["threshold"].split()]
            for name in ("left_child", "right_child"):
                children = [int(value) for value in tree[name].split()]
                columns[name] += [child + node if child >= 0 else ~(~child + leaf) for child in children]
        kinds = np.array(columns["decision_type"], np.int8)
        if (kinds & CATEGORICAL).any():
            raise ValueError("a tree splits by category, which no feature of ours is")
        return cls(
            roots=frozen(np.array(roots, np.int64)),
            features=frozen(np.array(columns["split_feature"], np.int32)),
            thresholds=frozen(np.array(columns["threshold"], np.float64)),
            kinds=frozen(kinds),
            left=frozen(np.array(columns["left_child"], np.int64)),
            right=frozen(np.array(columns["right_child"], np.int64)),
            values=frozen(np.array(columns["leaf_value"], np.float64)),
        )

    def scores(self, features: Floats) -> Doubles:
        """Return float64[n]: the sum of the trees' values for each row of float32[n, f], as LightGBM's raw score."""
        return _scores(
            np.ascontiguousarray(features, np.float32),
            *(self.roots, self.features, self.thresholds, self.kinds, self.left, self.right, self.values),
        )


def _trees(text: str) -> Iterator[Mapping[str, str]]:
    """Yield the lines of each tree, by name."""
    for block in text.split("\nTree=")[1:]:
        lines = block.partition("\n\n")[0].splitlines()[1:]
        yield dict(line.split("=", 1) for line in lines)


@compiled
def _scores(
    rows: Floats,
    roots: Longs,
    features: Ints,
    thresholds: Doubles,
    kinds: NDArray[np.int8],
    left: Longs,
    right: Longs,
    values: Doubles,
) -> Doubles:
    scores = np.zeros(len(rows))
    for row in range(len(rows)):
        total = 0.0
        for tree in range(len(roots)):
            node = roots[tree]
            while node >= 0:
                value, kind = float(rows[row, features[node]]), kinds[node]
                missing = (kind >> MISSING_SHIFT) & 3
                if np.isnan(value) and missing != MISSING_IS_NAN:
                    value = 0.0
                is_missing = np.isnan(value) or (missing == MISSING_IS_ZERO and -ZERO <= value <= ZERO)
                goes_left = kind & DEFAULT_LEFT != 0 if is_missing else value <= thresholds[node]
                node = left[node] if goes_left else right[node]
            total += values[~node]
        scores[row] = total
    return scores
