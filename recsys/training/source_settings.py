"""Settings of each source without a search: the best half-life, then the best start with it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from recsys.data.folds import Fold
from recsys.metrics.registry import ndcg
from recsys.sources.registry import RECOMMENDERS, make
from recsys.sources.scoring import Scoring

MAX_QUESTIONS = 2_000
"""Questions that settings are judged on; earlier folds fill what validation lacks."""
HALF_LIVES = (365.0, 14.0, 60.0, 1_500.0, 3.0)
"""Half-lives in days that are tried: a year first, which stays where none is better; then two weeks, two months,
hardly any fading, and days, for shops whose assortment turns within weeks."""

Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Settings of one source, its NDCG@10 alone on the questions they were judged by, and how many were tried."""

    config: Config
    value: float
    trials: int


@dataclass(frozen=True, slots=True)
class SettingsJudge:
    """Judges settings of one source by the questions of a few folds, each source fitted on the fold's own past."""

    name: str
    folds: Sequence[Fold]

    @classmethod
    def of(cls, name: str, folds: Sequence[Fold], *, seed: int, max_questions: int = MAX_QUESTIONS) -> "SettingsJudge":
        """Return the judge of a source over folds, the most telling first; later ones only fill up.

        Sources that discover are judged by what the shopper never had (ADR 22).
        """
        if RECOMMENDERS[name].discovers:
            folds = [fold.discoveries() for fold in folds]
        return cls(name, sampled_folds(folds, seed=seed, max_questions=max_questions))

    def fitted(self, config: Config) -> list[Scoring]:
        """Return the source, fitted on the past of each fold."""
        return [make(self.name, **config).fit(fold.past, fold.catalog) for fold in self.folds]

    def values(self, models: Sequence[Scoring]) -> np.ndarray:
        """Return float64[n_questions]: NDCG@10 of the models, one for each fold."""
        parts = [np.empty(0)]
        for model, fold in zip(models, self.folds, strict=True):
            parts.append(ndcg(model.recommend_many(fold.profiles, fold.contexts, 10).items, fold.targets, fold.n_items))
        return np.concatenate(parts)

    def mean(self, models: Sequence[Scoring]) -> float:
        """Return the mean NDCG@10; 0 where nothing is asked."""
        values = self.values(models)
        return float(values.mean()) if len(values) else 0.0

    def best(self, configs: Sequence[Config]) -> SourceSettings:
        """Return the best of some settings, of equals the first; those that agree on the fit share one."""
        split = [split_settings(self.name, config) for config in configs]
        fits = {repr(fit): fit for fit, _ in split}
        values: dict[str, float] = {}
        for fit in fits.values():
            models = self.fitted(fit)
            for config, (own_fit, serve_time) in zip(configs, split, strict=True):
                if own_fit == fit:
                    values[repr(config)] = self.mean([model.reconfigured(**serve_time) for model in models])
        config = max(configs, key=lambda own: values[repr(own)])
        return SourceSettings(config, values[repr(config)], len(configs))


def suggested_settings(
    name: str,
    folds: Sequence[Fold],
    *,
    seed: int,
    half_lives: Sequence[float] = HALF_LIVES,
    champion: Config | None = None,
) -> SourceSettings:
    """Return the best of a source's starts, with the best of the half-lives (days) for what it learns from.

    A single half-life is taken as it is. `champion` are the settings of the live model, one more start: a training
    without a search keeps what one found.
    """
    judge, setting = SettingsJudge.of(name, folds, seed=seed), RECOMMENDERS[name].HALF_LIFE
    paces: list[Config] = [{setting: days} for days in half_lives if setting] or [{}]
    pace = paces[0] if len(paces) == 1 else judge.best(paces).config
    best = judge.best([{**pace, **start} for start in _starts(name, champion)])
    return SourceSettings(best.config, best.value, best.trials + len(paces) - 1)


def common_half_life(settings: Mapping[str, SourceSettings]) -> list[float]:
    """Return the median half-life of the sources that have one, as a list; [] where none has.

    Sources that learn for minutes take it untried: the shop's own pace is known by then.
    """
    days = sorted(
        float(one.config[setting])
        for name, one in settings.items()
        if (setting := RECOMMENDERS[name].HALF_LIFE) and setting in one.config
    )
    return days[(len(days) - 1) // 2 :][:1]


def sampled_folds(folds: Sequence[Fold], *, seed: int, max_questions: int) -> list[Fold]:
    """Return folds with so many questions together, of the first ones as many as they have."""
    chosen: list[Fold] = []
    missing = max_questions
    for fold in folds:
        if missing > 0 and len(fold):
            chosen.append(fold.sample(missing, seed=seed))
            missing -= len(chosen[-1])
    return chosen


def split_settings(name: str, config: Config) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the settings of the fit, and those that only matter when answering."""
    serve_time = RECOMMENDERS[name].SERVE_TIME
    return (
        {key: value for key, value in sorted(config.items()) if key not in serve_time},
        {key: value for key, value in sorted(config.items()) if key in serve_time},
    )


def _starts(name: str, champion: Config | None) -> list[Config]:
    """Return the defaults, the source's own starts, and the champion's settings where they differ from all."""
    kind = RECOMMENDERS[name]
    starts: list[Config] = [{}, *kind.STARTS]
    if champion is not None:
        champion_config = kind.config_class(**champion)
        if champion_config not in (kind.config_class(**start) for start in starts):
            starts.append({key: value for key, value in asdict(champion_config).items() if key != "seed"})
    return starts
