"""Optuna over the knobs of sources: grid, random or TPE, within a time budget, resumable, with pruning."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import optuna

from personalization.recommenders.base import Catalogue
from personalization.recommenders.registry import RECOMMENDERS, make
from personalization.recommenders.scoring import Scoring
from personalization.training.folds import Fold
from personalization.training.ladder import ndcg

Sampler = Literal["tpe", "random", "grid"]
CHUNKS = 4
"""A trial reports after each part of the shoppers, so that a poor one is pruned early."""
SHOPPERS = 800
GRID_STEPS = 4
optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings found, their NDCG@10 on the fold, and how many trials it took."""

    config: Mapping[str, Any]
    value: float
    trials: int


def tune(
    name: str,
    fold: Fold,
    catalogue: Catalogue,
    *,
    budget_s: float,
    seed: int,
    sampler: Sampler = "tpe",
    storage: str | None = None,
    max_trials: int | None = None,
) -> Tuned:
    """Return the best settings of a source within the budget; the defaults are always the first trial.

    Settings that only matter when answering are tuned first, on one fit; then those of the fit. With `storage` (an
    Optuna URL) a study of the same name goes on where it stopped. With `max_trials` and no budget the outcome depends
    on data and seed alone.
    """
    space, quick = RECOMMENDERS[name].SEARCH_SPACE, RECOMMENDERS[name].SERVE_TIME
    asked = fold.sample(SHOPPERS, seed=seed)
    fitted = make(name).fit(fold.past, catalogue)
    begun = _best_start(fitted, asked, catalogue)
    first = _Study(f"{name}:serve", {k: v for k, v in space.items() if k in quick}, seed, sampler, storage)
    found = first.run(lambda own: fitted.reconfigured(**own), asked, catalogue, budget_s / 2, max_trials)
    best = found if found.value > begun.value else begun
    second = _Study(f"{name}:fit", {k: v for k, v in space.items() if k not in quick}, seed, sampler, storage)

    def refitted(own: Mapping[str, Any]) -> Scoring:
        return make(name, **best.config, **own).fit(fold.past, catalogue) if own else fitted.reconfigured(**best.config)

    last = second.run(refitted, asked, catalogue, budget_s / 2, max_trials)
    return Tuned({**best.config, **last.config}, max(best.value, last.value), best.trials + last.trials)


def started(name: str, fold: Fold, catalogue: Catalogue, *, seed: int) -> Tuned:
    """Return the best of a source's defaults and its STARTS on one fit: what a training without a budget can afford."""
    return _best_start(make(name).fit(fold.past, catalogue), fold.sample(SHOPPERS, seed=seed), catalogue)


def _best_start(fitted: Scoring, asked: Fold, catalogue: Catalogue) -> Tuned:
    starts: list[dict[str, Any]] = [{}, *type(fitted).STARTS]
    values = [judge(fitted.reconfigured(**own), asked, catalogue) for own in starts]
    best = int(np.argmax(values))
    return Tuned(starts[best], values[best], len(starts))


@dataclass(frozen=True, slots=True)
class _Study:
    name: str
    space: Mapping[str, tuple[Any, ...]]
    seed: int
    sampler: Sampler
    storage: str | None

    def run(
        self,
        made: Callable[[Mapping[str, Any]], Scoring],
        fold: Fold,
        catalogue: Catalogue,
        budget_s: float,
        max_trials: int | None,
    ) -> Tuned:
        """Return the best of the study; where nothing can be tuned, the defaults' value after one trial."""
        end = time.monotonic() + budget_s
        study = optuna.create_study(
            direction="maximize",
            sampler=self._sampler(),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=8),
            storage=self.storage,
            study_name=self.name,
            load_if_exists=True,
        )
        default = judge(made({}), fold, catalogue)
        if not self.space:
            return Tuned({}, default, 1)

        def objective(trial: optuna.Trial) -> float:
            return judge(made({k: suggest(trial, k, v) for k, v in self.space.items()}), fold, catalogue, trial)

        limit = max_trials if max_trials is not None else 10_000
        while time.monotonic() < end and len(study.trials) < limit:
            study.optimize(objective, n_trials=1)
        done = [t for t in study.trials if t.state == optuna.trial.TrialState.COMPLETE and t.value is not None]
        best = max(done, key=lambda t: (t.value, -t.number), default=None)
        if best is None or float(best.value or 0) <= default:
            return Tuned({}, default, len(study.trials) + 1)
        return Tuned(_native(self.space, best.params), float(best.value or 0), len(study.trials) + 1)

    def _sampler(self) -> optuna.samplers.BaseSampler:
        if self.sampler == "grid":
            return optuna.samplers.GridSampler({k: grid(v) for k, v in self.space.items()}, seed=self.seed)
        if self.sampler == "random":
            return optuna.samplers.RandomSampler(seed=self.seed)
        return optuna.samplers.TPESampler(seed=self.seed, multivariate=True, n_startup_trials=8)


def judge(source: Scoring, fold: Fold, catalogue: Catalogue, trial: optuna.Trial | None = None) -> float:
    """Return the mean NDCG@10 of a source alone; a trial that falls behind is pruned."""
    values: list[float] = []
    for part in np.array_split(np.arange(len(fold)), CHUNKS):
        rows = part.tolist()
        found = source.recommend_many([fold.profiles[r] for r in rows], [fold.contexts[r] for r in rows], 10).items
        values += ndcg(found, [fold.targets[r] for r in rows], catalogue.n_items).tolist()
        if trial is not None:
            trial.report(float(np.mean(values)) if values else 0.0, len(values))
            if trial.should_prune():
                raise optuna.TrialPruned
    return float(np.mean(values)) if values else 0.0


def suggest(trial: optuna.Trial, name: str, space: tuple[Any, ...]) -> Any:
    """Return the trial's value of one knob of a search space."""
    kind, *rest = space
    if kind == "float":
        return trial.suggest_float(name, rest[0], rest[1], log=bool(rest[2]))
    if kind == "int":
        return trial.suggest_int(name, rest[0], rest[1])
    return rest[0][trial.suggest_int(name, 0, len(rest[0]) - 1)]


def grid(space: tuple[Any, ...]) -> list[Any]:
    """Return the grid's values of one knob: positions for choices."""
    kind, *rest = space
    if kind == "float":
        spread = np.geomspace if rest[2] else np.linspace
        return [float(value) for value in spread(rest[0], rest[1], GRID_STEPS)]
    if kind == "int":
        return sorted({int(value) for value in np.linspace(rest[0], rest[1], GRID_STEPS)})
    return list(range(len(rest[0])))


def _native(space: Mapping[str, tuple[Any, ...]], params: Mapping[str, Any]) -> dict[str, Any]:
    return {k: space[k][1][v] if space[k][0] == "choice" else v for k, v in params.items()}
