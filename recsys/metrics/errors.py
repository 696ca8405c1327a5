"""Error metrics of predicted ratings."""

import numpy as np

from recsys.arrays import Doubles


def rmse(predicted: Doubles, actual: Doubles) -> float:
    """Return the root mean squared error."""
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))
