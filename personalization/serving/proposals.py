"""Candidates, best first: from the strategy, then by similarity, the fallback chain, and popularity."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from personalization.selectors.placements import CLOSED_STRATEGIES, PlacementConfig
from personalization.serving.likeness import is_alike
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot import Snapshot
from recsys.arrays import Bools, Ints, Longs
from recsys.data.profile import Context, Profile
from recsys.data.signals import VIEW
from recsys.ranking.blend import RRF_K
from recsys.ranking.cart_ranker import BASKET
from recsys.ranking.model import BLEND, HYBRID, HybridModel
from recsys.ranking.onboarding import ONBOARDING, questions
from recsys.sources.base import Ranked
from recsys.sources.bought_together import BoughtTogether
from recsys.sources.complements import Complements
from recsys.sources.prices import FREE_OCTAVES, proportion
from recsys.sources.substitutes import Substitutes

QUESTIONS = 16
"""The most onboarding questions computed for one answer."""
POPULAR_BATCH = 2_000
"""Popular products come in batches: no answer needs all of a large catalog."""
KINSHIP = "content"
"""Text similarity proposes under the name of the recommender it replaces."""
COMPLETING = (BASKET, Complements.name, BoughtTogether.name)
"""Strategies about what a product or a cart is bought with: nobody needs a second sofa with the first."""
WEAK = 0.01
"""A share of the best complement's score: what has less does not go with the context, whatever a few orders held."""
NOTHING = Ranked(np.empty(0, np.int32), np.empty(0, np.float32))

Proposal = tuple[str, Ints, Sequence[float]]
"""A recommender's name, its items best first, their scores."""


@dataclass
class Proposals:
    """Item codes, best first and without repeats, with the sources that proposed each and their scores."""

    items: list[int] = field(default_factory=list)
    scores: dict[int, float] = field(default_factory=dict)
    sources: dict[int, dict[str, float]] = field(default_factory=dict)
    contributions: dict[int, Mapping[str, float]] = field(default_factory=dict)
    kin: dict[int, int] = field(default_factory=dict)
    """For an item proposed by text similarity: the code of the similar product."""
    closed: bool = False
    """Whether the list stays as short as it is: others are not what the placement is about."""

    def add(self, name: str, items: Ints, scores: Sequence[float]) -> None:
        """Append the new items; add the source to all of them."""
        for code, score in zip(items.tolist(), scores, strict=True):
            if code not in self.scores:
                self.items.append(code)
                self.scores[code] = score
            self.sources.setdefault(code, {}).setdefault(name, score)


@dataclass(frozen=True)
class Question:
    """What a proposal depends on: shopper, context, the mask of `allowed` products, and the least number `k`."""

    placement: PlacementConfig
    strategy: str
    shopper: Shopper
    context: Context
    allowed: Bools
    k: int
    explain: bool = False
    excluded: tuple[int, ...] = ()
    """Item codes that the request excludes."""


def propose(snapshot: Snapshot, question: Question) -> Proposals:
    """Return at least `k` candidates, or all allowed products where there are fewer.

    A closed strategy has its own products only, if any: others would be no questions, and not the shopper's own. A list
    of substitutes or complements is short too, for others are none. Only without any the fallbacks answer.
    """
    proposals = Proposals()
    _by_strategy(snapshot, question, proposals)
    if question.strategy in CLOSED_STRATEGIES:
        return proposals
    if question.strategy == Substitutes.name:
        _add_alike(snapshot, question, proposals)
        proposals.closed = bool(proposals.items)
    if _completes(question):
        items = np.asarray(proposals.items, np.int32)
        proposals.items = items[_completing(snapshot, question, items)].tolist()
    _sort_by_proportion(snapshot, question, proposals)
    if proposals.closed:
        return proposals
    target, has_fillers = min(question.k, int(question.allowed.sum())), False
    for name, items, scores in _fallbacks(snapshot, question, proposals):
        if len(proposals.items) >= target:
            break
        order = _by_proportion(snapshot, question, items)
        if _completes(question) and name in COMPLETING:
            order = order[_completing(snapshot, question, items[order])]
        proposals.add(name, items[order], np.asarray(scores)[order].tolist())
        has_fillers |= name not in COMPLETING
    proposals.closed = _completes(question) and bool(proposals.items) and not has_fillers
    return proposals


def _completes(question: Question) -> bool:
    """Return whether the answer is to complete the product or cart of the context."""
    return question.strategy in COMPLETING and bool(question.context.items)


def _completing(snapshot: Snapshot, question: Question, items: Ints) -> Bools:
    """Return bool[n], which items complete the context: neither weak complements nor substitutes of a line.

    What the shopper has again stays, and a substitute that orders hold with this very line.
    """
    context, nobody = question.context, Profile.empty(question.shopper.profile.now)
    substitutes, together, complements = (
        snapshot.sources.get(name) for name in (Substitutes.name, BoughtTogether.name, Complements.name)
    )
    mask = np.ones(len(items), np.bool_)
    if isinstance(complements, Complements) and len(best := complements.recommend(nobody, context, 1).scores):
        mask = complements.score(nobody, context, items) >= WEAK * best[0]
        mask |= np.isin(items, question.shopper.bought)
    if substitutes is None or not (substitutes.score(nobody, context, items) > 0).any():
        return mask
    for line in context.items:
        of_line = Context(items=(line,))
        is_alike = substitutes.score(nobody, of_line, items) > 0
        if together is not None and is_alike.any():
            is_alike &= together.score(nobody, of_line, items) <= 0
        mask &= ~is_alike
    return mask


def _add_alike(snapshot: Snapshot, question: Question, proposals: Proposals) -> None:
    """Add what is alike by its texts to products that the model does not know."""
    for name, items, scores in _similar(snapshot, question, proposals, source=Substitutes.name):
        mask = [is_alike(snapshot.serving_catalog, code, proposals.kin[code]) for code in items.tolist()]
        proposals.add(name, items[mask], np.asarray(scores)[mask].tolist())


def _sort_by_proportion(snapshot: Snapshot, question: Question, proposals: Proposals) -> None:
    """Move back what is out of proportion with the context in price."""
    order = _by_proportion(snapshot, question, np.asarray(proposals.items, np.int32))
    proposals.items = [proposals.items[at] for at in order.tolist()]


def _by_proportion(snapshot: Snapshot, question: Question, items: Ints) -> Longs:
    """Return int64[n], the order of items by 1 / place · proportion of the price to the nearest one of the context.

    Nearest of several lines: a cart may hold a sofa and a candle. What proportion is usual, the orders have told.
    """
    order = np.arange(len(items))
    if not question.context.items:
        return order
    prices, complements = snapshot.serving_catalog.columns.prices, snapshot.sources.get(Complements.name)
    free_octaves = complements.free_octaves if isinstance(complements, Complements) else FREE_OCTAVES
    references = prices[list(question.context.items)]
    free_above = FREE_OCTAVES if question.strategy in COMPLETING else None  # a cushion for the sofa, no sofa for it
    factors = [
        proportion(prices[items], reference, free_octaves=free_octaves, free_above=free_above)
        for reference in references.tolist()
    ]
    gains = np.max(factors, axis=0) / (1 + order)
    return np.asarray(np.argsort(-gains, kind="stable"), np.int64)


def popular_only(snapshot: Snapshot, question: Question) -> Proposals:
    """Return popular products, without the model."""
    proposals = Proposals()
    for proposal in _popular(snapshot, question):
        if len(proposals.items) >= question.k:
            break
        proposals.add(*proposal)
    return proposals


def _popular(snapshot: Snapshot, question: Question) -> Iterator[Proposal]:
    """Yield allowed popular products, then allowed products nobody touched, in batches."""
    with_interactions, others = np.split(snapshot.popular, [snapshot.n_popular])
    for name, codes in (("popular", with_interactions), ("catalog_order", others)):
        own = codes[question.allowed[codes]]
        for start in range(0, len(own), POPULAR_BATCH):
            part = own[start : start + POPULAR_BATCH]
            yield name, part, [0.0] * len(part)


def _by_strategy(snapshot: Snapshot, question: Question, proposals: Proposals) -> None:
    bundle, strategy, placement = snapshot.bundle, question.strategy, question.placement
    if strategy == ONBOARDING:
        opinions = question.shopper.opinions.with_skipped(question.excluded)
        picked = questions(snapshot.onboarding_cache.space, opinions, question.allowed, min(question.k, QUESTIONS))
        proposals.add(ONBOARDING, picked.items, picked.gains.tolist())
        return
    if bundle is None:
        ranked = _recommend(snapshot, strategy, question)
        proposals.add(strategy, ranked.items, ranked.scores.tolist())
    elif placement.sources and (
        strategy == BLEND or (strategy == HYBRID and not _ranker_covers(bundle, placement.sources))
    ):
        _blend(snapshot, question, placement.sources, proposals)
    elif strategy in (HYBRID, BLEND, BASKET) or strategy in bundle.sources:
        trained_mix = strategy in (HYBRID, BLEND) and not placement.sources
        profile, context = _on_page(snapshot, question)
        slate = bundle.slate(
            profile,
            replace(context, seen_allowed=not bundle.new_only) if trained_mix else context,
            question.k,
            strategy=None if strategy == HYBRID else strategy,
            sources=tuple(placement.sources) or None,
            explain=question.explain,
        )
        for at, (code, score) in enumerate(zip(slate.items.tolist(), slate.scores.tolist(), strict=True)):
            proposals.items.append(code)
            proposals.scores[code] = score
            proposals.sources[code] = dict(slate.sources[at])
            proposals.contributions[code] = slate.contributions[at]


def _on_page(snapshot: Snapshot, question: Question) -> tuple[Profile, Context]:
    """Return the profile and the context for the model.

    The ranker is trained with a page's product as the newest event of the profile: what is viewed next depends on it
    first, then on the history. Sources and blends cannot tell the two apart, so they answer about the product alone.
    """
    profile, context = question.shopper.profile, question.context
    is_page = question.placement.about == "product" and len(context.items) == 1
    if not is_page or question.strategy != HYBRID or snapshot.bundle is None or snapshot.bundle.stage != "ranker":
        return profile, context
    (page,) = context.items
    return profile.on_page(page, weight=float(snapshot.weights[VIEW])), replace(context, items=(), page=page)


def _ranker_covers(bundle: HybridModel, sources: Mapping[str, float]) -> bool:
    """Return whether the model has a ranker that uses all of the sources."""
    return bundle.stage == "ranker" and sources.keys() <= bundle.quotas.keys()


def _blend(snapshot: Snapshot, question: Question, weights: Mapping[str, float], proposals: Proposals) -> None:
    """Merge the sources' lists by weighted reciprocal rank fusion."""
    totals: dict[int, float] = {}
    for name, weight in weights.items():
        ranked = _recommend(snapshot, name, question)
        for place, (code, score) in enumerate(zip(ranked.items.tolist(), ranked.scores.tolist(), strict=True), 1):
            totals[code] = totals.get(code, 0.0) + weight / (RRF_K + place)
            proposals.sources.setdefault(code, {})[name] = score
    best_first = sorted(totals, key=lambda code: (-totals[code], code))[: question.k]
    proposals.items.extend(best_first)
    proposals.scores.update((code, totals[code]) for code in best_first)


def _fallbacks(snapshot: Snapshot, question: Question, proposals: Proposals) -> Iterator[Proposal]:
    """Yield lists that fill a slate, the most specific first; the last one holds all allowed products.

    A cart or bundle asks for complements only. Without any, it gets what is liked of other categories.
    """
    if question.strategy not in COMPLETING and (question.context.items or question.strategy in (HYBRID, KINSHIP)):
        yield from _similar(snapshot, question, proposals)
    bundle, is_for_shopper = snapshot.bundle, not question.context.items
    if question.strategy == HYBRID and is_for_shopper and bundle is not None and bundle.stage == "single":
        # One source that earned its stage on few data knows few products: what is alike comes before the popular.
        ranked = _recommend(snapshot, KINSHIP, question)
        yield KINSHIP, ranked.items, ranked.scores.tolist()
    completes, names = _completes(question), question.placement.fallback
    for name in sorted(names, key=lambda name: name not in COMPLETING) if completes else names:
        if completes and name not in COMPLETING:
            if proposals.items:
                return
            question = _of_other_categories(snapshot, question)
        ranked = _recommend(snapshot, name, question)
        yield name, ranked.items, ranked.scores.tolist()
    if not (completes and proposals.items):
        yield from _popular(snapshot, _of_other_categories(snapshot, question) if completes else question)


def _of_other_categories(snapshot: Snapshot, question: Question) -> Question:
    """Return the question without products of the context's categories, unless no others are allowed."""
    categories = snapshot.serving_catalog.columns.category_of
    own = categories[list(question.context.items)]
    others = question.allowed & ~np.isin(categories, own)
    if not others.any():
        return question
    return replace(question, allowed=others, context=replace(question.context, allowed=others))


def _similar(
    snapshot: Snapshot, question: Question, proposals: Proposals, *, source: str = KINSHIP
) -> Iterator[Proposal]:
    """Yield products whose texts are similar to the context, else to the shopper's latest items. Needs no model.

    Products that the model's `source` knows are left to it.
    """
    causes = question.context.items or question.shopper.latest_items
    unknown_to_model = [code for code in causes if not _knows(snapshot, source, code)]
    for code in unknown_to_model:
        near = snapshot.serving_catalog.kinship.nearest(code, mask=question.allowed, k=question.k)
        proposals.kin = dict.fromkeys(near.tolist(), code) | proposals.kin
        yield KINSHIP, near, [0.0] * len(near)


def _knows(snapshot: Snapshot, name: str, code: int) -> bool:
    source = snapshot.sources.get(name)
    return source is not None and source.knows(code)


def _recommend(snapshot: Snapshot, name: str, question: Question) -> Ranked:
    source = snapshot.sources.get(name)
    if source is None:
        return NOTHING
    return source.recommend(question.shopper.profile, question.context, question.k)


def neighbors(snapshot: Snapshot, code: int, *, mask: Bools, now: float, k: int) -> Iterator[int]:
    """Yield allowed items close to the given one: by behavior, by content, then by text similarity."""
    context = Context(items=(code,), allowed=mask)
    for name in ("covisitation", "content", "rp3beta"):
        source = snapshot.sources.get(name)
        if source is not None and source.contextual and source.knows(code):
            yield from source.recommend(Profile.empty(now), context, k).items.tolist()
    yield from snapshot.serving_catalog.kinship.nearest(code, mask=mask, k=k).tolist()
