"""Optuna over the knobs of sources: grid, random or TPE, within a time budget, resumable, with pruning."""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from recsys.data.catalogue import NUMBERS, TEXTS
from recsys.data.folds import Fold
from recsys.metrics.intervals import better
from recsys.metrics.registry import ndcg
from recsys.sources import registry
from recsys.sources.registry import RECOMMENDERS, make
from recsys.sources.scoring import Scoring
from recsys.training.studies import LOST, opened, told
from recsys.training.validation_set import few

SAMPLERS = ("tpe", "random", "grid")
CHUNKS = 4
"""A trial reports after each part of the shoppers, so that a poor one is pruned early."""
ENOUGH_QUESTIONS = 800
"""Questions that suffice for the few settings a source suggests; earlier folds fill what validation lacks."""
MORE_QUESTIONS = 3_000
"""Questions, of a fold that asks so many, for what is searched for: the best of many trials is often the luckiest one.
On Beauty, 800 of its 5,000 called user-kNN's own settings .0267 that are worth .0204 there, as others are that bring
.0274 instead of .0261 on the window after."""
GRID_STEPS = 4
optuna.logging.set_verbosity(optuna.logging.WARNING)
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Search:
    """How settings are searched for: with which sampler, and where studies are kept.

    `study` is a file, or the URL of a database that Optuna knows; without one, studies end with the process. A study
    is of its questions and of the settings held: other data begin another one in the same place. `held` are the
    settings by source that the live model has: a start like those that sources suggest, so that a training without a
    budget does not forget what one with a budget found. `lost` says why studies were not kept where they should be, if
    they were not: the search goes on without. Raises ValueError for an unknown sampler.
    """

    sampler: str = "tpe"
    study: str | None = None
    held: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list, compare=False)

    def __post_init__(self) -> None:
        if self.sampler not in SAMPLERS:
            raise ValueError(f"sampler is one of {', '.join(SAMPLERS)}, not {self.sampler!r}")

    def opened(self) -> optuna.storages.BaseStorage | None:
        """Return where studies are kept, None for memory. Raises Unopened where it cannot be read or made."""
        return None if self.study is None or self.lost else opened(self.study)


BAYESIAN = Search()
"""TPE, kept nowhere."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best settings found, their NDCG@10 on the fold, and how many trials it took."""

    config: Mapping[str, Any]
    value: float
    trials: int


def tune(
    name: str,
    folds: Sequence[Fold],
    *,
    budget_s: float,
    seed: int,
    search: Search = BAYESIAN,
    max_trials: int | None = None,
    sure: float = 0.0,
) -> Tuned:
    """Return the best settings of a source within the budget; the defaults and its starts are always tried first.

    What is not better than the best start in this share of bootstrap samples of the questions, `sure`, is not taken.
    Settings are judged on the questions of all folds together, those of a source that discovers by what the shopper
    never had (ADR 22). Those that only matter when answering are tuned first, on one fit; then those of the fit. A kept
    study goes on where it stopped. With `max_trials` of each of the two searches, and time enough for them, the outcome
    depends on data and seed alone.
    """
    space = RECOMMENDERS[name].SEARCH_SPACE
    quick = RECOMMENDERS[name].SERVE_TIME
    bench = Bench.of(questions_of(name, folds), seed=seed, most=MORE_QUESTIONS)
    clock = time.monotonic()
    begun, fitted = _begun(name, bench, search)
    if not bench.folds:
        return begun  # nothing is asked that could tell
    fits = len({repr(_split(start, quick)[0]) for start in _starts(name, bench, search)})
    once = (time.monotonic() - clock) / fits
    # A study that ends with the process meets no other data, seed, space or code.
    mark = f"{name}:{_digest(bench.mark, seed, space, _written())}" if search.study else name
    serving, fitting = ({k: v for k, v in space.items() if (k in quick) == own} for own in (True, False))
    each_s = budget_s / 2 if serving and fitting else budget_s
    first = _Study(f"{mark}:serve:{_digest(begun.config)}", serving, seed, search)

    def served(own: Mapping[str, Any]) -> list[Scoring]:
        return [one.reconfigured(**own) for one in fitted]

    found = first.run(served, bench, begun.value, each_s, max_trials)
    if found.config and not _surely(bench, served(found.config), fitted, sure, seed=seed):
        found = Tuned({}, begun.value, found.trials)
    best = Tuned({**begun.config, **found.config}, found.value, begun.trials + found.trials)
    if max_trials is None and once > each_s:
        return best  # not one more fit is affordable
    second = _Study(f"{mark}:fit:{_digest(best.config)}", fitting, seed, search)

    def refitted(own: Mapping[str, Any]) -> list[Scoring]:
        return bench.fitted(name, {**best.config, **own})

    last = second.run(refitted, bench, best.value, each_s, max_trials)
    if last.config and not _surely(bench, refitted(last.config), served(found.config), sure, seed=seed):
        last = Tuned({}, best.value, last.trials)
    return Tuned({**best.config, **last.config}, last.value, best.trials + last.trials)


def _surely(bench: "Bench", new: Sequence[Scoring], old: Sequence[Scoring], sure: float, *, seed: int) -> bool:
    """Return whether a source is so surely better than before that its settings are more than luck."""
    if not sure:
        return True
    shoppers = np.concatenate([fold.users for fold in bench.folds])
    return better(np.asarray(bench.values(new)), np.asarray(bench.values(old)), shoppers=shoppers, seed=seed) >= sure


def started(name: str, folds: Sequence[Fold], *, seed: int, search: Search = BAYESIAN) -> tuple[Tuned, Scoring | None]:
    """Return the best of a source's defaults and its starts: what a training without a budget can afford.

    Starts that agree on the settings of the fit share one. With it comes the source as fitted on the first fold, None
    where that asks nothing.
    """
    asked = questions_of(name, folds)
    begun, fitted = _begun(name, Bench.of(asked, seed=seed), search)
    return begun, fitted[0] if fitted and len(asked[0]) else None


def questions_of(name: str, folds: Sequence[Fold]) -> Sequence[Fold]:
    """Return the questions that tell what the source is there for."""
    return [fold.discoveries() for fold in folds] if RECOMMENDERS[name].discovers else folds


def _begun(name: str, bench: "Bench", search: Search) -> tuple[Tuned, Sequence[Scoring]]:
    """Return the best start, and the source fitted with it on each fold."""
    quick = RECOMMENDERS[name].SERVE_TIME
    fits: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {}
    for start in _starts(name, bench, search):
        fit, serve = _split(start, quick)
        fits.setdefault(repr(fit), (fit, []))[1].append(serve)
    best, kept, tried = Tuned({}, -1.0, 0), [], 0
    for fit, starts in fits.values():
        fitted = bench.fitted(name, fit)
        for serve in starts:
            value, tried = bench.judge([one.reconfigured(**serve) for one in fitted]), tried + 1
            if value > best.value:
                best, kept = Tuned({**fit, **serve}, value, tried), fitted
    return Tuned(best.config, best.value, tried), [
        one.reconfigured(**{k: v for k, v in best.config.items() if k in quick}) for one in kept
    ]


def _starts(name: str, bench: "Bench", search: Search) -> list[Mapping[str, Any]]:
    """Return the defaults, what the source suggests beside them to a shop with so many questions, and what it has.

    Of that, what no search and no start sets any more is as new versions have it, or it would be held for ever.
    """
    kind = RECOMMENDERS[name]
    more = () if not bench.folds or few(bench.folds[0]) else kind.STARTS_OF_MANY
    starts: list[Mapping[str, Any]] = [{}, *kind.STARTS, *more]
    open_to = kind.SEARCH_SPACE.keys() | {knob for start in (*kind.STARTS, *kind.STARTS_OF_MANY) for knob in start}
    held = kind.config_class(**{k: v for k, v in search.held.get(name, {}).items() if k in open_to})
    if held not in (kind.config_class(**start) for start in starts):
        starts.append({k: v for k, v in asdict(held).items() if k != "seed"})
    return starts


def _split(start: Mapping[str, Any], quick: frozenset[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the fit, in the order of their names, and those that only matter when answering."""
    return {k: start[k] for k in sorted(start) if k not in quick}, {k: start[k] for k in start if k in quick}


@dataclass(frozen=True, slots=True)
class Bench:
    """The questions that settings are judged on, of one fold or of several."""

    folds: Sequence[Fold]

    @classmethod
    def of(cls, folds: Sequence[Fold], *, seed: int, most: int = ENOUGH_QUESTIONS) -> "Bench":
        """Return the bench of some folds, the most telling first, of each of which at most so many questions are taken.

        Later folds are taken only while there are fewer than `ENOUGH_QUESTIONS`.
        """
        taken: list[Fold] = []
        missing = ENOUGH_QUESTIONS
        for fold in folds:
            if missing > 0 and len(fold):
                taken.append(fold.sample(missing if taken else most, seed=seed))
                missing -= len(taken[-1])
        return cls(taken)

    @property
    def mark(self) -> str:
        """Return what tells these questions, and what may be learnt to answer them, from others."""
        known = self.folds[0].whole
        told = [getattr(known, column) for column in (*TEXTS, *NUMBERS)]
        parts: list[Any] = [known.n_items, known.attributes, *told, len(self.folds)]
        for fold in self.folds:
            moments = [(len(profile.items), profile.now) for profile in fold.profiles]
            parts += [fold.until, fold.new_only, moments, *fold.past.columns.values(), fold.users, *fold.targets]
        return _digest(*parts)

    def fitted(self, name: str, config: Mapping[str, Any]) -> list[Scoring]:
        """Return the source, fitted on the past of each fold."""
        return [make(name, **config).fit(fold.past, fold.catalogue) for fold in self.folds]

    def judge(self, sources: Sequence[Scoring], trial: optuna.Trial | None = None) -> float:
        """Return the mean NDCG@10 of a source alone over all questions; a trial that falls behind is pruned."""
        values = self.values(sources, trial)
        return float(np.mean(values)) if values else 0.0

    def values(self, sources: Sequence[Scoring], trial: optuna.Trial | None = None) -> list[float]:
        """Return NDCG@10 of each question; a trial that falls behind is pruned."""
        values: list[float] = []
        for source, fold in zip(sources, self.folds, strict=True):
            for part in np.array_split(np.arange(len(fold)), max(1, CHUNKS // len(self.folds))):
                values += self._asked(source, fold, part.tolist())
                if trial is not None:
                    trial.report(float(np.mean(values)) if values else 0.0, len(values))
                    if trial.should_prune():
                        raise optuna.TrialPruned
        return values

    def _asked(self, source: Scoring, fold: Fold, rows: list[int]) -> list[float]:
        profiles, contexts = [fold.profiles[r] for r in rows], [fold.contexts[r] for r in rows]
        found = source.recommend_many(profiles, contexts, 10).items
        values: list[float] = ndcg(found, [fold.targets[r] for r in rows], fold.n_items).tolist()
        return values


@dataclass(frozen=True, slots=True)
class _Study:
    name: str
    space: Mapping[str, tuple[Any, ...]]
    seed: int
    search: Search

    def run(
        self,
        made: Callable[[Mapping[str, Any]], Sequence[Scoring]],
        bench: Bench,
        default: float,
        budget_s: float,
        max_trials: int | None,
    ) -> Tuned:
        """Return what the study found above `default`, the value without it; no settings where it found nothing.

        A study that can no longer be kept is begun anew in memory, for what is left of the time.
        """
        if not self.space:
            return Tuned({}, default, 0)
        end = time.monotonic() + budget_s
        try:
            return self._searched(made, bench, default, end, max_trials)
        except LOST as error:
            if self.search.study is None or self.search.lost:
                raise
            self.search.lost.append(told(error))
            log.warning("training.search_unkept")
        return self._searched(made, bench, default, end, max_trials)

    def _searched(
        self,
        made: Callable[[Mapping[str, Any]], Sequence[Scoring]],
        bench: Bench,
        default: float,
        end: float,
        max_trials: int | None,
    ) -> Tuned:
        study = optuna.create_study(
            direction="maximize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=8),
            storage=self.search.opened(),
            study_name=self.name,
            load_if_exists=True,
        )
        study.sampler = self._sampler(len(study.trials))

        def objective(trial: optuna.Trial) -> float:
            return bench.judge(made({k: suggest(trial, k, v) for k, v in self.space.items()}), trial)

        limit = max_trials if max_trials is not None else 10_000
        while time.monotonic() < end and len(_tried(study)) < limit and not _exhausted(study):
            study.optimize(objective, n_trials=1)
        tried = _tried(study)
        done = [t for t in tried if t.state == optuna.trial.TrialState.COMPLETE and t.value is not None]
        best = max(done, key=lambda t: (t.value, -t.number), default=None)
        if best is None or float(best.value or 0) <= default:
            return Tuned({}, default, len(tried))
        return Tuned(_native(self.space, best.params), float(best.value or 0), len(tried))

    def _sampler(self, tried: int) -> optuna.samplers.BaseSampler:
        """Return the sampler; one that goes on with a study does not draw what was drawn when it began."""
        if self.search.sampler == "grid":
            return optuna.samplers.GridSampler({k: grid(v) for k, v in self.space.items()}, seed=self.seed)
        if self.search.sampler == "random":
            return optuna.samplers.RandomSampler(seed=self.seed + tried)
        return optuna.samplers.TPESampler(seed=self.seed + tried, multivariate=True, n_startup_trials=8)


def _tried(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
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
def _written() -> str:
    """Return what tells the code of the recommenders from another release's: its values are no longer the same."""
    return _digest(*(path.read_text() for path in sorted(Path(registry.__file__).parent.glob("*.py"))))


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
