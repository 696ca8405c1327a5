"""Settings that need no search: the best of a source's starts, then the half-life that fits how fast a shop changes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold
from recsys.data.profile import Profile
from recsys.evaluation.evaluate import Options, folds_of
from recsys.metrics.registry import mean_ndcg
from recsys.sources.item_item import ItemItemConfig
from recsys.sources.registry import RECOMMENDERS, make
from recsys.training.plan import ranked_sources
from recsys.training.slates import blend_slates, single_slates
from recsys.training.source_settings import (
    HALF_LIVES,
    SettingsJudge,
    common_half_life,
    sampled_folds,
    suggested_settings,
)
from recsys.training.training import test_candidates as candidates_of
from recsys.training.training import train
from recsys.training.tuning import tune
from tests.recsys.seasonal_shop import seasonal_history
from tests.recsys.shop_history import history, products

DISCOVERING = sorted(name for name in ranked_sources() if RECOMMENDERS[name].discovers)
FADING = sorted(
    name
    for name in ranked_sources()
    if RECOMMENDERS[name].HALF_LIFE and RECOMMENDERS[name].cost == "seconds" and name != "session_knn"
)
"""Sources with a half-life to try, without the one that learns from visits to several products: `seasonal` has none."""


def judges_of(dataset: Dataset) -> list[Fold]:
    """Return the windows that settings are judged by: validation, then the learning windows, latest first."""
    folds = folds_of(dataset, Options())
    return [folds.validation, *reversed(folds.learning)]


@pytest.fixture(scope="module")
def judges() -> list[Fold]:
    return judges_of(build(history(), products()))


@pytest.fixture(scope="module")
def seasonal() -> list[Fold]:
    return judges_of(build(seasonal_history()))


@pytest.mark.parametrize("name", FADING)
def test_where_the_assortment_turns_a_source_forgets_fast(name: str, seasonal: list[Fold]) -> None:
    settings = suggested_settings(name, seasonal, seed=7)

    half_life = getattr(RECOMMENDERS[name].config_class(**settings.config), RECOMMENDERS[name].HALF_LIFE)
    assert 0 < half_life <= 30
    slow = {**settings.config, RECOMMENDERS[name].HALF_LIFE: max(HALF_LIVES)}
    assert settings.value > SettingsJudge.of(name, seasonal, seed=7).best([slow]).value


def test_a_slow_source_takes_the_shops_own_pace(seasonal: list[Fold]) -> None:
    quick = {name: suggested_settings(name, seasonal, seed=7) for name in ("covisitation", "rp3beta", "popular")}

    pace = common_half_life(quick)
    settings = suggested_settings("als", seasonal, seed=7, half_lives=pace)

    assert len(pace) == 1
    assert pace[0] <= 30
    assert common_half_life({"popular": quick["popular"]}) == []
    assert settings.config["matrix_half_life_days"] == pace[0]
    assert settings.trials == 1 + len(RECOMMENDERS["als"].STARTS), "the pace is taken untried"


@pytest.mark.slow
def test_untuned_settings_are_nearly_as_good_as_tuned_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a test window that neither has seen, by the best source alone and by the blend, which tuning is to improve."""
    monkeypatch.setattr("recsys.training.training.HALF_LIVES", HALF_LIVES)  # all of them, as in a shop
    dataset = build(seasonal_history())
    names = ("covisitation", "ease", "item_knn", "popular", "rp3beta", "trending", "user_knn")

    def values(budget_s: float) -> tuple[float, float]:
        training = train(dataset, names=names, budget_s=budget_s)
        labeled, test = candidates_of(training.model, training.folds.test), training.folds.test
        lists = (
            single_slates(labeled.candidates, training.plan.single),
            blend_slates(labeled.candidates, training.plan.blend),
        )
        single, blend = (mean_ndcg(own, test.targets, test.n_items) for own in lists)
        return single, blend

    (single, blend), (tuned_single, tuned_blend) = values(0.0), values(6.0)

    assert single >= 0.95 * tuned_single > 0
    assert blend >= 0.95 * tuned_blend > 0


def test_the_best_start_is_taken_and_of_equals_the_first(judges: list[Fold]) -> None:
    judge = SettingsJudge.of("popular", judges, seed=7)
    configs: list[dict[str, Any]] = [
        {"half_lives_days": (1.0,)},
        {"half_lives_days": (400.0,)},
        {"half_lives_days": (400.0,), "category_weight": 2.0},
    ]

    best = judge.best(configs)

    alone = {at: judge.best([config]).value for at, config in enumerate(configs)}
    assert best.config == configs[max(alone, key=lambda at: (alone[at], -at))]
    assert (best.value, best.trials) == (max(alone.values()), 3)


def test_settings_are_worth_what_the_source_finds_on_the_windows_questions(judges: list[Fold]) -> None:
    config = {"matrix_half_life_days": 90.0, "step": 0.9}
    judge = SettingsJudge.of("rp3beta", judges, seed=7)

    fits = [make("rp3beta", **config).fit(fold.past, fold.catalog) for fold in judge.folds]

    assert judge.best([config]).value == pytest.approx(judge.mean(fits))


def test_the_live_models_settings_are_one_more_start(judges: list[Fold]) -> None:
    plain = suggested_settings("popular", judges, seed=7)

    champion = suggested_settings("popular", judges, seed=7, champion={"half_lives_days": (3.0,)})
    same = suggested_settings("popular", judges, seed=7, champion=plain.config)

    assert champion.value >= plain.value
    assert champion.trials == plain.trials + 1
    assert same == plain, "what is a start anyway is not tried twice"


def test_what_only_a_search_finds_is_kept_by_the_next_training(judges: list[Fold]) -> None:
    start = suggested_settings("rp3beta", judges, seed=7)
    tuned = tune("rp3beta", start, judges, budget_s=600, seed=7, max_trials=6)

    kept = suggested_settings("rp3beta", judges, seed=7, champion=tuned.config)

    assert kept.value >= SettingsJudge.of("rp3beta", judges, seed=7).best([tuned.config]).value


def test_settings_are_judged_by_so_many_questions_of_the_first_windows() -> None:
    folds = judges_of(build(history(), products()))
    first, second = len(folds[0]), len(folds[1])

    def sizes(max_questions: int) -> list[int]:
        return [len(fold) for fold in sampled_folds(folds, seed=7, max_questions=max_questions)]

    assert sizes(first - 1) == [first - 1]
    assert sizes(first) == [first]
    assert sizes(first + second + 3)[:3] == [first, second, 3]
    assert sizes(10**9) == [len(fold) for fold in folds]


def test_discoveries_are_the_right_answers_that_a_shopper_never_had(judges: list[Fold]) -> None:
    validation = judges[0]

    discoveries = validation.discoveries()

    def new(profile: Profile, targets: np.ndarray) -> list[int]:
        return [item for item in targets.tolist() if item not in profile.items]

    expected = {
        int(user): new(profile, targets)
        for user, targets, profile in zip(validation.users, validation.targets, validation.profiles, strict=True)
        if new(profile, targets)
    }
    actual = {int(user): own.tolist() for user, own in zip(discoveries.users, discoveries.targets, strict=True)}
    assert actual == expected
    assert 0 < sum(map(len, discoveries.targets)) < sum(map(len, validation.targets))
    assert not any(context.seen_allowed for context in discoveries.contexts)
    assert validation.contexts[0].seen_allowed
    only_new = replace(validation, new_only=True)
    assert only_new.discoveries() is only_new


@pytest.mark.parametrize("name", [*DISCOVERING, "rp3beta"])
def test_sources_that_discover_are_judged_by_what_is_new_to_a_shopper(name: str, judges: list[Fold]) -> None:
    folds = SettingsJudge.of(name, judges, seed=7).folds

    discovers = RECOMMENDERS[name].discovers
    expected = [fold.discoveries() if discovers else fold for fold in judges]
    assert [fold.new_only for fold in folds] == [discovers] * len(judges)
    for mine, other in zip(folds, expected, strict=True):
        assert [own.tolist() for own in mine.targets] == [own.tolist() for own in other.targets]


@pytest.mark.parametrize("name", DISCOVERING)
def test_what_an_items_own_past_counts_is_not_theirs_to_set(name: str) -> None:
    kind = RECOMMENDERS[name]

    assert not {"own_weight", "rate_power"} & kind.SEARCH_SPACE.keys()
    for config in (kind.config_class(**start) for start in ({}, *kind.STARTS)):
        assert isinstance(config, ItemItemConfig)
        assert config.own_weight == 0


def test_session_sources_are_there_to_discover() -> None:
    assert DISCOVERING == ["covisitation", "item_knn", "session_knn"]


def test_where_everybody_comes_back_for_the_same_the_first_settings_are_taken(judges: list[Fold]) -> None:
    validation = judges[0]
    again = [np.unique(profile.items)[:1].astype(np.int64) for profile in validation.profiles]
    settled = replace(validation, targets=again)

    settings = suggested_settings("covisitation", [settled], seed=7)

    assert (dict(settings.config), settings.value) == ({"matrix_half_life_days": HALF_LIVES[0]}, 0.0)
    assert tune("covisitation", settings, [settled], budget_s=1e6, seed=7) == settings, "no time is spent on a search"
