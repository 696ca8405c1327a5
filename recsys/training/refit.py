"""From a plan to a bundle: the sources and the ranker fitted again on all that may be learnt from."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.data.catalogue import Catalogue
from recsys.data.interactions import Interactions
from recsys.progress import Progress, silent
from recsys.ranking.exposure_constraint import Exposure
from recsys.ranking.item_statistics import ItemFacts
from recsys.ranking.model import Bundle
from recsys.ranking.ranker import Judged, Ranker
from recsys.sources.fitting import fitted
from recsys.training.cold_boost_tuning import bounded
from recsys.training.plan import Plan, fresh, unranked_sources
from recsys.training.ranker_training import mean_of
from recsys.training.ranking_dataset import joined, teaches

MORE_ROUNDS = 1.2
"""Trees and steps grow a little with the data of the validation fold."""


def release(
    plan: Plan,
    past: Interactions,
    catalogue: Catalogue,
    *,
    until: float,
    learnt: Sequence[Judged],
    unranked: bool = False,
    exposure: Exposure | None = None,
    manifest: Mapping[str, Any] | None = None,
    newest: int | None = None,
    progress: Progress = silent,
) -> Bundle:
    """Return the bundle of a plan; with `unranked` it also holds those sources that only placements ask for.

    `newest` is how many events of a kind a live profile holds at most, where it is bounded.
    """
    sources = plan.sources()
    if unranked:
        sources |= fresh(set(unranked_sources()) - sources.keys(), {})
    ready = fitted(sources, past, catalogue, waiting=lambda name, share: progress(f"Fitting {name}", 0.8 * share))
    progress("Fitting the ranker", 0.8)
    bundle = Bundle(
        catalogue=catalogue,
        sources=ready,
        facts=ItemFacts.fit(past, catalogue, until=until),
        ranker=ranker_of(plan, joined(learnt)) if learnt else None,
        quotas=plan.quotas,
        blend=plan.blend,
        exposure=exposure,
        cold_lift=plan.cold_lift,
        manifest={"rung": plan.rung, "single": plan.single, "until": until, "plan": plan.json(), **(manifest or {})},
    )
    return bounded(bundle, plan, past, newest=newest)


def ranker_of(plan: Plan, learnt: Judged) -> Ranker | None:
    """Return the plan's ranker, None where the plan has none or there is nothing to learn from."""
    if not plan.features or not teaches(learnt.labels):
        return None
    members = [(params, round(rounds * MORE_ROUNDS)) for params, rounds in plan.rankers]
    return mean_of(members, learnt, plan.features, seed=plan.seed)
