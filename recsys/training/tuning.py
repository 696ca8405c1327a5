"""Optuna over the settings of sources: grid, random or TPE, within a time budget, resumable, with pruning."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from recsys.data.catalog import NUMBER_COLUMNS, TEXT_COLUMNS
from recsys.data.folds import Fold
from recsys.sources import registry
from recsys.sources.registry import RECOMMENDERS
from recsys.sources.scoring import Scoring
from recsys.training.source_settings import SettingsJudge, SourceSettings
from recsys.training.studies import LOST, cause_of, open_studies

SAMPLERS = ("tpe", "random", "grid")
CHUNKS = 4
"""A trial reports after each part of the questions, so that a poor one is pruned early."""
MAX_QUESTIONS = 3_000
"""Questions that a search is judged on: the best of many trials on few questions is often the luckiest one."""
GRID_STEPS = 4
optuna.logging.set_verbosity(optuna.logging.WARNING)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Search:
    """How settings are searched for: with which sampler, and where studies are kept.

    `study` is a file, or the URL of a database that Optuna knows; without one, studies end with the process. A study
    belongs to its questions: other data begin another one in the same place. `champion` are the live model's settings
    by source, one more start. `lost` says why studies could not be kept: the search then goes on in memory. Raises
    ValueError for an unknown sampler.
    """

    sampler: str = "tpe"
    study: str | None = None
    champion: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler is one of {', '.join(SAMPLERS)}, not {self.sampler!r}")

    def opened(self) -> optuna.storages.BaseStorage | None:
        """Return where studies are kept, None for memory. Raises Unopened where it cannot be read or made."""
        return None if self.study is None or self.lost else open_studies(self.study)


BAYESIAN = Search()
"""TPE, kept nowhere."""


def tune(
    name: str,
    start: SourceSettings,
    folds: Sequence[Fold],
    *,
    budget_s: float,
    seed: int,
    search: Search = BAYESIAN,
    max_trials: int | None = None,
) -> SourceSettings:
    """Return the best settings of a source that a search within the budget finds, or the start.

    Settings that only matter when answering are searched first, on one fit; then those of the fit. A kept study goes on
    where it stopped. With `max_trials` of each of the two searches, and time enough, the outcome depends on data and
    seed alone.
    """
    judge = SettingsJudge.of(name, folds, seed=seed, max_questions=MAX_QUESTIONS)
    space = RECOMMENDERS[name].SEARCH_SPACE
    if not judge.folds or not space:
        return start
    serving, fitting = (
        {k: v for k, v in space.items() if (k in RECOMMENDERS[name].SERVE_TIME) == own} for own in (True, False)
    )
    each_s = budget_s / 2 if serving and fitting else budget_s
    begun = time.monotonic()
    models = judge.fitted(start.config)
    fit_s = time.monotonic() - begun
    best = SourceSettings(start.config, judge.mean(models), start.trials)
    # A study that ends with the process meets no other data, seed, space or code.
    key = f"{name}:{_digest(_fingerprint(judge.folds), seed, space, _code())}" if search.study else name

    def reconfigured(settings: Mapping[str, Any]) -> list[Scoring]:
        return [model.reconfigured(**settings) for model in models]

    def refitted(settings: Mapping[str, Any]) -> list[Scoring]:
        return judge.fitted({**best.config, **settings})

    best = _Study(f"{key}:serve:{_digest(best.config)}", serving, judge, seed, search).run(
        reconfigured, best, each_s, max_trials
    )
    if max_trials is None and fit_s > each_s:
        return best  # not one more fit is affordable
    return _Study(f"{key}:fit:{_digest(best.config)}", fitting, judge, seed, search).run(
        refitted, best, each_s, max_trials
    )


@dataclass(frozen=True, slots=True)
class _Study:
    name: str
    space: Mapping[str, tuple[Any, ...]]
    judge: SettingsJudge
    seed: int
    search: Search

    def run(
        self,
        fit: Callable[[Mapping[str, Any]], Sequence[Scoring]],
        best: SourceSettings,
        budget_s: float,
        max_trials: int | None,
    ) -> SourceSettings:
        """Return the settings that the study finds above `best`, else `best`.

        A study that can no longer be kept is begun anew in memory, for what is left of the time.
        """
        if not self.space:
            return best
        end = time.monotonic() + budget_s
        try:
            return self._searched(fit, best, end, max_trials)
        except LOST as error:
            if self.search.study is None or self.search.lost:
                raise
            self.search.lost.append(cause_of(error))
            log.warning("training.search_unkept")
        return self._searched(fit, best, end, max_trials)

    def _searched(
        self,
        fit: Callable[[Mapping[str, Any]], Sequence[Scoring]],
        best: SourceSettings,
        end: float,
        max_trials: int | None,
    ) -> SourceSettings:
        study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=8),
            storage=self.search.opened(),
            study_name=self.name,
            load_if_exists=True,
        )
        study.sampler = self._sampler(len(study.trials))

        def objective(trial: optuna.Trial) -> float:
            return self._judged(fit({k: suggest(trial, k, v) for k, v in self.space.items()}), trial)

        limit = max_trials if max_trials is not None else 10_000
        while time.monotonic() < end and len(_finished(study)) < limit and not _exhausted(study):
            study.optimize(objective, n_trials=1)
        finished = _finished(study)
        complete = [t for t in finished if t.state == optuna.trial.TrialState.COMPLETE and t.value is not None]
        winner = max(complete, key=lambda t: (t.value, -t.number), default=None)
        trials = best.trials + len(finished)
        if winner is None or float(winner.value or 0) <= best.value:
            return SourceSettings(best.config, best.value, trials)
        return SourceSettings({**best.config, **_native(self.space, winner.params)}, float(winner.value or 0), trials)

    def _judged(self, models: Sequence[Scoring], trial: optuna.Trial) -> float:
        """Return the mean NDCG@10 over all questions; a trial that falls behind is pruned."""
        values: list[float] = []
        for model, fold in zip(models, self.judge.folds, strict=True):
            for part in np.array_split(np.arange(len(fold)), max(1, CHUNKS // len(self.judge.folds))):
                values += SettingsJudge(self.judge.name, [fold.of_rows(part)]).values([model]).tolist()
                trial.report(float(np.mean(values)) if values else 0.0, len(values))
                if trial.should_prune():
                    raise optuna.TrialPruned
        return float(np.mean(values)) if values else 0.0

    def _sampler(self, tried: int) -> optuna.samplers.BaseSampler:
        """Return the sampler; one that goes on with a study does not draw what was drawn when it began."""
        if self.search.sampler == "grid":
            return optuna.samplers.GridSampler({k: grid(v) for k, v in self.space.items()}, seed=self.seed)
        if self.search.sampler == "random":
            return optuna.samplers.RandomSampler(seed=self.seed + tried)
        return optuna.samplers.TPESampler(seed=self.seed + tried, multivariate=True, n_startup_trials=8)


def _finished(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Return the trials that came to an end: one whose process was killed or stopped says nothing."""
    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return study.get_trials(deepcopy=False, states=ended)


def _exhausted(study: optuna.Study) -> bool:
    """Return whether every point of the grid was tried."""
    return isinstance(study.sampler, optuna.samplers.GridSampler) and study.sampler.is_exhausted(study)


def _digest(*parts: Any) -> str:
    """Return a short name for arrays, mappings and numbers."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()[:16]


@cache
def _code() -> str:
    """Return a digest of the recommenders' code: another code gives other values for the same settings."""
    return _digest(*(path.read_text() for path in sorted(Path(registry.__file__).parent.glob("*.py"))))


def _fingerprint(folds: Sequence[Fold]) -> str:
    """Return a digest of the questions and of all that may be learnt to answer them."""
    known = folds[0].full_catalog
    parts: list[Any] = [
        known.n_items,
        known.attributes,
        *(getattr(known, column) for column in (*TEXT_COLUMNS, *NUMBER_COLUMNS)),
    ]
    for fold in folds:
        moments = [(len(profile.items), profile.now) for profile in fold.profiles]
        parts += [fold.until, fold.new_only, moments, *fold.past.columns.values(), fold.users, *fold.targets]
    return _digest(*parts)


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
