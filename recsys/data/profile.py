"""One shopper as known at a moment, and what is asked for."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Ints, Times


@dataclass(frozen=True, slots=True)
class Profile:
    """One shopper, as known at `now`: columns of equal length, sorted by time. Everything may be empty.

    `attributes` are "key=value" strings of the shopper (demographics, segment), for cold-start priors.
    """

    items: Ints
    times: Times
    signals: NDArray[np.int8]
    weights: Floats
    values: Floats
    now: float
    attributes: tuple[str, ...] = ()

    @classmethod
    def empty(cls, now: float) -> Self:
        """Return the profile of a shopper nobody knows."""
        return cls(
            items=np.empty(0, np.int32),
            times=np.empty(0, np.float64),
            signals=np.empty(0, np.int8),
            weights=np.empty(0, np.float32),
            values=np.empty(0, np.float32),
            now=now,
        )


@dataclass(frozen=True, slots=True)
class Context:
    """What is asked for: `items` are the product looked at or the cart's lines; `allowed` is bool[n_items] or None.

    `exclude` are item codes never to answer. `seen_allowed=False` asks for items new to the shopper only.
    """

    items: tuple[int, ...] = ()
    allowed: Bools | None = None
    exclude: tuple[int, ...] = ()
    seen_allowed: bool = True
