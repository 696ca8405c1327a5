"""Running mean and variance of each feature, for standardized values. Pure."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.float64]
LEAST_DEVIATION: Final = 1e-9
MOST_WEIGHT: Final = 1_000_000.0
"""What was seen before counts as at most so many rows, so that the scale follows a shop that changes."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Number, mean and sum of squared differences of each column, without missing values."""

    count: Column
    mean: Column
    squares: Column

    @classmethod
    def of(cls, rows: Column) -> "Scale":
        """Return the scale of the rows, `float64[n, n_features]`."""
        present = ~np.isnan(rows)
        count = present.sum(axis=0).astype(np.float64)
        filled = np.where(present, rows, 0.0)
        mean = filled.sum(axis=0) / np.maximum(count, 1)
        squares = np.where(present, (rows - mean) ** 2, 0.0).sum(axis=0)
        return cls(count, mean, squares)

    def with_rows(self, rows: Column) -> "Scale":
        """Return the scale after more rows (Chan, Golub, LeVeque 1979: merging of two variances)."""
        new, old = Scale.of(rows), self._limited()
        count = old.count + new.count
        some = np.maximum(count, 1)
        step = new.mean - old.mean
        return Scale(
            count,
            old.mean + step * new.count / some,
            old.squares + new.squares + step**2 * old.count * new.count / some,
        )

    def _limited(self) -> "Scale":
        share = np.minimum(1.0, MOST_WEIGHT / np.maximum(self.count, 1))
        return Scale(self.count * share, self.mean, self.squares * share)

    @property
    def deviation(self) -> Column:
        """The standard deviation of each column; 1 where all values are equal."""
        deviation = np.sqrt(self.squares / np.maximum(self.count, 1))
        return np.where(deviation > LEAST_DEVIATION, deviation, 1.0)

    def standardized(self, rows: Column) -> Column:
        """Return the rows in standard deviations from the mean; missing values are 0, the mean."""
        return np.nan_to_num((rows - self.mean) / self.deviation, nan=0.0)

    def plain(self, standardized: Column) -> Column:
        """Return standardized rows in their own units."""
        return standardized * self.deviation + self.mean
