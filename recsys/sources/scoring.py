"""What recommenders share: one place for checks, masks, ties, chunks and files, so that each file holds its idea only.

A subclass gives `learn` (all that was learnt, as arrays) and `scores` (an opinion of every item). What `fit` keeps is
exactly what `save` writes, so a loaded model cannot differ from a fitted one.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from recsys.arrays import Floats, Ints
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.sources import storage
from recsys.sources.base import Ranked, RankedMany, Recommender
from recsys.sources.storage import Arrays
from recsys.sources.top import scores_of, top_k

CHUNK_CELLS = 1 << 24
"""How many scores are held at once when many shoppers are answered: 64 MB of float32."""

SearchSpace = dict[str, tuple[Any, ...]]
"""What may be tuned: name -> ("float", low, high, log) | ("int", low, high) | ("choice", [values])."""
Cost = Literal["seconds", "minutes"]
Use = Literal["ranked", "placements", "optional"]
Reason = Literal["own", "alike", "seen_together", "bought_together", "completes_cart"]
PlainReason = Literal["in_segment", "trending", "popular", "new", "predicted_rating"]


class Scoring(Recommender):
    """A recommender that can give its opinion of every item at once."""

    SEARCH_SPACE: ClassVar[SearchSpace] = {}
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset()
    """Settings that only matter when answering: `reconfigured` changes them without another fit."""
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Settings worth trying before any search, beside the defaults: each suits one kind of shop."""
    discovers: ClassVar[bool] = False
    """Whether it is there for what the shopper never had: its settings are then chosen by that alone (ADR 22)."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules of an optional extra, imported only when fitting or answering."""
    exact: ClassVar[bool] = True
    """Whether many answers equal single ones to the last bit; matrix products of factor models round otherwise."""
    HALF_LIFE: ClassVar[str] = ""
    """The setting that fades what it learns from, in days; "": it has none that is tried before any search."""
    cost: ClassVar[Cost] = "minutes"
    """How long a million rows take to learn from. Increments, between two trainings, fit again what takes seconds."""
    use: ClassVar[Use] = "ranked"
    """Who asks it: each training's ranker, placements by its name only, or rankers where the shop names it."""
    reason: ClassVar[Reason] = "seen_together"
    """What an item of its list has to do with a product of the shopper's."""
    plain_reason: ClassVar[PlainReason | None] = None
    """The reason where no product of the shopper's stands for the item; None where one always does."""
    learns_taste: ClassVar[bool] = False
    """Whether it finds new items by the shopper's taste; the behavior suite then asks for the obvious answer."""
    n_items: int = 0
    learned_until: float | None = None
    """Time of the latest row that was learnt from; None where there was none. The gate asks for it."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.arrays: Arrays = {}

    @classmethod
    def installed(cls) -> bool:
        """Return whether all that it needs is on this machine."""
        return all(map(find_spec, cls.needs))

    @abstractmethod
    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Return all that was learnt, as arrays without objects."""

    @abstractmethod
    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return float32[n_items], finite; 0 is no opinion. `top_k` of `top.py` turns it into an answer."""

    def prepare(self) -> None:
        """Derive from `self.arrays` what answering needs; runs after both fit and load."""

    def fit(self, interactions: Interactions, catalog: Catalog) -> Self:
        """Learn, forgetting what was learnt before. Raises ValueError on malformed or non-finite input."""
        check_input(interactions, catalog)
        self.n_items = catalog.n_items
        self.learned_until = float(interactions.times.max()) if len(interactions) else None
        self.arrays = self.learn(interactions, catalog)
        self.prepare()
        return self

    def reconfigured(self, **settings: Any) -> Self:
        """Return the same learnt state under other SERVE_TIME settings. Raises ValueError on any other."""
        if unfit := set(settings) - self.SERVE_TIME:
            raise ValueError(f"{', '.join(sorted(unfit))} of {self.name} need another fit")
        model = type(self)(replace(self.config, **settings))
        model.n_items, model.arrays, model.learned_until = self.n_items, self.arrays, self.learned_until
        model.prepare()
        return model

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return float32[n, n_items], row i as `scores` of shopper i. Mind the size: see `CHUNK_CELLS`."""
        scores = np.empty((len(profiles), self.n_items), np.float32)
        for row, (profile, context) in enumerate(zip(profiles, contexts, strict=True)):
            scores[row] = self.scores(profile, context)
        return scores

    def recommend(self, profile: Profile, context: Context, k: int) -> Ranked:
        """Return up to k items; a contextual recommender does not answer the context's own items."""
        return top_k(self.scores(profile, context), profile, context, k, drop=self._own(context))

    def recommend_many(self, profiles: Sequence[Profile], contexts: Sequence[Context], k: int) -> RankedMany:
        """Return what `recommend` would, row by row, in chunks of bounded memory."""
        items = np.full((len(profiles), k), -1, np.int32)
        values = np.full((len(profiles), k), -np.inf, np.float32)
        size = max(1, CHUNK_CELLS // max(1, self.n_items))
        for start in range(0, len(profiles), size):
            chunk = slice(start, start + size)
            scores = self.scores_many(profiles[chunk], contexts[chunk])
            for row, line in enumerate(scores, start):
                ranked = top_k(line, profiles[row], contexts[row], k, drop=self._own(contexts[row]))
                items[row, : len(ranked.items)] = ranked.items
                values[row, : len(ranked.items)] = ranked.scores
        return RankedMany(items, values)

    def score(self, profile: Profile, context: Context, items: Ints) -> Floats:
        """Return float32[len(items)], 0 where there is no opinion."""
        return scores_of(self.scores(profile, context), items)

    def knows(self, item: int) -> bool:
        """Return whether the item was in the catalog when the model was fitted."""
        return 0 <= item < self.n_items

    def save(self, directory: Path) -> None:
        """Write `arrays.npz` and `recommender.json`."""
        storage.write_arrays(directory / "arrays.npz", self.arrays)
        statistics = {
            "name": self.name,
            "n_items": self.n_items,
            "learned_until": self.learned_until,
            "config": asdict(self.config),
        }
        storage.write_json(directory / "recommender.json", statistics)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Return what `save` wrote, its arrays memory-mapped.

        Raises ValueError where another recommender wrote it, or one with settings that this code no longer has.
        """
        statistics = storage.read_json(directory / "recommender.json")
        if statistics["name"] != cls.name:
            raise ValueError(f"{directory.name} holds {statistics['name']}, not {cls.name}")
        settings: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in statistics["config"].items()
        }
        if gone := set(settings) - {part.name for part in fields(cls.config_class)}:
            raise ValueError(f"{directory.name} was made with {', '.join(sorted(gone))}, which {cls.name} has no more")
        model = cls(cls.config_class(**settings))
        model.n_items, model.learned_until = statistics["n_items"], statistics.get("learned_until")
        model.arrays = storage.read_arrays(directory / "arrays.npz")
        model.prepare()
        return model

    def _own(self, context: Context) -> tuple[int, ...]:
        return context.items if self.contextual else ()


def check_input(interactions: Interactions, catalog: Catalog) -> None:
    """Raise ValueError where columns differ in length, codes lie outside, or numbers are not finite."""
    columns = interactions.columns
    if len(set(map(len, columns.values()))) > 1:
        raise ValueError("the columns of the interactions differ in length")
    for name in ("times", "weights", "values"):
        if not np.isfinite(columns[name]).all():
            raise ValueError(f"{name} must be finite")
    for name, end in (("users", interactions.n_users), ("items", catalog.n_items)):
        codes = columns[name]
        if len(codes) and not (codes.min() >= 0 and codes.max() < end):
            raise ValueError(f"{name} must lie in [0, {end})")
