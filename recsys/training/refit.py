"""From a plan to a model: sources and ranker fitted on data that need not be those the plan was made on."""

from collections.abc import Mapping, Sequence
from typing import Any

from recsys.data.catalog import Catalog
from recsys.data.folds import Fold
from recsys.data.interactions import Interactions
from recsys.data.item_fingerprints import item_fingerprints
from recsys.progress import Progress, silent
from recsys.ranking.cart_ranker import QUOTAS
from recsys.ranking.exposure_constraint import ExposureConstraint
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.ranking.network import Network
from recsys.ranking.ranker import NETWORK, SOURCE, Model, Ranker, RankingDataset, SourceRank, train_trees
from recsys.sources.fitting import fit_all
from recsys.sources.scoring import Scoring
from recsys.training.plan import Member, Plan, make_sources, unranked_sources
from recsys.training.ranking_dataset import concatenate, has_contrast, ranking_dataset
from recsys.training.served_slates import model_slates

GROWTH = 1.2
"""Trees and steps grow a little with the data of the validation window."""
SOURCE_ROWS, LEAST_SHARE = 30_000, 0.1
"""Up to so many rows the rank of the best source counts as much as a fitted model; less than this share is left out."""


def fit_ranker(
    members: Sequence[Member], dataset: RankingDataset, names: Sequence[str], *, seed: int, growth: float = 1.0
) -> Ranker | None:
    """Return the mean of the members, each with `growth` times its trees or steps; None without hits and misses.

    The rank of a source counts less the more rows there are to learn from (ADR 14).
    """
    if not members or not has_contrast(dataset.labels):
        return None
    models: list[Model] = []
    shares: list[float] = []
    for params, rounds in members:
        rounds, share = round(rounds * growth), 1.0
        if params.get("objective") == NETWORK:
            models.append(Network.fit(dataset.features, dataset.labels, steps=rounds, seed=seed))
        elif params.get("objective") == SOURCE:
            share = min(1.0, SOURCE_ROWS / len(dataset.labels))
            if share < LEAST_SHARE:
                continue
            models.append(SourceRank(names.index(f"{params['source']}_rank"), len(names)))
        else:
            models.append(train_trees(dataset, params, names, rounds=rounds, seed=seed))
        shares.append(share)
    return Ranker.mean(models, dataset, names, shares=shares)


def refit(
    plan: Plan,
    past: Interactions,
    catalog: Catalog,
    datasets: Sequence[RankingDataset],
    *,
    until: float,
    exposure: ExposureConstraint | None = None,
    unranked: bool = False,
    manifest: Mapping[str, Any] | None = None,
    shared: Mapping[str, Scoring] | None = None,
    progress: Progress = silent,
) -> HybridModel:
    """Return the plan's model: sources fitted on `past`, the ranker on the datasets (oldest first).

    With `unranked` it also holds the sources that only placements, or the ranker of carts, ask for. `shared` are
    sources already fitted on this past with the plan's settings.
    """
    shared = shared or {}
    sources = plan.sources()
    if unranked:
        sources |= make_sources({*unranked_sources(), *QUOTAS} - sources.keys(), plan.configs)
    fresh = {name: source for name, source in sources.items() if name not in shared}
    ready = fit_all(fresh, past, catalog, progress=lambda name, share: progress(f"Fitting {name}", 0.8 * share))
    ready |= {name: shared[name] for name in sources if name in shared}
    progress("Fitting the ranker", 0.8)
    ranker = None
    if datasets and plan.members:
        ranker = fit_ranker(plan.members, concatenate(datasets), plan.features, seed=plan.seed, growth=GROWTH)
    return HybridModel(
        catalog=catalog,
        sources=dict(sorted(ready.items())),
        statistics=ItemStatistics.fit(past, catalog, until=until),
        ranker=ranker,
        quotas=plan.quotas,
        blend=plan.blend,
        exposure=exposure,
        fingerprints=item_fingerprints(past, catalog.n_items),
        manifest={"stage": plan.stage, "single": plan.single, "until": until, "plan": plan.json(), **(manifest or {})},
    )


def refit_champion(
    plan: Plan, earlier: Sequence[Fold], test: Fold, *, challenger: HybridModel, progress: Progress = silent
) -> HybridModel | None:
    """Return the champion's plan fitted on the challenger's past, so that both are asked what neither has seen.

    Its ranker learns on the `earlier` folds. None where it finds nothing there to learn from: nobody can follow the
    plan then. Sources with equal settings are shared with the challenger.
    """
    datasets: list[RankingDataset] = []
    for number, fold in enumerate(earlier if plan.stage == "ranker" else ()):
        progress("Fitting the live plan on the same past", number / (len(earlier) + 1))
        sources = fit_all(plan.sources(), fold.past, fold.catalog)
        statistics = ItemStatistics.fit(fold.past, fold.catalog, until=fold.until)
        datasets.append(ranking_dataset(sources, statistics, fold, quotas=plan.quotas, seed=plan.seed))
    ours = challenger.manifest["plan"]["configs"]
    shared = {
        name: challenger.sources[name]
        for name in plan.quotas
        if name in challenger.sources and ours.get(name, {}) == plan.configs.get(name, {})
    }
    model = refit(plan, test.past, test.catalog, datasets, until=test.until, shared=shared, progress=progress)
    if plan.stage == "ranker" and model.ranker is None:
        return None
    if not plan.exposure:
        return model
    slates = model_slates(model, test)
    return model.with_exposure(ExposureConstraint.from_slates(slates, n_items=test.n_items, strength=plan.exposure))
