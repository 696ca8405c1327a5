"""What is released: catalogue, sources, item facts and ranker, answering one shopper or many by the same code."""

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
    Longs,
)
from recsys.data.catalogue import Catalogue
from recsys.data.event_weights import weight_table
from recsys.data.profile import Context, Profile
from recsys.ranking import artifact as artefact
from recsys.ranking.blend import alone, blend_scores, followed
from recsys.ranking.candidates import (
    Candidates,
    among_themselves,
    gather,
    held_by,
)
from recsys.ranking.cold_boost import lifted
from recsys.ranking.explanation import Slate, told
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.extension import extended_catalogue, extended_facts, extended_source
from recsys.ranking.features import feature_names, features, positions
from recsys.ranking.item_statistics import ItemFacts
from recsys.ranking.newcomers import newcomers
from recsys.ranking.predicted_ratings import Stars
from recsys.ranking.ranker import Ranker
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring

LOADING_ERRORS = (artefact.ArtefactError, KeyError, ValueError, TypeError, OSError)
"""What `Bundle.load` raises where an artefact is not what was registered, or of settings that this code has no more."""
EVENT_WEIGHTS = "event_weights"
"""Where the manifest says what an event counts, by its signal."""
HYBRID = "hybrid"
"""The strategy that means: whatever rung this bundle was released at."""
BLEND = "blend"
"""The rung, and the strategy, that weighs the sources' lists."""


@dataclass(frozen=True)
class Bundle:
    """A model version in memory. Immutable, so that any number of threads may ask it.

    `quotas` says how many candidates each source proposes, `blend` each source's weight in the blend.
    `manifest["rung"]` is what validation earned.
    """

    catalogue: Catalogue
    sources: Mapping[str, Scoring]
    facts: ItemFacts
    ranker: Ranker | None
    quotas: Mapping[str, int]
    blend: Mapping[str, float]
    manifest: Mapping[str, Any]
    exposure: Exposure | None = None
    """What holds back over-exposed items on the rungs that blend sources; None where the knob is at 0."""
    cold_lift: float = 0.0
    """What the ranker's scores of products nobody touched yet gain, in standard deviations of the shopper's scores."""
    cold_level: float | None = None
    """The score from which on they come behind the shopper's first places; None: there is none."""

    @property
    def rung(self) -> str:
        """Which rung of the ladder was released."""
        return str(self.manifest["rung"])

    @property
    def single(self) -> str:
        """Which source the rung "single" is."""
        return str(self.manifest["single"])

    @property
    def new_only(self) -> bool:
        """Whether the ranker was taught, and judged, to recommend only what is new to the shopper."""
        return bool(self.manifest.get("plan", {}).get("new_only", False))

    @property
    def told_stars(self) -> Stars | None:
        """What predicts the stars that shoppers are told; None where there are none, or the usual rating is as near."""
        return self.facts.stars if self.manifest.get("tells_stars", True) else None

    @property
    def ratings_differ(self) -> bool:
        """Whether ratings say anything: where all that were learnt from are equal, a low one is no dislike."""
        return bool(self.manifest.get("ratings_differ", True))

    @property
    def heard(self) -> dict[str, Scoring]:
        """The sources that propose to the ranker, in the order of its features."""
        return {name: self.sources[name] for name in self.quotas}

    @property
    def weights(self) -> Floats:
        """What an event counts by its signal code, float32: what it counted when this bundle was trained."""
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

        `strategy` is a recommender's name, "blend", "ranker", or None / "hybrid" for the released rung (for a newcomer:
        the prior, or popularity instead of the ranker); `sources` narrows who may propose candidates. Raises KeyError
        for a strategy this bundle does not hold.
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
            return self._slates(profiles, contexts, k, rung=released, sources=sources, explain=explain)
        fresh = newcomers(self.sources, profiles, contexts, rung=released)
        others = sorted(set(range(len(profiles))).difference(*fresh.values()))
        found: dict[int, Slate] = {}
        for rung, rows in {released: others, **fresh}.items():
            part = [profiles[row] for row in rows], [contexts[row] for row in rows]
            found |= zip(rows, self._slates(*part, k, rung=rung, sources=sources, explain=explain), strict=True)
        return [found[row] for row in range(len(profiles))]

    def _slates(
        self,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        rung: str,
        sources: Sequence[str] | None,
        explain: bool,
    ) -> list[Slate]:
        asked = self._asked(rung, sources, k)
        candidates = gather(self._needed(rung, asked), profiles, contexts, quotas=asked, n_items=self.catalogue.n_items)
        return self._told(candidates, profiles, contexts, k, rung=rung, explain=explain)

    def rank(self, profile: Profile, context: Context, items: Ints) -> Slate:
        """Return the given items, all of them, best first."""
        rung = self._rung(None)
        rung = next(iter(newcomers(self.sources, [profile], [context], rung=rung)), rung)
        asked = {rung: len(items)} if rung in self.sources else self.quotas
        needed = self._needed(rung, asked)
        if rung == "ranker":  # as it was taught: whose own products were no candidates, they led no list
            context = replace(context, seen_allowed=context.seen_allowed and not self.new_only)
        candidates = gather(needed, [profile], [context], quotas=asked, n_items=self.catalogue.n_items, given=items)
        if rung != "ranker":  # whose features tell the place among all items
            candidates = among_themselves(candidates.part(np.isin(candidates.items, items)))
        found = self._told(candidates, [profile], [context], len(candidates.items), rung=rung, explain=False)[0]
        return found.among(items)

    def extended(self, items: pd.DataFrame, *, gone: pd.DataFrame | None = None, before: Self | None = None) -> Self:
        """Return a bundle that also knows the frame's new products, behind the known codes, by their content alone.

        Behind these it has codes for what is `gone`, which it compares with nothing: it is never shown. `before` is
        this bundle as it was extended by the first of the products, told in the same words.
        """
        sold = extended_catalogue(self.catalogue, items)
        catalogue = sold if gone is None else extended_catalogue(sold, gone)
        if catalogue.n_items == self.catalogue.n_items:
            return self
        facts = extended_facts(self.facts, self.catalogue, catalogue)
        lent: Mapping[str, Scoring] = {} if before is None else before.sources
        known = {name: extended_source(own, sold, before=lent.get(name)) for name, own in self.sources.items()}
        exposure = self.exposure.extended(catalogue.n_items) if self.exposure else None
        return replace(self, catalogue=catalogue, facts=facts, sources=known, exposure=exposure)

    def save(self, directory: Path) -> str:
        """Write the artefact into an empty directory and return its hash; the same bundle gives the same hash."""
        directory.mkdir(parents=True, exist_ok=True)
        for name, source in self.sources.items():
            (directory / "sources" / name).mkdir(parents=True)
            source.save(directory / "sources" / name)
        artefact.write_catalogue(directory, self.catalogue)
        artefact.write_facts(directory, self.facts)
        artefact.write_exposure(directory, self.exposure)
        if self.ranker is not None:
            (directory / "ranker.json").write_text(self.ranker.text(), encoding="utf-8")
        body = {
            **self.manifest,
            "sources": list(self.sources),
            "quotas": dict(self.quotas),
            "blend": dict(self.blend),
            "features": list(self.ranker.names) if self.ranker is not None else [],
            "exposure": self.exposure.strength if self.exposure else 0.0,
            "cold_lift": self.cold_lift,
            "cold_level": self.cold_level,
        }
        return artefact.seal(directory, body)

    @classmethod
    def load(cls, directory: Path, *, expected: str | None = None) -> Self:
        """Return what `save` wrote. Raises ArtefactError when a file, or the hash, is not as it was.

        Raises one of LOADING_ERRORS where another release wrote it with what this code does not know: a ranker or facts
        that could be read, but no longer asked, would fail each answer.
        """
        manifest = artefact.unseal(directory, expected=expected)
        for what, named, known in (
            ("it has recommenders", manifest["sources"], RECOMMENDERS),
            ("its ranker looks at features", manifest["features"], feature_names(tuple(manifest["quotas"]))),
        ):
            if unknown := set(named).difference(known):
                names = ", ".join(sorted(unknown))
                raise artefact.ArtefactError(f"{directory.name}: {what} that this code does not know: {names}")
        text = directory / "ranker.json"
        ranker = Ranker.parse(text.read_text(encoding="utf-8"), manifest["features"]) if text.exists() else None
        return cls(
            catalogue=artefact.read_catalogue(directory),
            sources={name: RECOMMENDERS[name].load(directory / "sources" / name) for name in manifest["sources"]},
            facts=artefact.read_facts(directory),
            ranker=ranker,
            quotas=manifest["quotas"],
            blend=manifest["blend"],
            manifest=manifest,
            exposure=artefact.read_exposure(directory, strength=manifest.get("exposure", 0.0)),
            cold_lift=manifest.get("cold_lift", 0.0),
            cold_level=manifest.get("cold_level"),
        )

    def _rung(self, strategy: str | None) -> str:
        rung = self.rung if strategy in (None, HYBRID) else str(strategy)
        if rung == "ranker" and self.ranker is None:
            raise KeyError("this bundle was released without a ranker")
        if rung not in ("single", BLEND, "ranker") and rung not in self.sources:
            raise KeyError(f"no source named {rung}")
        return rung

    def _asked(self, rung: str, sources: Sequence[str] | None, k: int) -> dict[str, int]:
        if rung in self.sources:
            return {rung: max(k, 1)}
        if rung == "single":
            return dict.fromkeys(alone(self.single), max(k, 1))
        if sources is None:  # as the ranker was taught: more candidates are others than those it knows
            times = -(-k // max(1, sum(self.quotas.values())))
            return {name: quota * max(1, times) for name, quota in self.quotas.items()}
        return {name: max(quota, k) if name in sources else 0 for name, quota in self.quotas.items()}

    def _needed(self, rung: str, asked: Mapping[str, int]) -> dict[str, Scoring]:
        if rung in self.sources:
            return {rung: self.sources[rung]}
        if rung == "single":
            return {name: self.sources[name] for name in alone(self.single)}
        if rung == "ranker":
            return self.heard
        return {name: source for name, source in self.sources.items() if self.blend.get(name, 0) and asked.get(name)}

    def _told(
        self,
        candidates: Candidates,
        profiles: Sequence[Profile],
        contexts: Sequence[Context],
        k: int,
        *,
        rung: str,
        explain: bool,
    ) -> list[Slate]:
        if rung != "ranker" or self.ranker is None:
            return told(candidates, self.spread(candidates, self._unlearned(candidates, rung), rung=rung), k)
        seen = self.features(candidates, profiles, contexts)
        scores, own = self.ranker.scores(seen), held_by(profiles, candidates)
        order = self.spread(candidates, scores, rung=rung, own=own)
        if not explain:
            return told(candidates, order, k)
        raised = np.where(self._untouched(candidates, own), self._lifted(candidates, scores, own) - scores, 0.0)
        return told(candidates, order, k, ranker=self.ranker, features=seen, raised=raised)

    def spread(self, candidates: Candidates, scores: Floats, *, rung: str, own: Bools | None = None) -> Floats:
        """Return the scores with cold products lifted where the ranker ranks, and over-exposed items held back.

        The latter where several sources are blended and the knob is on. `own` are candidates that the shopper had
        before: nobody else may have touched one of them yet, but it is not new to the shopper.
        """
        if rung == "ranker":
            scores = self._lifted(candidates, scores, own)
        return self.exposure.eased(candidates, scores) if self.exposure and rung in (BLEND, "ranker") else scores

    def _lifted(self, candidates: Candidates, scores: Floats, own: Bools | None) -> Floats:
        return lifted(candidates, scores, self._untouched(candidates, own), self.cold_lift, level=self.cold_level)

    def _untouched(self, candidates: Candidates, own: Bools | None) -> Bools:
        untouched: Bools = np.isnan(self.facts.last[candidates.items])
        return untouched if own is None else untouched & ~own

    def _unlearned(self, candidates: Candidates, rung: str) -> Floats:
        if rung == BLEND:
            return blend_scores(candidates, self.blend)
        if rung == "single":
            return followed(candidates, candidates.sources)
        return candidates.scores[:, 0]

    def features(self, candidates: Candidates, profiles: Sequence[Profile], contexts: Sequence[Context]) -> Floats:
        """Return the ranker's columns for the candidates; ValueError where the bundle has no ranker."""
        if self.ranker is None:
            raise ValueError("this bundle was released without a ranker")
        every = features(candidates, profiles, contexts, self.facts)
        return np.ascontiguousarray(every[:, self.columns(candidates.sources)])

    def columns(self, sources: Sequence[str]) -> Longs:
        """Return the positions of the ranker's columns among all features of these sources."""
        return positions(() if self.ranker is None else self.ranker.names, sources)
