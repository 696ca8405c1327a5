"""The inputs of a recommendation: a shopper's profile and the context of the request."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Bools, Floats, Ints, Times
from recsys.data.signals import VIEW


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

    def on_page(self, item: int, *, weight: float) -> Self:
        """Return the profile with a view of the item, whose page is open, as the newest event.

        Unchanged if it is so already. `weight` is that of a view.
        """
        if len(self.items) and self.items[-1] == item:
            return self
        return replace(
            self,
            items=np.append(self.items, np.int32(item)),
            times=np.append(self.times, max(self.now, self.times.max(initial=-np.inf))),
            signals=np.append(self.signals, np.int8(VIEW)),
            weights=np.append(self.weights, np.float32(weight)),
            values=np.append(self.values, np.float32(0.0)),
        )


@dataclass(frozen=True, slots=True)
class Context:
    """The context of a request: `items` are codes of the viewed product or of the cart.

    `allowed`, bool[n_items] or None, and `exclude`, item codes, restrict the answer. With `seen_allowed` false, items
    of the shopper's history are left out. `page` is the code of the product whose page asks: the newest event of the
    profile is its view (`on_page`), and it is not recommended.
    """

    items: tuple[int, ...] = ()
    allowed: Bools | None = None
    exclude: tuple[int, ...] = ()
    seen_allowed: bool = True
    page: int | None = None

    @property
    def about(self) -> tuple[int, ...]:
        """The products that the answer is about: those of the context, or that of the page."""
        return self.items if self.page is None else (*self.items, self.page)
