"""Questions needed to reach half of the warm NDCG, on Complete Journey: adaptive questions, popular ones, random ones.

Four times over, a part of the households is held out: none of their rows is learnt from. Each is then asked about one
product after the other: "yes" where it bought the product before the cut, and else, three ways: "no", skipped (as a
request tells by `exclude`), or nothing that is heard of. What is no "yes" only chooses the next question. After n
questions `user_knn`, fitted on the other households, answers from the likes alone (without any: what is popular),
judged by NDCG@10 over the whole catalogue against what the household bought after the cut at row ⌊.85 n⌋. Warm is the
same recommender given the whole true history. Who is asked at random is asked about the same well known products.

The first 500 households of the shuffle are not judged: on them the settings of `ranking/onboarding.py`, the recommender
above and the ways to answer were chosen.
"""

import argparse
from collections.abc import Callable, Sequence

import numpy as np

from bench.cold_start import targets_of
from bench.complete_journey import purchases
from recsys.arrays import Doubles, Longs
from recsys.data.catalogue import Catalogue
from recsys.data.dataset import Dataset, build
from recsys.data.event_weights import SIGNAL_WEIGHTS
from recsys.data.interactions import Interactions
from recsys.data.opinions import Opinions, opinions_of
from recsys.data.profile import Context, Profile
from recsys.data.signals import LIKE, RATING
from recsys.data.time_split import Sequences, before, cut_times
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg
from recsys.ranking.item_statistics import ItemFacts
from recsys.ranking.onboarding import questions
from recsys.ranking.taste_space import TasteSpace, pool_of, rows_of
from recsys.sources.popular import Popular
from recsys.sources.registry import make
from recsys.sources.user_knn import UserKNN

PARTS = 4
CHOSEN_ON = 500
"""Households that settings were chosen on; judged are the others."""
QUESTION_COUNTS = (0, 1, 2, 3, 5, 8, 12, 20)
Asker = Callable[[Sequence[int], Sequence[int]], int]
"""What a household said yes to, and what else it was asked → the next product."""


def main() -> None:
    """Print NDCG@10 after each number of questions, and where each way of asking reaches half of the warm NDCG."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--space", default="ease", help="the source that says which products are alike")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    data = build(purchases().assign(event="purchase"), None)
    cut = cut_times(data.interactions.times)[-1]
    rng = np.random.default_rng(options.seed)
    shoppers = np.array_split(rng.permutation(data.interactions.n_users)[CHOSEN_ON:], PARTS)
    parts = [part(data, users, cut, options.space, rng) for users in shoppers]
    curves = {
        name: [np.concatenate(columns) for columns in zip(*(one[name] for one in parts), strict=True)]
        for name in parts[0]
    }
    (warm,) = curves.pop("warm")
    half = warm.mean() / 2
    print(f"{len(warm)} households; warm NDCG@10 {text_of(warm)}, half of it {half:.4f}; space by {options.space}")
    for name, (*curve, likes) in curves.items():
        print(f"{name}: half of warm after {crossing(curve, half)} questions; {likes.mean():.1f} of 20 liked")
        for n, values, popular in zip(QUESTION_COUNTS, curve, curves["popular"], strict=False):
            print(f"  {n:2}  {text_of(values)}  to popular {text_of(values - popular)}", flush=True)


def part(data: Dataset, users: Longs, cut: float, space: str, rng: np.random.Generator) -> dict[str, list[Doubles]]:
    """Return, of held-out households, NDCG@10 after each of `ASKED` per way of asking, the likes, and `warm`."""
    rows, catalogue = data.interactions, data.catalogue
    past = before(rows, cut)
    learning = past.some(~np.isin(past.users, users))
    users, targets = targets_of(rows, users, cut)
    histories = Sequences.of(past).profiles(users, now=cut)
    judge = Judge(learning, catalogue, targets, cut)
    curves = {"warm": [judge.ndcg(histories)]}
    for name, ask in askers(learning, catalogue, cut, space, rng).items():
        walks = [answering(ask, set(own.items.tolist()), cut) for own in histories]
        likes = np.array([len(walk[-1].items) for walk in walks], np.float64)
        curves[name] = [*(judge.ndcg([walk[n] for walk in walks]) for n in QUESTION_COUNTS), likes]
    return curves


class Judge:
    """Answers held-out households with a recommender that never saw them."""

    def __init__(self, learning: Interactions, catalogue: Catalogue, targets: Sequence[Longs], cut: float) -> None:
        self._model = UserKNN().fit(learning, catalogue)
        self._popular = Popular().fit(learning, catalogue).recommend(Profile.empty(cut), Context(), 10).items
        self._targets, self._n_items = targets, catalogue.n_items

    def ndcg(self, profiles: Sequence[Profile]) -> Doubles:
        """Return NDCG@10 of each household."""
        slates = self._model.recommend_many(profiles, [Context()] * len(profiles), 10).items
        slates[slates[:, 0] < 0] = self._popular
        return ndcg(slates, self._targets, self._n_items)


def askers(
    learning: Interactions, catalogue: Catalogue, cut: float, name: str, rng: np.random.Generator
) -> dict[str, Asker]:
    """Return the ways of asking. The random one draws from the same well known products as the adaptive one."""
    popular = Popular().fit(learning, catalogue).recommend(Profile.empty(cut), Context(), catalogue.n_items).items
    everything = np.ones(catalogue.n_items, np.bool_)
    pool = pool_of(popular, np.full(catalogue.n_items, -1, np.int32), everything)
    rows = rows_of({name: make(name).fit(learning, catalogue)})
    if rows is None:
        raise SystemExit(f"{name} does not tell which products are alike")
    space = TasteSpace.of(rows, pool, ItemFacts.fit(learning, catalogue, until=cut))

    def best(opinions: Opinions, question_ids: Sequence[int]) -> int:
        allowed = everything.copy()
        allowed[list(question_ids)] = False
        return int(questions(space, opinions, allowed, 1).items[0])

    def asked_of(codes: Sequence[int], likes: Sequence[int], others: Sequence[int]) -> int:
        return next(code for code in codes if code not in {*likes, *others})

    return {
        "adaptive, else no": lambda yes, no: best(opinions_of(answered(yes, no, cut)), [*yes, *no]),
        "adaptive, else skipped": lambda yes, no: best(opinions_of(answered(yes, [], cut)).skipping(no), [*yes, *no]),
        "adaptive, else nothing": lambda yes, no: best(opinions_of(answered(yes, [], cut)), [*yes, *no]),
        "popular": lambda yes, no: asked_of(popular.tolist(), yes, no),
        "random": lambda yes, no: asked_of(rng.permutation(pool).tolist(), yes, no),
    }


def answering(ask: Asker, bought: set[int], now: float) -> list[Profile]:
    """Return what a household is known to like after 0, 1, 2, … questions."""
    likes: list[int] = []
    others: list[int] = []
    walk = [answered(likes, [], now)]
    for _ in range(max(QUESTION_COUNTS)):
        code = ask(likes, others)
        (likes if code in bought else others).append(code)
        walk.append(answered(likes, [], now))
    return walk


def answered(likes: Sequence[int], dislikes: Sequence[int], now: float) -> Profile:
    """Return the shopper of whom these answers are known, all of this moment."""
    n, codes = len(likes), np.asarray([*likes, *dislikes], np.int32)
    disliked = np.arange(len(codes)) >= n
    return Profile(
        items=codes,
        times=np.full(len(codes), now),
        signals=np.where(disliked, RATING, LIKE).astype(np.int8),
        weights=np.where(disliked, 0.0, SIGNAL_WEIGHTS["like"]).astype(np.float32),
        values=np.ones(len(codes), np.float32),
        now=now,
    )


def crossing(curve: Sequence[Doubles], half: float) -> str:
    """Return after how many questions half is reached, between two measured points on the line between them."""
    points = [(n, float(values.mean())) for n, values in zip(QUESTION_COUNTS, curve, strict=True)]
    if points[0][1] >= half:
        return "0"
    for (n, low), (m, high) in zip(points, points[1:], strict=False):
        if high >= half:
            return f"{n + (half - low) / (high - low) * (m - n):.1f}"
    return f"more than {points[-1][0]}"


def text_of(values: Doubles) -> str:
    """Return the mean with its 95 % interval."""
    gap = bootstrap(values)
    return f"{gap.value:.4f} [{gap.low:.4f}, {gap.high:.4f}]"


if __name__ == "__main__":
    main()
