"""The released model: catalog, sources, item statistics and ranker. One code answers one shopper or many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from recsys.arrays import (
    Bools,
    Floats,
    Ints,
)
from recsys.data.catalog import Catalog
from recsys.data.event_weights import weight_table
from recsys.data.item_fingerprints import Fingerprints
from recsys.data.profile import Context, Profile
from recsys.ranking import artifact
from recsys.ranking.blend import blend_scores, chained_scores, single_stage_sources
from recsys.ranking.candidates import (
    Candidates,
    gather,
    ranked_within_candidates,
)
from recsys.ranking.cart_ranker import (
    BASKET,
    CART_FEATURE_NAMES,
    WITHOUT_RANKER,
    cart_candidates,
    cart_features,
)
from recsys.ranking.explanation import Slate, to_slates
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.extension import extended_catalog, extended_source, extended_statistics
from recsys.ranking.features import feature_names, features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.newcomers import newcomers
from recsys.ranking.predicted_ratings import RatingPredictor
from recsys.ranking.ranker import Ranker
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring

LOADING_ERRORS = (artifact.ArtifactError, KeyError, ValueError, TypeError, OSError)
"""What `HybridModel.load` raises: the artifact is not the registered one, or another release wrote it."""
EVENT_WEIGHTS = "event_weights"
"""Key of the manifest: the weight of an event by its signal."""
HYBRID = "hybrid"
"""The strategy that uses the stage at which the model was released."""
CART_RANKER = "cart_ranker.json"
BLEND = "blend"
"""The stage, and the strategy, that sums the sources' weighted ranks."""


@dataclass(frozen=True)
class HybridModel:
    """A model version in memory. It is immutable, so any number of threads may use it.

    `quotas` is the number of candidates of each source, `blend` each source's weight in the blend.
    `manifest["stage"]` is the stage of the ladder that validation supports.
    """

    catalog: Catalog
    sources: Mapping[str, Scoring]
    statistics: ItemStatistics
    ranker: Ranker | None
    quotas: Mapping[str, int]
    blend: Mapping[str, float]
    manifest: Mapping[str, Any]
    exposure: ExposureConstraint | None = None
    """Lowers over-exposed items on the stages blend and ranker; None where its strength is 0."""
    cart_ranker: Ranker | None = None
    """The ranker of carts; None where validation does not support one."""
    fingerprints: Fingerprints | None = None
    """uint64[n_items] of the rows that counts were learned from, to unlearn some; None in older versions."""

    @property
    def stage(self) -> str:
        """The released stage of the ladder."""
        return str(self.manifest["stage"])

    @property
    def single_source(self) -> str:
        """The name of the source of the stage "single"."""
        return str(self.manifest["single"])

    @property
    def new_only(self) -> bool:
        """Whether the model was trained and evaluated to recommend only products that are new to the shopper."""
        return bool(self.manifest.get("plan", {}).get("new_only", False))

    @property
    def shown_rating_predictor(self) -> RatingPredictor | None:
        """The predictor of the stars that shoppers see; None without ratings, or where the mean rating is as near."""
        return self.statistics.stars if self.manifest.get("shows_predicted_ratings", True) else None

    @property
    def ratings_differ(self) -> bool:
        """Whether the ratings of the training differ: where all are equal, a low one is no dislike."""
        return bool(self.manifest.get("ratings_differ", True))

    @property
    def ranker_sources(self) -> dict[str, Scoring]:
        """The sources of the ranker's candidates, in the order of its features."""
        return {name: self.sources[name] for name in self.quotas}

    @property
    def event_weights(self) -> Floats:
        """The weight of an event by its signal code, float32[n_signals], as in the training of this model."""
        return weight_table(self.manifest.get(EVENT_WEIGHTS, {}))

    def slate(
        self,
        profile: Profile,
        context: Context,
        k: int,
        *,
        strategy: str | None = None,
        sources: Sequence[str] | None = None,
        explain: bool = False,
    ) -> Slate:
        """Return the k best items for one shopper.

        `strategy` is a recommender's name, "blend", "ranker", "basket" (the ranker of carts), or None / "hybrid" for
        the released stage. A newcomer gets the prior, or popularity instead of the ranker. `sources` restricts the
        sources of candidates. Raises KeyError for a strategy that the model lacks.
        """
        return self.slate_many([profile], [context], k, strategy=strategy, sources=sources, explain=explain)[0]

    def slate_many(
        self,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        strategy: str | None = None,
        sources: Sequence[str] | None = None,
        explain: bool = False,
    ) -> list[Slate]:
        """Return the `slate` of each shopper, in order."""
        if strategy == BASKET:
            return self._cart_slates(profiles, contexts, k, sources=sources, explain=explain)
        released_stage = self._stage_of(strategy)
        if strategy not in (None, HYBRID) or sources is not None:
            return self._slates(profiles, contexts, k, stage=released_stage, sources=sources, explain=explain)
        rows_by_stage = newcomers(self.sources, profiles, contexts, stage=released_stage)
        other_rows = sorted(set(range(len(profiles))).difference(*rows_by_stage.values()))
        slates: dict[int, Slate] = {}
        for stage, rows in {released_stage: other_rows, **rows_by_stage}.items():
            batch = [profiles[row] for row in rows], [contexts[row] for row in rows]
            slates |= zip(rows, self._slates(*batch, k, stage=stage, sources=sources, explain=explain), strict=True)
        return [slates[row] for row in range(len(profiles))]

    def _slates(
        self,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        stage: str,
        sources: Sequence[str] | None,
        explain: bool,
    ) -> list[Slate]:
        quotas = self._quotas_for(stage, sources, k)
        candidates = gather(
            self._sources_of(stage, quotas), profiles, contexts, quotas=quotas, n_items=self.catalog.n_items
        )
        return self._to_slates(candidates, profiles, contexts, k, stage=stage, explain=explain)

    def _cart_slates(
        self,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        sources: Sequence[str] | None,
        explain: bool,
    ) -> list[Slate]:
        """Return what completes each cart: by the ranker of carts, else by complements. An empty cart is no cart."""
        if self.cart_ranker is None or not all(context.items for context in contexts):
            without = WITHOUT_RANKER if WITHOUT_RANKER in self.sources else HYBRID
            strategies = [without if context.items else HYBRID for context in contexts]
            return [
                self.slate(profile, context, k, strategy=strategy, explain=explain)
                for profile, context, strategy in zip(profiles, contexts, strategies, strict=True)
            ]
        candidates = cart_candidates(self.sources, profiles, contexts, n_items=self.catalog.n_items)
        feature_matrix = cart_features(candidates, profiles, contexts, self.statistics)
        scores = self.cart_ranker.scores(feature_matrix)
        if sources is not None:
            columns = [candidates.sources.index(name) for name in sources if name in candidates.sources]
            is_proposed: Bools = np.asarray((~np.isnan(candidates.ranks[:, columns])).any(axis=1), np.bool_)
            candidates, feature_matrix = candidates.part(is_proposed), feature_matrix[is_proposed]
            scores = scores[is_proposed]
        return to_slates(candidates, scores, k, ranker=self.cart_ranker if explain else None, features=feature_matrix)

    def rank(self, profile: Profile, context: Context, items: Ints) -> Slate:
        """Return all the given items, best first."""
        stage = self._stage_of(None)
        stage = next(iter(newcomers(self.sources, [profile], [context], stage=stage)), stage)
        quotas = {stage: len(items)} if stage in self.sources else self.quotas
        sources = self._sources_of(stage, quotas)
        if stage == "ranker":  # as in training: products in the history were no candidates, so they headed no list
            context = replace(context, seen_allowed=context.seen_allowed and not self.new_only)
        candidates = gather(
            sources, [profile], [context], quotas=quotas, n_items=self.catalog.n_items, fixed_items=items
        )
        if stage != "ranker":  # only its features need ranks among all items
            candidates = ranked_within_candidates(candidates.part(np.isin(candidates.items, items)))
        slates = self._to_slates(candidates, [profile], [context], len(candidates.items), stage=stage, explain=False)[0]
        return slates.among(items)

    def warm_up(self) -> None:
        """Answer a made-up shopper, so that the first real one does not wait for compiled code to be loaded."""
        if not self.catalog.n_items:
            return
        ones = np.ones(2, np.float32)
        profile = Profile(np.zeros(2, np.int32), np.arange(2.0), np.zeros(2, np.int8), ones, ones, now=2.0)
        for context in (Context(allowed=np.ones(self.catalog.n_items, np.bool_)), Context(items=(0,))):
            self.slate(profile, context, 10)
            self.slate(profile, context, 10, strategy=BASKET)

    def extended(
        self, items: pd.DataFrame, *, removed_items: pd.DataFrame | None = None, before: Self | None = None
    ) -> Self:
        """Return a model that also knows the frame's new products, by content alone. Their codes follow the known ones.

        Codes of `removed_items` come last; their content is not read, since they are never shown. `before` is this
        model extended by the first of the same products: what it computed is reused.
        """
        with_new = extended_catalog(self.catalog, items)
        catalog = with_new if removed_items is None else extended_catalog(with_new, removed_items)
        if catalog.n_items == self.catalog.n_items:
            return self
        statistics = extended_statistics(self.statistics, self.catalog, catalog)
        earlier_sources: Mapping[str, Scoring] = {} if before is None else before.sources
        sources = {
            name: extended_source(own, with_new, earlier=earlier_sources.get(name))
            for name, own in self.sources.items()
        }
        exposure = self.exposure.extended(catalog.n_items) if self.exposure else None
        return replace(self, catalog=catalog, statistics=statistics, sources=sources, exposure=exposure)

    def save(self, directory: Path) -> str:
        """Write the artifact into an empty directory and return its hash; the same model gives the same hash."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, source in self.sources.items():
            (directory / "sources" / name).mkdir(parents=True)
            source.save(directory / "sources" / name)
        artifact.write_catalog(directory, self.catalog)
        artifact.write_statistics(directory, self.statistics)
        artifact.write_exposure(directory, self.exposure)
        artifact.write_fingerprints(directory, self.fingerprints)
        if self.ranker is not None:
            (directory / "ranker.json").write_text(self.ranker.text(), encoding="utf-8")
        if self.cart_ranker is not None:
            (directory / CART_RANKER).write_text(self.cart_ranker.text(), encoding="utf-8")
        body = {
            **self.manifest,
            "sources": list(self.sources),
            "quotas": dict(self.quotas),
            "blend": dict(self.blend),
            "features": list(self.ranker.names) if self.ranker is not None else [],
            "cart_features": list(self.cart_ranker.names) if self.cart_ranker is not None else [],
            "exposure": self.exposure.strength if self.exposure else 0.0,
        }
        return artifact.seal(directory, body)

    @classmethod
    def load(cls, directory: Path, *, expected: str | None = None) -> Self:
        """Return what `save` wrote. Raises ArtifactError where a file or the hash changed.

        Raises one of LOADING_ERRORS where another release wrote sources, features or statistics that this code lacks.
        Loading such a model would make every answer fail.
        """
        manifest = artifact.unseal(directory, expected=expected)
        for description, names_in_manifest, supported in (
            ("it has recommenders", manifest["sources"], RECOMMENDERS),
            ("its ranker looks at features", manifest["features"], feature_names(tuple(manifest["quotas"]))),
            ("its ranker of carts looks at features", manifest.get("cart_features", []), CART_FEATURE_NAMES),
        ):
            if unknown := set(names_in_manifest).difference(supported):
                names = ", ".join(sorted(unknown))
                raise artifact.ArtifactError(f"{directory.name}: {description} that this code does not know: {names}")
        return cls(
            catalog=artifact.read_catalog(directory),
            sources={name: RECOMMENDERS[name].load(directory / "sources" / name) for name in manifest["sources"]},
            statistics=artifact.read_statistics(directory),
            ranker=_read_ranker(directory / "ranker.json", manifest["features"]),
            quotas=manifest["quotas"],
            blend=manifest["blend"],
            manifest=manifest,
            exposure=artifact.read_exposure(directory, strength=manifest.get("exposure", 0.0)),
            cart_ranker=_read_ranker(directory / CART_RANKER, manifest.get("cart_features", [])),
            fingerprints=artifact.read_fingerprints(directory),
        )

    def _stage_of(self, strategy: str | None) -> str:
        stage = self.stage if strategy in (None, HYBRID) else str(strategy)
        if stage == "ranker" and self.ranker is None:
            raise KeyError("this model was released without a ranker")
        if stage not in ("single", BLEND, "ranker") and stage not in self.sources:
            raise KeyError(f"no source named {stage}")
        return stage

    def _quotas_for(self, stage: str, sources: Sequence[str] | None, k: int) -> dict[str, int]:
        if stage in self.sources:
            return {stage: max(k, 1)}
        if stage == "single":
            return dict.fromkeys(single_stage_sources(self.single_source), max(k, 1))
        if sources is None:  # as in training: the ranker never saw more candidates than that
            times = -(-k // max(1, sum(self.quotas.values())))
            return {name: quota * max(1, times) for name, quota in self.quotas.items()}
        return {name: max(quota, k) if name in sources else 0 for name, quota in self.quotas.items()}

    def _sources_of(self, stage: str, quotas: Mapping[str, int]) -> dict[str, Scoring]:
        if stage in self.sources:
            return {stage: self.sources[stage]}
        if stage == "single":
            return {name: self.sources[name] for name in single_stage_sources(self.single_source)}
        if stage == "ranker":
            return self.ranker_sources
        return {name: source for name, source in self.sources.items() if self.blend.get(name, 0) and quotas.get(name)}

    def _to_slates(
        self,
        candidates: Candidates,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        stage: str,
        explain: bool,
    ) -> list[Slate]:
        if stage != "ranker" or self.ranker is None:
            scores = self._scores_without_ranker(candidates, stage)
            return to_slates(candidates, self.apply_exposure_constraint(candidates, scores, stage=stage), k)
        feature_matrix = self.features(candidates, profiles, contexts)
        scores = self.apply_exposure_constraint(candidates, self.ranker.scores(feature_matrix), stage=stage)
        return to_slates(candidates, scores, k, ranker=self.ranker if explain else None, features=feature_matrix)

    def apply_exposure_constraint(self, candidates: Candidates, scores: Floats, *, stage: str) -> Floats:
        """Return float32[n_pairs]: the scores, lowered for over-exposed items on the stages blend and ranker."""
        if self.exposure is None or stage not in (BLEND, "ranker"):
            return scores
        return self.exposure.penalized_scores(candidates, scores)

    def with_exposure(self, exposure: ExposureConstraint) -> Self:
        """Return the same model under an exposure constraint."""
        return replace(self, exposure=exposure)

    def _scores_without_ranker(self, candidates: Candidates, stage: str) -> Floats:
        if stage == BLEND:
            return blend_scores(candidates, self.blend)
        if stage == "single":
            return chained_scores(candidates, candidates.sources)
        return candidates.scores[:, 0]

    def features(self, candidates: Candidates, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return float32[n_pairs, n_features] for the ranker. Raises ValueError where the model has none."""
        if self.ranker is None:
            raise ValueError("this model was released without a ranker")
        return features(candidates, profiles, contexts, self.statistics)


def _read_ranker(file: Path, names: Sequence[str]) -> Ranker | None:
    return Ranker.parse(file.read_text(encoding="utf-8"), names) if file.exists() else None
