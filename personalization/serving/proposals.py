"""Candidates in order: the placement's strategy first, then likeness, its fallback chain, what is left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from personalization.selectors.placements import PlacementConfig
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Ints
from recsys.data.profile import Context, Profile
from recsys.ranking.blend import RRF_K
from recsys.ranking.model import BLEND, HYBRID, HybridModel
from recsys.ranking.onboarding import ONBOARDING, questions
from recsys.sources.base import Ranked

QUESTIONS = 16
"""How many questions are thought out at once."""
PART = 2_000
"""How many popular products are told at once: an answer has no use for all of a large catalogue."""
KINSHIP = "content"
"""Likeness by words proposes under the name of the recommender it stands in for."""
NOTHING = Ranked(np.empty(0, np.int32), np.empty(0, np.float32))

Proposal = tuple[str, Ints, Sequence[float]]
"""A recommender's name, its items best first, their scores."""


@dataclass
class Proposals:
    """Item codes best first, without repeats; who proposed each, and with what score."""

    items: list[int] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    sources: dict[int, dict[str, float]] = field(default_factory=dict)
    contributions: dict[int, Mapping[str, float]] = field(default_factory=dict)
    kin: dict[int, int] = field(default_factory=dict)
    """Of an item that its words proposed: the product they are like."""

    def add(self, name: str, items: Ints, scores: Sequence[float]) -> None:
        """Append what is not there yet; note the source in any case."""
        for code, score in zip(items.tolist(), scores, strict=True):
            if code not in self.scores:
                self.items.append(code)
                self.scores[code] = score
            self.sources.setdefault(code, {}).setdefault(name, score)


@dataclass(frozen=True)
class Question:
    """What a proposal needs to know: who, about what, from what (`allowed`), how many at least."""

    placement: PlacementConfig
    strategy: str
    shopper: Shopper
    context: Context
    allowed: Bools
    k: int
    explain: bool = False
    skipped: tuple[int, ...] = ()
    """What the request does not want to see."""


def propose(snapshot: Snapshot, question: Question) -> Proposals:
    """Return at least `k` candidates, or all there are."""
    found = Proposals()
    _by_strategy(snapshot, question, found)
    if question.strategy == ONBOARDING:
        return found  # what is no question is not asked: where nothing is left, the answer is empty
    wanted = min(question.k, int(question.allowed.sum()))
    for name, items, scores in _fallbacks(snapshot, question, found):
        if len(found.items) >= wanted:
            break
        found.add(name, items, scores)
    return found


def popular_only(snapshot: Snapshot, question: Question) -> Proposals:
    """Return popular products, in no time."""
    found = Proposals()
    for proposal in _popular(snapshot, question):
        if len(found.items) >= question.k:
            break
        found.add(*proposal)
    return found


def _popular(snapshot: Snapshot, question: Question) -> Iterator[Proposal]:
    """Yield what is popular, then what nobody touched yet, each that is allowed; a part of a large shop at a time."""
    touched, others = np.split(snapshot.popular, [snapshot.touched])
    for name, codes in (("popular", touched), ("catalog_order", others)):
        own = codes[question.allowed[codes]]
        for start in range(0, len(own), PART):
            part = own[start : start + PART]
            yield name, part, [0.0] * len(part)


def _by_strategy(snapshot: Snapshot, question: Question, found: Proposals) -> None:
    bundle, strategy, placement = snapshot.bundle, question.strategy, question.placement
    if strategy == ONBOARDING:
        opinions = question.shopper.opinions.skipping(question.skipped)
        asked = questions(snapshot.survey.space, opinions, question.allowed, min(question.k, QUESTIONS))
        found.add(ONBOARDING, asked.items, asked.gains.tolist())
        return
    if bundle is None:
        ranked = _ask(snapshot, strategy, question)
        found.add(strategy, ranked.items, ranked.scores.tolist())
    elif placement.sources and (strategy == BLEND or (strategy == HYBRID and not _ranked(bundle, placement.sources))):
        _blend(snapshot, question, placement.sources, found)
    elif strategy in (HYBRID, BLEND) or strategy in bundle.sources:
        taught = strategy in (HYBRID, BLEND) and not placement.sources
        slate = bundle.slate(
            question.shopper.profile,
            replace(question.context, seen_allowed=not bundle.new_only) if taught else question.context,
            question.k,
            strategy=None if strategy == HYBRID else strategy,
            sources=tuple(placement.sources) or None,
            explain=question.explain,
        )
        for at, (code, score) in enumerate(zip(slate.items.tolist(), slate.scores.tolist(), strict=True)):
            found.items.append(code)
            found.scores[code] = score
            found.sources[code] = dict(slate.sources[at])
            found.contributions[code] = slate.contributions[at]


def _ranked(bundle: HybridModel, sources: Mapping[str, float]) -> bool:
    """Return whether the model was released with a ranker that hears all of the sources."""
    return bundle.stage == "ranker" and sources.keys() <= bundle.quotas.keys()


def _blend(snapshot: Snapshot, question: Question, weights: Mapping[str, float], found: Proposals) -> None:
    """Fuse the sources' lists by reciprocal rank, weighed."""
    totals: dict[int, float] = {}
    for name, weight in weights.items():
        ranked = _ask(snapshot, name, question)
        for place, (code, score) in enumerate(zip(ranked.items.tolist(), ranked.scores.tolist(), strict=True), 1):
            totals[code] = totals.get(code, 0.0) + weight / (RRF_K + place)
            found.sources.setdefault(code, {})[name] = score
    ordered = sorted(totals, key=lambda code: (-totals[code], code))[: question.k]
    found.items.extend(ordered)
    found.scores.update((code, totals[code]) for code in ordered)


def _fallbacks(snapshot: Snapshot, question: Question, found: Proposals) -> Iterator[Proposal]:
    """Yield lists that fill a slate, the more telling first; the last one holds everything that is allowed."""
    if question.context.items or question.strategy in (HYBRID, KINSHIP):
        yield from _alike(snapshot, question, found)
    for name in question.placement.fallback:
        ranked = _ask(snapshot, name, question)
        yield name, ranked.items, ranked.scores.tolist()
    yield from _popular(snapshot, question)


def _alike(snapshot: Snapshot, question: Question, found: Proposals) -> Iterator[Proposal]:
    """Yield what is like the context, else like the shopper's latest products: needs no model at all."""
    causes = question.context.items or question.shopper.lately
    untaught = [code for code in causes if not _taught(snapshot, code)]
    for code in untaught:
        near = snapshot.shelf.kinship.nearest(code, mask=question.allowed, k=question.k)
        found.kin = dict.fromkeys(near.tolist(), code) | found.kin
        yield KINSHIP, near, [0.0] * len(near)


def _taught(snapshot: Snapshot, code: int) -> bool:
    source = snapshot.sources.get(KINSHIP)
    return source is not None and source.knows(code)


def _ask(snapshot: Snapshot, name: str, question: Question) -> Ranked:
    source = snapshot.sources.get(name)
    if source is None:
        return NOTHING
    return source.recommend(question.shopper.profile, question.context, question.k)


def neighbors(snapshot: Snapshot, code: int, *, mask: Bools, now: float, k: int) -> Iterator[int]:
    """Yield items close to the given one that the mask allows: by behavior, by content, then by their words."""
    asked = Context(items=(code,), allowed=mask)
    for name in ("covisitation", "content", "rp3beta"):
        source = snapshot.sources.get(name)
        if source is not None and source.contextual and source.knows(code):
            yield from source.recommend(Profile.empty(now), asked, k).items.tolist()
    yield from snapshot.shelf.kinship.nearest(code, mask=mask, k=k).tolist()
