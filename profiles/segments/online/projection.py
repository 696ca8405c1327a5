"""Shoppers as points of a plane, for a map. Pure."""

import numpy as np

from profiles.segments.online.features import Rows


def plane(standard: Rows) -> Rows:
    """Return two coordinates for each standardized row: the first two principal components, `float64[n, 2]`."""
    if len(standard) < 3:
        return np.zeros((len(standard), 2))
    centered = standard - standard.mean(axis=0)
    _, _, axes = np.linalg.svd(centered, full_matrices=False)
    # The sign of a component is arbitrary; with the largest weight positive, the map is not mirrored at each look.
    signs = np.sign(axes[np.arange(2), np.abs(axes[:2]).argmax(axis=1)])
    points: Rows = centered @ (axes[:2] * signs[:, None]).T
    return points
