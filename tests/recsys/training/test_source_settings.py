"""Sources that are there for what is new to a shopper are set by that alone: what they had, other sources know."""

from dataclasses import replace

import numpy as np
import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold
from recsys.data.profile import Profile
from recsys.evaluation.evaluate import Options, folds_of
from recsys.sources.item_item import ItemItemConfig
from recsys.sources.registry import RECOMMENDERS
from recsys.training import model_selection as choosing
from recsys.training import tuning
from recsys.training import validation_set as deciding
from recsys.training.plan import ranked_sources
from recsys.training.tuning import (
    Bench,
    Search,
    Tuned,
    tune,
)
from tests.recsys.shop_history import history, products

DATA = build(history(), products())
DISCOVERING = sorted(name for name in ranked_sources() if RECOMMENDERS[name].discovers)


@pytest.fixture(scope="module")
def validation() -> Fold:
    return folds_of(DATA, Options())[1]


def had(profile: Profile, targets: np.ndarray) -> np.ndarray:
    return np.isin(targets, profile.items)


def test_discoveries_are_the_right_answers_that_a_shopper_never_had(validation: Fold) -> None:
    found = validation.discoveries()

    wanted = {
        int(user): own[~had(profile, own)].tolist()
        for user, own, profile in zip(validation.users, validation.targets, validation.profiles, strict=True)
        if not had(profile, own).all()
    }
    assert {int(user): own.tolist() for user, own in zip(found.users, found.targets, strict=True)} == wanted
    assert 0 < len(found) < len(validation) or sum(map(len, found.targets)) < sum(map(len, validation.targets))
    assert not any(context.seen_allowed for context in found.contexts)
    assert [profile.now for profile in found.profiles] == [validation.until] * len(found)
    assert validation.contexts[0].seen_allowed


def test_where_only_new_products_count_nothing_changes(validation: Fold) -> None:
    new = replace(validation, new_only=True)

    assert new.discoveries() is new


def test_session_sources_are_there_to_discover() -> None:
    assert DISCOVERING == ["covisitation", "item_knn", "session_knn"]


@pytest.mark.parametrize("name", DISCOVERING)
def test_what_an_items_own_past_counts_is_not_theirs_to_set(name: str, validation: Fold) -> None:
    kind = RECOMMENDERS[name]
    champion = {"own_weight": 30.0, "half_life_days": 77.0}

    starts = tuning._starts(name, Bench.of([validation], seed=7), Search(held={name: champion}))

    assert not {"own_weight", "rate_power"} & kind.SEARCH_SPACE.keys()
    configs = [kind.config_class(**start) for start in starts]
    assert all(isinstance(config, ItemItemConfig) and config.own_weight == 0 for config in configs)
    assert starts[-1]["half_life_days"] == 77.0


@pytest.mark.parametrize("name", [*DISCOVERING, "rp3beta"])
def test_settings_are_judged_by_what_the_source_is_there_for(
    name: str, validation: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Fold] = []

    def judge(bench: Bench, *rest: object) -> float:
        asked.extend(bench.folds)
        return 0.0

    monkeypatch.setattr(Bench, "judge", judge)

    tuning.started(name, [validation], seed=7)
    tune(name, [validation], budget_s=60, seed=7, max_trials=1)

    assert asked
    discovers = RECOMMENDERS[name].discovers
    assert all(fold.new_only is discovers for fold in asked)
    mine = validation.discoveries() if discovers else validation
    assert all([own.tolist() for own in fold.targets] == [own.tolist() for own in mine.targets] for fold in asked)


def test_where_everybody_comes_back_for_the_same_the_first_settings_are_taken(validation: Fold) -> None:
    again = [np.unique(profile.items)[:1].astype(np.int64) for profile in validation.profiles]
    settled = replace(validation, targets=again)

    begun, source = tuning.started("covisitation", [settled, validation], seed=7)

    assert source is None  # it would have been fitted on the second fold, which is not validation's
    assert begun.trials > 0
    nothing, source = tuning.started("covisitation", [settled], seed=7)
    assert (dict(nothing.config), nothing.value, source) == ({}, 0.0, None)


def test_minutes_and_caution_are_told_of_the_questions_that_a_source_is_asked(
    validation: Fold, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of shoppers who return for nearly all, discoveries are few and hit rarely, however many are asked."""
    begun = {
        name: Tuned({}, value, 1)
        for name, value in {
            "ease": 0.5,
            "als": 0.2,
            "covisitation": 0.04,
            "item_knn": 0.03,
            "session_knn": 0.01,
        }.items()
    }
    spent: dict[str, tuple[float, float]] = {}

    def tuned(name: str, *rest: object, budget_s: float, sure: float, **more: object) -> Tuned:
        spent[name] = (budget_s, sure)
        return begun[name]

    monkeypatch.setattr(choosing, "tune", tuned)
    monkeypatch.setattr(deciding, "PLENTY", len(validation.discoveries()) + 1)

    task = choosing.Task(list(begun), [], validation, Search(), 7, lambda message, share: None)
    choosing._tuned(task, begun, budget_s=110.0)

    assert {name: seconds for name, (seconds, _) in spent.items()} == {
        "ease": 30.0,
        "als": 10.0,
        "covisitation": 30.0,
        "item_knn": 30.0,
        "session_knn": 10.0,
    }
    assert {name for name, (_, sure) in spent.items() if sure} == {"covisitation", "item_knn", "session_knn"}


def test_where_nothing_is_asked_no_time_is_spent_on_a_search(validation: Fold) -> None:
    again = [np.unique(profile.items)[:1].astype(np.int64) for profile in validation.profiles]

    found = tune("covisitation", [replace(validation, targets=again)], budget_s=1e6, seed=7)

    assert (dict(found.config), found.value) == ({}, 0.0)
