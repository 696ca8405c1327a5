"""What a report judges is what answers show: on random shops, on every stage, before and after it was saved."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recsys.arrays import Ints
from recsys.data.catalog import Catalog
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.time_split import cut_times
from recsys.data.visits import mixed_questions
from recsys.evaluation.report import released_slates
from recsys.metrics.registry import MAX_CUTOFF
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.features import feature_names
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from recsys.training.plan import Member
from recsys.training.refit import fit_ranker
from recsys.training.served_slates import padded
from recsys.training.training import test_candidates as candidates_of

DAY, START = 86_400.0, 1_700_000_000.0
SOURCES = ("buy_again", "content", "covisitation", "new_arrivals", "personal_top", "popular", "rp3beta", "trending")
SIGNALS = ("view", "cart", "purchase", "rating", "remove")


def shop(seed: int) -> Dataset:
    """Return a shop of chance: equal moments, orders, low stars, products without a word, price or first day."""
    rng = np.random.default_rng(seed)
    n, items, clock = 900, 70, (1.0, DAY)[seed % 2]
    event = rng.choice(SIGNALS, n, p=[0.5, 0.15, 0.2, 0.1, 0.05])
    rows = pd.DataFrame(
        {
            "user_id": [f"u{code}" for code in rng.integers(0, 50, n)],
            "item_id": [f"i{code:02d}" for code in (rng.integers(0, items - 8, n) * rng.random(n)).astype(int)],
            "timestamp": START + np.floor(rng.uniform(0, 200 * DAY, n) / clock) * clock,
            "event": event,
            "value": np.where(event == "rating", rng.integers(1, 6, n), 1),
            "order_id": [f"o{rng.integers(300)}" if one == "purchase" else None for one in event],
        }
    )
    products = pd.DataFrame(
        {
            "item_id": [f"i{code:02d}" for code in range(items)],
            "title": [rng.choice(["red chair", "blue chair", "lamp", ""]) for _ in range(items)],
            "category": rng.choice(["home/chair", "home/lamp", ""], items),
            "brand": rng.choice(["A", "B", ""], items),
            "price": np.where(rng.random(items) < 0.2, np.nan, np.exp(rng.normal(3, 1, items))),
            "first_seen": np.where(rng.random(items) < 0.2, np.nan, START - rng.uniform(0, 300, items) * DAY),
            "attributes": [[f"color={rng.integers(3)}"] if rng.random() < 0.8 else [] for _ in range(items)],
        }
    )
    return build(rows, products)


def bundle_of(dataset: Dataset, fold: Fold, catalog: Catalog, *, seed: int) -> HybridModel:
    """Return a model of the fold's past whose ranker learnt on the questions themselves: here it may."""
    rng = np.random.default_rng(seed)
    model = HybridModel(
        catalog=catalog,
        sources={name: make(name).fit(fold.past, catalog) for name in SOURCES},
        statistics=ItemStatistics.fit(fold.past, catalog, until=fold.until),
        ranker=None,
        quotas={name: int(rng.integers(20, 40)) for name in SOURCES},
        blend={"popular": 0.5, "rp3beta": 1.0, "content": 1.0},
        manifest={"stage": "ranker", "single": "covisitation", "plan": {"new_only": fold.new_only}},
        exposure=ExposureConstraint(0.3, rng.random(catalog.n_items).astype(np.float32)) if seed % 2 else None,
    )
    train_set = candidates_of(model, fold).dataset(seed=7)
    members: list[Member] = [({"objective": "binary", "min_data_in_leaf": 5}, 20), ({"objective": "network"}, 30)]
    return replace(model, ranker=fit_ranker(members, train_set, feature_names(SOURCES), seed=7))


def answered(model: HybridModel, fold: Fold) -> Ints:
    """Return what each shopper is answered alone, int32[n, 20]."""
    questions = zip(fold.profiles, fold.contexts, strict=True)
    slates = (model.slate(profile, context, MAX_CUTOFF).items for profile, context in questions)
    return padded(slates, n=len(fold), k=MAX_CUTOFF)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_judged_is_what_is_answered(seed: int, tmp_path: Path) -> None:
    dataset = shop(seed)
    cut = cut_times(dataset.interactions.times, (0.7,))[0]
    ask = temporal if seed == 0 else mixed_questions
    fold = ask(dataset, start=cut, end=float("inf"), new_only=seed == 1, limit=60, max_events=300)
    ranked = bundle_of(dataset, fold, fold.catalog, seed=seed)

    for stage in ("ranker", "blend", "single", "popular"):
        model = replace(ranked, manifest={**ranked.manifest, "stage": stage})
        judged, _ = released_slates(model, candidates_of(model, fold))
        loaded = HybridModel.load(tmp_path / stage, expected=model.save(tmp_path / stage))

        np.testing.assert_array_equal(answered(model, fold), judged, stage)
        np.testing.assert_array_equal(answered(loaded, fold), judged, stage)
