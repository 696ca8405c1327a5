"""The inputs of a recommendation: a shopper's profile and the context of the request."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Ints, Times


@dataclass(frozen=True, slots=True)
class Profile:
    """The history of one shopper up to `now`: columns of equal length, sorted by time; may be empty.

    The columns are those of `Interactions`. `attributes` are "key=value" strings of the shopper (demographics,
    segment), for cold-start priors.
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
        """Return the profile of an unknown shopper."""
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
    """The context of a request: `items` are codes of the viewed product or of the cart.

    `allowed`, bool[n_items] or None, and `exclude`, item codes, restrict the answer. With `seen_allowed` false, items
    of the shopper's history are left out.
    """

    items: tuple[int, ...] = ()
    allowed: Bools | None = None
    exclude: tuple[int, ...] = ()
    seen_allowed: bool = True
