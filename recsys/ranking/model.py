"""What is released: catalog, sources, item statistics and ranker, answering one shopper or many by the same code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd

from recsys.arrays import (
    Floats,
    Ints,
)
from recsys.data.catalog import Catalog
from recsys.data.event_weights import weight_table
from recsys.data.profile import Context, Profile
from recsys.ranking import artifact
from recsys.ranking.blend import alone, blend_scores, followed
from recsys.ranking.candidates import (
    Candidates,
    among_themselves,
    gather,
)
from recsys.ranking.explanation import Slate, told
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.extension import extended_catalog, extended_source, extended_statistics
from recsys.ranking.features import feature_names, features
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.newcomers import newcomers
from recsys.ranking.predicted_ratings import Stars
from recsys.ranking.ranker import Ranker
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring

LOADING_ERRORS = (artifact.ArtifactError, KeyError, ValueError, TypeError, OSError)
"""What `HybridModel.load` raises for an artifact that was altered, or needs settings this code does not have."""
EVENT_WEIGHTS = "event_weights"
"""Where the manifest says what an event counts, by its signal."""
HYBRID = "hybrid"
"""The strategy that means: whatever stage this model was released at."""
BLEND = "blend"
"""The stage, and the strategy, that weighs the sources' lists."""


@dataclass(frozen=True)
class HybridModel:
    """A model version in memory. Immutable, so that any number of threads may ask it.

    `quotas` says how many candidates each source proposes, `blend` each source's weight in the blend.
    `manifest["stage"]` is what validation earned.
    """

    catalog: Catalog
    sources: Mapping[str, Scoring]
    statistics: ItemStatistics
    ranker: Ranker | None
    quotas: Mapping[str, int]
    blend: Mapping[str, float]
    manifest: Mapping[str, Any]
    exposure: ExposureConstraint | None = None
    """What holds back over-exposed items on the stages that blend sources; None where the knob is at 0."""

    @property
    def stage(self) -> str:
        """Which stage of the ladder was released."""
        return str(self.manifest["stage"])

    @property
    def single(self) -> str:
        """Which source the stage "single" is."""
        return str(self.manifest["single"])

    @property
    def new_only(self) -> bool:
        """Whether the ranker was taught, and judged, to recommend only what is new to the shopper."""
        return bool(self.manifest.get("plan", {}).get("new_only", False))

    @property
    def shown_ratings(self) -> Stars | None:
        """What predicts the stars that shoppers are told; None where there are none, or the usual rating is as near."""
        return self.statistics.stars if self.manifest.get("shows_predicted_ratings", True) else None

    @property
    def ratings_differ(self) -> bool:
        """Whether ratings say anything: where all that were learnt from are equal, a low one is no dislike."""
        return bool(self.manifest.get("ratings_differ", True))

    @property
    def ranked(self) -> dict[str, Scoring]:
        """The sources that propose to the ranker, in the order of its features."""
        return {name: self.sources[name] for name in self.quotas}

    @property
    def weights(self) -> Floats:
        """What an event counts by its signal code, float32: what it counted when this model was trained."""
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

        `strategy` is a recommender's name, "blend", "ranker", or None / "hybrid" for the released stage. A newcomer
        gets the prior, or popularity, instead of the ranker. `sources` narrows who may propose candidates. Raises
        KeyError for a strategy this model does not hold.
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
        """Return `slate` of each shopper, in order."""
        released = self._rung(strategy)
        if strategy not in (None, HYBRID) or sources is not None:
            return self._slates(profiles, contexts, k, stage=released, sources=sources, explain=explain)
        fresh = newcomers(self.sources, profiles, contexts, stage=released)
        others = sorted(set(range(len(profiles))).difference(*fresh.values()))
        found: dict[int, Slate] = {}
        for stage, rows in {released: others, **fresh}.items():
            part = [profiles[row] for row in rows], [contexts[row] for row in rows]
            found |= zip(rows, self._slates(*part, k, stage=stage, sources=sources, explain=explain), strict=True)
        return [found[row] for row in range(len(profiles))]

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
        asked = self._asked(stage, sources, k)
        candidates = gather(self._needed(stage, asked), profiles, contexts, quotas=asked, n_items=self.catalog.n_items)
        return self._told(candidates, profiles, contexts, k, stage=stage, explain=explain)

    def rank(self, profile: Profile, context: Context, items: Ints) -> Slate:
        """Return the given items, all of them, best first."""
        stage = self._rung(None)
        stage = next(iter(newcomers(self.sources, [profile], [context], stage=stage)), stage)
        asked = {stage: len(items)} if stage in self.sources else self.quotas
        needed = self._needed(stage, asked)
        if stage == "ranker":  # as it was taught: whose own products were no candidates, they led no list
            context = replace(context, seen_allowed=context.seen_allowed and not self.new_only)
        candidates = gather(needed, [profile], [context], quotas=asked, n_items=self.catalog.n_items, given=items)
        if stage != "ranker":  # whose features tell the place among all items
            candidates = among_themselves(candidates.part(np.isin(candidates.items, items)))
        found = self._told(candidates, [profile], [context], len(candidates.items), stage=stage, explain=False)[0]
        return found.among(items)

    def extended(self, items: pd.DataFrame, *, gone: pd.DataFrame | None = None, before: Self | None = None) -> Self:
        """Return a model that also knows the frame's new products, behind the known codes, by their content alone.

        Behind these it has codes for what is `gone`, which it compares with nothing: it is never shown. `before` is
        this model as it was extended by the first of the products, told in the same words.
        """
        sold = extended_catalog(self.catalog, items)
        catalog = sold if gone is None else extended_catalog(sold, gone)
        if catalog.n_items == self.catalog.n_items:
            return self
        statistics = extended_statistics(self.statistics, self.catalog, catalog)
        lent: Mapping[str, Scoring] = {} if before is None else before.sources
        known = {name: extended_source(own, sold, before=lent.get(name)) for name, own in self.sources.items()}
        exposure = self.exposure.extended(catalog.n_items) if self.exposure else None
        return replace(self, catalog=catalog, statistics=statistics, sources=known, exposure=exposure)

    def save(self, directory: Path) -> str:
        """Write the artifact into an empty directory and return its hash; the same model gives the same hash."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, source in self.sources.items():
            (directory / "sources" / name).mkdir(parents=True)
            source.save(directory / "sources" / name)
        artifact.write_catalog(directory, self.catalog)
        artifact.write_statistics(directory, self.statistics)
        artifact.write_exposure(directory, self.exposure)
        if self.ranker is not None:
            (directory / "ranker.json").write_text(self.ranker.text(), encoding="utf-8")
        body = {
            **self.manifest,
            "sources": list(self.sources),
            "quotas": dict(self.quotas),
            "blend": dict(self.blend),
            "features": list(self.ranker.names) if self.ranker is not None else [],
            "exposure": self.exposure.strength if self.exposure else 0.0,
        }
        return artifact.seal(directory, body)

    @classmethod
    def load(cls, directory: Path, *, expected: str | None = None) -> Self:
        """Return what `save` wrote. Raises ArtifactError when a file, or the hash, is not as it was.

        Raises one of LOADING_ERRORS where it names recommenders or features that this code does not know: each answer
        would fail.
        """
        manifest = artifact.unseal(directory, expected=expected)
        for what, named, known in (
            ("it has recommenders", manifest["sources"], RECOMMENDERS),
            ("its ranker looks at features", manifest["features"], feature_names(tuple(manifest["quotas"]))),
        ):
            if unknown := set(named).difference(known):
                names = ", ".join(sorted(unknown))
                raise artifact.ArtifactError(f"{directory.name}: {what} that this code does not know: {names}")
        text = directory / "ranker.json"
        ranker = Ranker.parse(text.read_text(encoding="utf-8"), manifest["features"]) if text.exists() else None
        return cls(
            catalog=artifact.read_catalog(directory),
            sources={name: RECOMMENDERS[name].load(directory / "sources" / name) for name in manifest["sources"]},
            statistics=artifact.read_statistics(directory),
            ranker=ranker,
            quotas=manifest["quotas"],
            blend=manifest["blend"],
            manifest=manifest,
            exposure=artifact.read_exposure(directory, strength=manifest.get("exposure", 0.0)),
        )

    def _rung(self, strategy: str | None) -> str:
        stage = self.stage if strategy in (None, HYBRID) else str(strategy)
        if stage == "ranker" and self.ranker is None:
            raise KeyError("this model was released without a ranker")
        if stage not in ("single", BLEND, "ranker") and stage not in self.sources:
            raise KeyError(f"no source named {stage}")
        return stage

    def _asked(self, stage: str, sources: Sequence[str] | None, k: int) -> dict[str, int]:
        if stage in self.sources:
            return {stage: max(k, 1)}
        if stage == "single":
            return dict.fromkeys(alone(self.single), max(k, 1))
        if sources is None:  # as the ranker was taught: more candidates are others than those it knows
            times = -(-k // max(1, sum(self.quotas.values())))
            return {name: quota * max(1, times) for name, quota in self.quotas.items()}
        return {name: max(quota, k) if name in sources else 0 for name, quota in self.quotas.items()}

    def _needed(self, stage: str, asked: Mapping[str, int]) -> dict[str, Scoring]:
        if stage in self.sources:
            return {stage: self.sources[stage]}
        if stage == "single":
            return {name: self.sources[name] for name in alone(self.single)}
        if stage == "ranker":
            return self.ranked
        return {name: source for name, source in self.sources.items() if self.blend.get(name, 0) and asked.get(name)}

    def _told(
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
            return told(candidates, self.constrained(candidates, self._unlearned(candidates, stage), stage=stage), k)
        seen = self.features(candidates, profiles, contexts)
        order = self.constrained(candidates, self.ranker.scores(seen), stage=stage)
        return told(candidates, order, k, ranker=self.ranker if explain else None, features=seen)

    def constrained(self, candidates: Candidates, scores: Floats, *, stage: str) -> Floats:
        """Return float32[n_pairs]: scores under the exposure constraint, which holds for the blend and the ranker."""
        return self.exposure.eased(candidates, scores) if self.exposure and stage in (BLEND, "ranker") else scores

    def with_exposure(self, exposure: ExposureConstraint) -> Self:
        """Return the same model under an exposure constraint."""
        return replace(self, exposure=exposure)

    def _unlearned(self, candidates: Candidates, stage: str) -> Floats:
        if stage == BLEND:
            return blend_scores(candidates, self.blend)
        if stage == "single":
            return followed(candidates, candidates.sources)
        return candidates.scores[:, 0]

    def features(self, candidates: Candidates, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return the ranker's columns for the candidates; ValueError where the model has no ranker."""
        if self.ranker is None:
            raise ValueError("this model was released without a ranker")
        return features(candidates, profiles, contexts, self.statistics)
