"""Builds the case for the gate: the slates of challenger and reference for the same held-out shoppers."""

from collections.abc import Mapping, Sequence

import numpy as np

from recsys.arrays import Doubles, Floats, Times
from recsys.data.activity import event_counts, third_names
from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.evaluation.model_checks.case import POPULAR, Case, Limits
from recsys.evaluation.model_checks.slate_table import CatalogView, SlateTable
from recsys.metrics.intervals import Interval
from recsys.ranking.groups import evenly_spaced
from recsys.ranking.model import HybridModel
from recsys.training.served_slates import milliseconds, model_slates

NEVER = float("-inf")
LATENCY_SAMPLES, LATENCY_REPEATS = 100, 5


def build_case(
    challenger: HybridModel,
    fold: Fold,
    *,
    champion: HybridModel | None,
    labels: Mapping[str, Sequence[str]],
    limits: Limits | None = None,
    expected: Interval | None = None,
) -> Case:
    """Return the case of a challenger against the refitted champion, or against popularity without one.

    Both must be fitted on the fold's past only. `labels` holds one label per question for each kind of group ("region",
    "device"), "" where unknown; groups by activity are added here. `expected` is the NDCG@10 on validation.
    """
    groups = {"activity": activity(fold), **{kind: tuple(own) for kind, own in labels.items()}}
    theirs = model_slates(champion or challenger, fold, strategy=None if champion else POPULAR)
    targets = tuple(np.asarray(own, np.int64) for own in fold.targets)
    ours, parts, reference_parts = (
        model_slates(challenger, fold),
        fitted_until_by_part(challenger, fold),
        fitted_until_by_part(champion or challenger, fold),
    )
    return Case(
        challenger=SlateTable(ours, targets, groups, latencies_ms(challenger, fold), max(parts.values()), parts),
        reference=SlateTable(theirs, targets, groups, None, max(reference_parts.values()), reference_parts),
        catalog_view=catalog_view_of(challenger.catalog, fold),
        has_champion=champion is not None,
        limits=limits or Limits(),
        expected=expected,
        reference_stage=champion.stage if champion else POPULAR,
    )


def latencies_ms(bundle: HybridModel, fold: Fold) -> Floats:
    """Return float32[n], the milliseconds of one slate for up to 100 shoppers: the minimum of five repeats.

    The minimum, since other load of the machine is no property of the model.
    """
    rows = evenly_spaced(len(fold), LATENCY_SAMPLES).tolist()
    return np.array([min(milliseconds(bundle, fold, row) for _ in range(LATENCY_REPEATS)) for row in rows], np.float32)


def fitted_until_by_part(bundle: HybridModel, fold: Fold) -> dict[str, float]:
    """Return the time of the latest row that each part was fitted on or asked with; parts without rows are left out."""
    latest = {
        "plan": float(bundle.manifest.get("until", fold.until)),
        "past": _latest(fold.past.times),
        "statistics": _latest(bundle.statistics.last),
        "profiles": max((_latest(profile.times) for profile in fold.profiles), default=NEVER),
        **{f"source {name}": _moment_or_never(one.learned_until) for name, one in bundle.sources.items()},
    }
    return {name: moment for name, moment in latest.items() if moment > NEVER}


def activity(fold: Fold) -> tuple[str, ...]:
    """Return each shopper's third by the length of the history."""
    return third_names(event_counts(fold.profiles))


def catalog_view_of(catalog: Catalog, fold: Fold) -> CatalogView:
    """Return the item columns of the checks; popularity is the number of past interactions."""
    n_items = catalog.n_items
    popularity: Doubles = np.bincount(fold.past.items, minlength=n_items)[:n_items].astype(np.float64)
    return CatalogView.of(catalog, popularity=popularity, cut=fold.until)


def _latest(times: Times) -> float:
    """Return the latest known time."""
    return float(np.nanmax(times, initial=NEVER))


def _moment_or_never(moment: float | None) -> float:
    return NEVER if moment is None else moment
