"""The base class of all recommenders: input checks, masks, ties, chunks and files.

A subclass implements `learn` (returns the trained arrays) and `scores` (scores all items). A fitted model holds exactly
the arrays that `save` writes, so a loaded model equals the fitted one.
"""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from recsys.arrays import Floats, Ints, Longs
from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.recent_counts import RecentCounts
from recsys.sources import storage
from recsys.sources.base import Ranked, RankedMany, Recommender
from recsys.sources.item_scores import ItemScores
from recsys.sources.storage import Arrays
from recsys.sources.top import permitted, scores_of, top_k

CHUNK_CELLS = 1 << 24
"""Number of scores in memory at once for many shoppers: 64 MB of float32."""

SearchSpace = dict[str, tuple[Any, ...]]
"""Settings to tune: name -> ("float", low, high, log) | ("int", low, high) | ("choice", [values])."""
Cost = Literal["seconds", "minutes"]
Use = Literal["ranked", "placements", "optional"]
Reason = Literal["own", "alike", "seen_together", "bought_together", "completes_cart"]
PlainReason = Literal["in_segment", "trending", "popular", "new", "predicted_rating"]


class Scoring(Recommender):
    """A recommender that scores all items at once."""

    SEARCH_SPACE: ClassVar[SearchSpace] = {}
    SERVE_TIME: ClassVar[frozenset[str]] = frozenset()
    """Settings that training does not use: `reconfigured` changes them without a refit."""
    STARTS: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Settings to try before any search, besides the defaults; each suits one kind of shop."""
    discovers: ClassVar[bool] = False
    """Whether it is meant for products that are new to the shopper; only these then decide on its settings (ADR 22)."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Modules of an optional extra, imported only when needed."""
    exact: ClassVar[bool] = True
    """Whether `recommend_many` equals `recommend` to the last bit; matrix products of factor models round."""
    HALF_LIFE: ClassVar[str] = ""
    """The setting with the half-life of training data, in days, which is tried before any search; "" without one."""
    cost: ClassVar[Cost] = "minutes"
    """Training time on a million rows. Increments, between two trainings, refit only sources that take seconds."""
    use: ClassVar[Use] = "ranked"
    """Who uses it: every ranker, placements that name it, or rankers of shops that name it."""
    reason: ClassVar[Reason | None] = "seen_together"
    """The reason that relates a recommended item to one of the shopper's products; None if the order has no cause."""
    plain_reason: ClassVar[PlainReason | None] = None
    """The reason without such a product; None if there always is one."""
    learns_taste: ClassVar[bool] = False
    """Whether it finds new items by the shopper's taste; the behavior suite then checks for the obvious answer."""
    unlearns: ClassVar[bool] = False
    """Whether it is refitted at once when a shopper is erased; others follow with the next training."""
    n_items: int = 0
    learned_until: float | None = None
    """The clock of the training rows, usually the time of the latest; None without rows. The gate checks it."""

    def __init__(self, config: Any = None) -> None:
        super().__init__(config)
        self.arrays: Arrays = {}

    @classmethod
    def installed(cls) -> bool:
        """Return whether its optional modules are installed."""
        return all(map(find_spec, cls.needs))

    @abstractmethod
    def learn(self, interactions: Interactions, catalog: Catalog) -> Arrays:
        """Train and return the model's arrays, without object types."""

    def relearn(self, interactions: Interactions, catalog: Catalog, changed: Longs) -> Arrays:
        """Return what `learn` returns. Only shoppers of the `changed` items have other rows than in the last fit."""
        return self.learn(interactions, catalog)

    @abstractmethod
    def scores(self, profile: Profile, context: Context) -> Floats:
        """Return float32[n_items], finite; 0 means no opinion. `top.top_k` turns scores into an answer."""

    def prepare(self) -> None:
        """Derive attributes from `self.arrays`; called after fit and load."""

    def fit(self, interactions: Interactions, catalog: Catalog) -> Self:
        """Train from scratch and return self. Raises ValueError on malformed or non-finite input."""
        check_input(interactions, catalog)
        self.n_items = catalog.n_items
        self.learned_until = interactions.now if len(interactions) else None
        self.arrays = self.learn(interactions, catalog)
        self.prepare()
        return self

    def refitted(self, interactions: Interactions, catalog: Catalog, changed: Longs) -> Self:
        """Return what `fit` returns on the interactions. The catalog and the clock are those of the last fit.

        Only shoppers of the `changed` items, ascending codes, have other rows than then.
        """
        check_input(interactions, catalog)
        model = type(self)(self.config)
        model.n_items = catalog.n_items
        model.learned_until = interactions.now if len(interactions) else None
        model.arrays = self.relearn(interactions, catalog, changed)
        model.prepare()
        return model

    def reconfigured(self, **settings: Any) -> Self:
        """Return the model with other SERVE_TIME settings and the same arrays. Raises ValueError on other settings."""
        if unfit := set(settings) - self.SERVE_TIME:
            raise ValueError(f"{', '.join(sorted(unfit))} of {self.name} need another fit")
        model = type(self)(replace(self.config, **settings))
        model.n_items, model.arrays, model.learned_until = self.n_items, self.arrays, self.learned_until
        model.prepare()
        return model

    def item_scores(self, profile: Profile, context: Context) -> ItemScores:
        """Return `scores` of those items that have any, for one answer."""
        return ItemScores(self.scores(profile, context))

    def with_recent_counts(self, counts: RecentCounts, catalog: Catalog) -> Self:
        """Return the model after the live counts, whose codes are the catalog's; itself if it counts nothing.

        Counts replace those of an earlier call.
        """
        return self

    def scores_many(self, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return float32[n, n_items]: `scores` of each profile. Limit n as with `CHUNK_CELLS`."""
        scores = np.empty((len(profiles), self.n_items), np.float32)
        for row, (profile, context) in enumerate(zip(profiles, contexts, strict=True)):
            scores[row] = self.scores(profile, context)
        return scores

    def recommend(self, profile: Profile, context: Context, k: int) -> Ranked:
        """Return up to k items; a contextual recommender leaves out the context's items."""
        mask = permitted(self.n_items, profile, context, self._own(context))
        return self.item_scores(profile, context).best(mask, k)

    def recommend_many(self, profiles: Sequence[Profile], contexts: Sequence[Context], k: int) -> RankedMany:
        """Return the answers of `recommend`, one row per profile, in chunks of bounded memory."""
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
        """Return float32[len(items)]: the scores of item codes; 0 means no opinion."""
        return scores_of(self.scores(profile, context), items)

    def knows(self, item: int) -> bool:
        """Return whether the item was in the catalog when the model was fitted."""
        return 0 <= item < self.n_items

    def save(self, directory: Path) -> None:
        """Write `arrays.npz` and `recommender.json`."""
        storage.write_arrays(directory / "arrays.npz", self.arrays)
        content = {
            "name": self.name,
            "n_items": self.n_items,
            "learned_until": self.learned_until,
            "config": asdict(self.config),
        }
        storage.write_json(directory / "recommender.json", content)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Return the model that `save` wrote, with memory-mapped arrays.

        Raises ValueError if another recommender wrote it, or if it has settings that no longer exist.
        """
        content = storage.read_json(directory / "recommender.json")
        if content["name"] != cls.name:
            raise ValueError(f"{directory.name} holds {content['name']}, not {cls.name}")
        settings: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in content["config"].items()
        }
        if unknown := set(settings) - {part.name for part in fields(cls.config_class)}:
            raise ValueError(
                f"{directory.name} was made with {', '.join(sorted(unknown))}, which {cls.name} has no more"
            )
        model = cls(cls.config_class(**settings))
        model.n_items, model.learned_until = content["n_items"], content.get("learned_until")
        model.arrays = storage.read_arrays(directory / "arrays.npz")
        model.prepare()
        return model

    def _own(self, context: Context) -> tuple[int, ...]:
        return context.items if self.contextual else ()


def check_input(interactions: Interactions, catalog: Catalog) -> None:
    """Raise ValueError if columns differ in length, codes are out of range, or numbers are not finite."""
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
