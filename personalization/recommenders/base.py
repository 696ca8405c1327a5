"""The contract of every recommender, and the columns they learn from. Pure.

Items are integer codes: positions in `Catalogue.item_ids`. Shoppers are codes only while fitting; no artefact
holds a shopper's vector (docs/adr/0011), so a shopper is always handed in as a `Profile` and folded in.
Times are seconds since the epoch, UTC (float64).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from events.types.base import SIGNALS

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Times = NDArray[np.float64]
Bools = NDArray[np.bool_]
T = TypeVar("T")
TEXTS = {
    "titles": "title",
    "descriptions": "description",
    "categories": "category",
    "brands": "brand",
    "group_ids": "group_id",
}
"""Columns of text of a catalogue, and what each is called in a frame of items."""
NUMBERS = ("prices", "first_seen", "images")
"""Columns of numbers of a catalogue."""

SIGNAL_NAMES: tuple[str, ...] = SIGNALS
"""Signal codes, position = code."""
SIGNAL_CODES = {name: code for code, name in enumerate(SIGNAL_NAMES)}
LIKE, CART, REMOVE, PURCHASE, RATING = (SIGNAL_CODES[name] for name in ("like", "cart", "remove", "purchase", "rating"))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What can be recommended: columns of equal length n_items, position = item code.

    `categories` are "/"-joined paths, broadest first; `attributes` are "key=value" strings; a missing text is "",
    a missing price NaN, an unknown `first_seen` NaN. `images` is float32[n_items, d] or None. `gone` is when each item
    was taken out of the shop's catalogue, NaN where it was not: for who judges, nothing learns from it or keeps it.
    """

    item_ids: tuple[str, ...]
    titles: tuple[str, ...] = ()
    descriptions: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    attributes: tuple[tuple[str, ...], ...] = ()
    group_ids: tuple[str, ...] = ()
    prices: Floats | None = None
    first_seen: Times | None = None
    images: Floats | None = None
    gone: Times | None = None

    @property
    def n_items(self) -> int:
        """How many items there are."""
        return len(self.item_ids)

    def places_in(self, other: "Catalogue") -> Longs:
        """Return int64[n_items]: the code that each item has in another catalogue, -1 where it has none."""
        if self.item_ids[: other.n_items] == other.item_ids:  # as from one moment to the next
            return np.concatenate([np.arange(other.n_items), np.full(self.n_items - other.n_items, -1)])
        codes = dict(zip(other.item_ids, range(other.n_items), strict=True))
        return np.fromiter(map(codes.get, self.item_ids, repeat(-1)), np.int64, self.n_items)

    def described(self) -> Bools:
        """Return bool[n_items]: of which items any word is known."""
        found = np.zeros(self.n_items, bool)
        for column in (*(getattr(self, name) for name in TEXTS), self.attributes):
            if column:
                found |= np.fromiter((bool(own) for own in column), bool, self.n_items)
        return found

    def later(self, moment: float) -> Bools:
        """Return bool[n_items]: which items appeared after a moment."""
        return np.zeros(self.n_items, bool) if self.first_seen is None else self.first_seen > moment

    def at(self, moment: float) -> Self:
        """Return the catalogue of an earlier moment: of items that appeared later nothing is known but the code.

        Sources then propose none of them, and nothing they have in common with others is counted.
        """
        later = self.later(moment)
        if not later.any():
            return self
        emptied: dict[str, Any] = {name: _emptied(getattr(self, name), later, "") for name in TEXTS}
        for name in NUMBERS:
            emptied[name] = None if getattr(self, name) is None else getattr(self, name).copy()
            if emptied[name] is not None:
                emptied[name][later] = np.nan
        return replace(self, attributes=_emptied(self.attributes, later, ()), **emptied)


def _emptied(column: tuple[T, ...], rows: Bools, nothing: T) -> tuple[T, ...]:
    return tuple(nothing if gone else own for own, gone in zip(column, rows.tolist(), strict=True)) if column else ()


@dataclass(frozen=True, slots=True)
class Interactions:
    """Who did what to which item: columns of equal length n, sorted by time (stable).

    `users` codes in [0, n_users); `items` catalogue codes; `signals` codes into SIGNAL_NAMES; `weights` > 0, how much
    the interaction counts; `values` the stars of a rating (1.0 elsewhere); `baskets` code of the order or session the
    row belongs to, -1 where unknown. `shoppers` are the attributes of each user code as "key=value" strings, () where
    nobody's are known; only aggregates of them may be learnt. `stated` says that shoppers gave all stars themselves: in
    a file, one number on every rating fills a column that had to be there.
    """

    users: Ints
    items: Ints
    times: Times
    signals: NDArray[np.int8]
    weights: Floats
    values: Floats
    baskets: Ints
    n_users: int
    shoppers: tuple[tuple[str, ...], ...] = ()
    stated: bool = False

    def __len__(self) -> int:
        return len(self.items)

    @property
    def columns(self) -> dict[str, NDArray[Any]]:
        """The columns of its rows by name."""
        names = ("users", "items", "times", "signals", "weights", "values", "baskets")
        return {name: getattr(self, name) for name in names}

    def some(self, rows: slice | NDArray[np.generic]) -> Self:
        """Return some of the rows, in the order asked for."""
        chosen: dict[str, Any] = {name: column[rows] for name, column in self.columns.items()}
        return replace(self, **chosen)


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


@dataclass(frozen=True, slots=True)
class Ranked:
    """Items best first with their scores (finite, non-increasing); equal lengths ≤ k; ties go to the lower code."""

    items: Ints
    scores: Floats


@dataclass(frozen=True, slots=True)
class RankedMany:
    """Row i answers profile i: items int32[n, k] padded with -1, scores float32[n, k] padded with -inf."""

    items: Ints
    scores: Floats


@dataclass(frozen=True)
class Config:
    """Base of every recommender's frozen settings. Subclasses add fields with defaults; all are JSON values."""

    seed: int = field(default=7, kw_only=True)


class Recommender(ABC):
    """One way to recommend. Deterministic: same data, same config, same answer."""

    name: ClassVar[str]
    config_class: ClassVar[type[Config]] = Config
    personal: ClassVar[bool] = False
    """Whether the answer depends on the shopper's profile."""
    contextual: ClassVar[bool] = False
    """Whether the answer depends on the context's items (similar, bundle, cart)."""

    def __init__(self, config: Config | None = None) -> None:
        self.config = config or self.config_class()

    @abstractmethod
    def fit(self, interactions: Interactions, catalogue: Catalogue) -> Self:
        """Learn, forgetting what was learnt before. Interactions may be empty. Raises ValueError on non-finite input.

        Deterministic for the same input and config.
        """

    @abstractmethod
    def recommend(self, profile: Profile, context: Context, k: int) -> Ranked:
        """Return up to k items. Unknown or empty profiles give an empty or a non-personal answer, never an error."""

    @abstractmethod
    def recommend_many(self, profiles: Sequence[Profile], contexts: Sequence[Context], k: int) -> RankedMany:
        """Return what `recommend` would, row by row."""

    @abstractmethod
    def score(self, profile: Profile, context: Context, items: Ints) -> Floats:
        """Return float32[len(items)]: the score of given items, 0 where there is no opinion."""

    @abstractmethod
    def knows(self, item: int) -> bool:
        """Return whether anything was learnt about the item code."""

    def because(self, profile: Profile, context: Context, item: int) -> tuple[int, ...]:
        """Return the profile's or context's item codes that speak most for the item, best first; () where none does."""
        return ()

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write `.npz` and JSON files (no pickle) into an existing directory; same state, same bytes."""

    @classmethod
    @abstractmethod
    def load(cls, directory: Path) -> Self:
        """Return what `save` wrote, with `allow_pickle=False`."""
