"""Planted models for the gate: real ones, each with one fault, over a shop with three groups of over 500 shoppers."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from recsys.arrays import Doubles
from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.interactions import Interactions
from recsys.data.profile import Profile
from recsys.data.time_split import cut_times
from recsys.evaluation.model_checks.held_out_case import activity
from recsys.metrics.intervals import bootstrap
from recsys.metrics.registry import ndcg
from recsys.ranking.explanation import Slate
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from recsys.training.served_slates import model_slates

SHOPPERS, ITEMS, BRANDS, VISITS = 2_400, 60, 5, 8
DAY, START = 86_400.0, 1_700_000_000.0
SOURCES = ("popular", "rp3beta")
GROUP = "few events"
Spoil = Callable[[Profile, Slate], Slate]


@dataclass(frozen=True)
class Planted(HybridModel):
    """A model whose slates are changed on their way out, each slate taking `pause` milliseconds longer."""

    spoil: Spoil = lambda profile, slate: slate
    pause: float = 0.0

    def slate_many(self, profiles: Any, contexts: Any, k: int, **options: Any) -> list[Slate]:
        """Return the changed slates."""
        end = time.perf_counter() + self.pause / 1e3
        result = super().slate_many(profiles, contexts, k, **options)
        while time.perf_counter() < end:
            pass
        return [self.spoil(profile, slate) for profile, slate in zip(profiles, result, strict=True)]


def planted(model: HybridModel, **fault: Any) -> Planted:
    """Return the model with a fault."""
    return Planted(**{part.name: getattr(model, part.name) for part in fields(model)}, **fault)


@lru_cache(maxsize=1)
def shop() -> Dataset:
    """Return a year of shoppers who each keep to one of two camps of products."""
    rng = np.random.default_rng(3)
    shopper = np.repeat(np.arange(SHOPPERS), rng.integers(VISITS // 2, 2 * VISITS, SHOPPERS))
    item = rng.integers(0, ITEMS // 2, len(shopper)) ** 2 // (ITEMS // 2) * 2 + shopper % 2
    frame = pd.DataFrame(
        {
            "user_id": [f"u{code:04d}" for code in shopper],
            "item_id": [f"i{code:02d}" for code in item],
            "timestamp": START + rng.uniform(0, 365, len(shopper)) * DAY,
            "event": "purchase",
        }
    )
    codes = range(ITEMS)
    items = pd.DataFrame(
        {"item_id": [f"i{code:02d}" for code in codes], "brand": [f"b{code % BRANDS}" for code in codes]}
    )
    return build(frame, items)


@lru_cache(maxsize=2)
def fold(share: float = 0.85) -> Fold:
    """Return the questions of the 15 % from there on."""
    rows = shop().interactions
    end = [*cut_times(rows.times, (share + 0.15,)), float("inf")][share == 0.85]
    return temporal(shop(), start=cut_times(rows.times, (share,))[0], end=end, new_only=False)


def honest(questions: Fold, *, past: Interactions | None = None) -> HybridModel:
    """Return a model of the fold's past; with `past`, one whose item table was fitted on other rows."""
    catalog = shop().catalog
    return HybridModel(
        catalog=catalog,
        sources={name: make(name).fit(past or questions.past, catalog) for name in SOURCES},
        statistics=ItemStatistics.fit(questions.past, catalog, until=questions.until),
        ranker=None,
        quotas=dict.fromkeys(SOURCES, 50),
        blend={"popular": 0.2, "rp3beta": 1.0},
        manifest={"stage": "blend", "single": "rp3beta", "seed": 7, "until": questions.until},
    )


@lru_cache(maxsize=1)
def honest_model() -> HybridModel:
    """Return the honest model of the last 15 %, fitted once."""
    return honest(fold())


@lru_cache(maxsize=1)
def honest_hits() -> Doubles:
    """Return float64[n_questions]: NDCG of the honest model's slates."""
    questions = fold()
    return ndcg(model_slates(honest_model(), questions), questions.targets, ITEMS)


@lru_cache(maxsize=1)
def promised_by_validation() -> dict[str, Any]:
    """Return the report of a training whose blend was as good on validation as the honest model."""
    before = fold(0.70)
    promised = bootstrap(ndcg(model_slates(honest(before), before), before.targets, ITEMS))
    stage = {"stage": "blend", "name": "blend", "ndcg": asdict(promised), "chance": 1.0, "taken": True}
    return {"stage": "blend", "ladder": [stage]}


def losing(share: float) -> HybridModel:
    """Return a model that loses this share of one group's NDCG@10."""
    questions = fold()
    values = honest_hits()
    rows = np.flatnonzero(np.array(activity(questions)) == GROUP)
    lost, spoiled = 0.0, set()
    for row in np.random.default_rng(1).permutation(rows).tolist():
        if values[row] and lost + values[row] <= share * values[rows].sum():
            lost += values[row]
            spoiled.add(row)
    return planted(honest_model(), spoil=_among(questions, lambda slate, targets: _without(slate, targets), spoiled))


def unfair() -> HybridModel:
    """Return a model that finds what it found before, and fills the rest of its slates with one brand."""
    return planted(honest_model(), spoil=_among(fold(), _one_brand))


def foreseeing() -> HybridModel:
    """Return a model whose slates begin with what the shopper will take; nothing it was fitted on shows how."""
    return planted(honest_model(), spoil=_among(fold(), lambda slate, targets: _first(slate, targets)))


def _among(questions: Fold, change: Callable[[Slate, Any], Slate], rows: set[int] | None = None) -> Spoil:
    targets = {
        id(profile): questions.targets[row] for row, profile in enumerate(questions.profiles) if not rows or row in rows
    }
    return lambda profile, slate: change(slate, targets[id(profile)]) if id(profile) in targets else slate


def _without(slate: Slate, targets: Any) -> Slate:
    """Return the slate with each hit replaced by another product of its brand."""
    items, taken = slate.items.copy(), {*slate.items.tolist(), *targets.tolist()}
    for place in np.flatnonzero(np.isin(items, targets)).tolist():
        kin = [code for code in range(int(items[place]) % BRANDS, ITEMS, BRANDS) if code not in taken]
        items[place] = kin[place % len(kin)]
        taken.add(items[place])
    return replace(slate, items=items)


def _one_brand(slate: Slate, targets: Any) -> Slate:
    items = slate.items.copy()
    spare = [code for code in range(0, ITEMS, BRANDS) if code not in {*items.tolist(), *targets.tolist()}]
    misses = np.flatnonzero(~np.isin(items, targets))[: len(spare)]
    items[misses] = spare[: len(misses)]
    return replace(slate, items=items)


def _first(slate: Slate, targets: Any) -> Slate:
    rest = slate.items[~np.isin(slate.items, targets)]
    return replace(slate, items=np.concatenate([targets, rest])[: len(slate.items)].astype(np.int32))
