"""The champion's plan, fitted on the challenger's past, so that both are asked about a window that neither has seen.

The champion's own bundle would not do: it was released on all rows of its day, and trainings are days apart while the
held-out window is the last 15 %, so it has seen most of the answers. Its plan (settings, quotas, features, rung) is
refitted on the very rows the challenger was given. What is compared is then the better recipe, not the fresher data.

Cost: sources that the challenger fitted with the same settings are not fitted again, and no ranker is learnt for a
champion that was released below that rung.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any

from recsys.data.folds import Fold
from recsys.metrics.spread import TOP
from recsys.progress import Progress, silent
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.features import feature_names
from recsys.ranking.item_statistics import ItemFacts
from recsys.ranking.model import Bundle
from recsys.ranking.ranker import Ranker
from recsys.sources.fitting import fitted
from recsys.sources.registry import RECOMMENDERS
from recsys.training.cold_boost_tuning import bounded
from recsys.training.model_selection import columns_of
from recsys.training.model_slates import bundle_slates
from recsys.training.plan import Plan
from recsys.training.ranking_dataset import (
    Examples,
    limited,
    thin_examples,
    together,
)
from recsys.training.refit import ranker_of


def plan_of(manifest: Mapping[str, Any]) -> Plan:
    """Return the plan a bundle was made by. Raises ValueError, in words, where this code can no longer follow it."""
    told = manifest.get("plan", {})
    known = {part.name for part in fields(Plan)}
    if not {"configs", "quotas", "blend", "single", "rung", "features", "rankers"} <= told.keys() <= known:
        raise ValueError("another release wrote it, of other parts")
    plan = Plan(**{**told, "features": tuple(told["features"])})
    sources = {name for name in (*plan.quotas, *plan.configs) if not _known(name, plan.configs.get(name, {}))}
    gone = sources | set(plan.features).difference(feature_names(tuple(sorted(plan.quotas))))
    if gone:
        raise ValueError(f"recommenders, their settings or features that are not here: {', '.join(sorted(gone))}")
    return plan


def _known(name: str, config: Mapping[str, Any]) -> bool:
    """Return whether there is such a source, with all it needs and with such settings."""
    kind = RECOMMENDERS.get(name)
    return kind is not None and kind.installed() and set(config) <= {part.name for part in fields(kind.config_class)}


def refitted(
    plan: Plan,
    earlier: Sequence[Fold],
    test: Fold,
    *,
    beside: Bundle,
    newest: int | None = None,
    progress: Progress = silent,
) -> Bundle | None:
    """Return the plan's bundle on the test fold's past; its ranker learns on the earlier folds.

    None where the plan's ranker finds nothing there to learn from: then nobody can follow the plan.

    `beside` is the challenger, fitted on the same past: equal sources are shared with it. `newest` as in `release`.
    """
    catalogue = test.catalogue
    told = partial(progress, "Fitting the champion's plan on the same past")
    told(0.0)
    ranker = _ranker(plan, earlier, told) if plan.rung == "ranker" else None
    if plan.rung == "ranker" and ranker is None:
        return None
    ours = beside.manifest.get("plan", {}).get("configs", {})
    sources = plan.sources()
    shared = {
        name: beside.sources[name]
        for name in sources
        if name in beside.sources and ours.get(name, {}) == plan.configs.get(name, {})
    }
    own = fitted({name: source for name, source in sources.items() if name not in shared}, test.past, catalogue)
    free = Bundle(
        catalogue=catalogue,
        sources=dict(sorted((shared | own).items())),
        facts=beside.facts,
        ranker=ranker,
        quotas=plan.quotas,
        blend=plan.blend,
        cold_lift=plan.cold_lift,
        manifest={"rung": plan.rung, "single": plan.single, "until": test.until, "plan": plan.json()},
    )
    free = bounded(free, plan, test.past, newest=newest)
    return replace(free, exposure=_exposure(free, test, strength=plan.exposure)) if plan.exposure else free


def _exposure(bundle: Bundle, fold: Fold, *, strength: float) -> Exposure:
    """Return the plan's exposure constraint, measured on what the bundle would show; no answer is needed for that."""
    return Exposure.measured(bundle_slates(bundle, fold, k=TOP), n_items=fold.n_items, strength=strength)


def _ranker(plan: Plan, earlier: Sequence[Fold], told: Callable[[float], None]) -> Ranker | None:
    found = []
    for at, fold in enumerate(earlier, start=1):
        found.append(_learnt(plan, fold))
        told(at / (len(earlier) + 1))
    parts = limited(found)
    del found
    learnt = together(parts, columns_of(plan))
    del parts  # twice what is learnt from would be most of the memory
    return ranker_of(plan, learnt)


def _learnt(plan: Plan, fold: Fold) -> Examples:
    known = fold.catalogue
    sources = fitted(plan.sources(), fold.past, known)
    facts = ItemFacts.fit(fold.past, known, until=fold.until)
    return thin_examples(sources, facts, fold, quotas=plan.quotas, seed=plan.seed)
