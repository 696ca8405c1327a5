"""Settings are searched for within bounds, kept, gone on with on the same data, and taken only where surely better."""

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold
from recsys.evaluation.evaluate import Options, folds_of
from recsys.sources.registry import RECOMMENDERS, make
from recsys.training import model_selection as choosing
from recsys.training import tuning
from recsys.training import validation_set as deciding
from recsys.training.candidate_quotas import recall
from recsys.training.hybrid import Hybrid, hybrid
from recsys.training.tuning import (
    Bench,
    Search,
    Tuned,
    tune,
)
from tests.recsys.shop_history import history, products


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    learning, validation, _ = folds_of(build(history(), products()), Options())
    return [validation, *reversed(learning)]


@pytest.mark.parametrize("sampler", tuning.SAMPLERS)
def test_a_search_is_within_its_space_and_never_worse_than_its_start(sampler: str, folds: list[Fold]) -> None:
    start = tune("popular", folds, budget_s=60, seed=7, max_trials=0)

    found = tune("popular", folds, budget_s=60, seed=7, search=Search(sampler), max_trials=4)

    assert found.trials == start.trials + 4
    assert found.value >= start.value
    lives = found.config.get("half_lives_days", (365.0,))
    assert lives in RECOMMENDERS["popular"].SEARCH_SPACE["half_lives_days"][1]


def test_a_grid_ends_when_every_point_was_tried(folds: list[Fold]) -> None:
    points = len(RECOMMENDERS["popular"].SEARCH_SPACE["half_lives_days"][1])

    found = tune("popular", folds, budget_s=60, seed=7, search=Search("grid"), max_trials=1_000)

    assert found.trials == 1 + points


def test_knobs_are_drawn_and_laid_on_a_grid_between_their_bounds() -> None:
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=7)).ask()
    spaces: dict[str, tuple[Any, ...]] = {
        "half_life": ("float", 1.0, 8.0, True),
        "alpha": ("float", 0.0, 0.9, False),
        "factors": ("int", 2, 8),
        "lives": ("choice", [(1.0,), (7.0,)]),
    }

    drawn = {name: tuning.suggest(trial, name, space) for name, space in spaces.items()}

    assert trial.distributions == {
        "half_life": optuna.distributions.FloatDistribution(1.0, 8.0, log=True),
        "alpha": optuna.distributions.FloatDistribution(0.0, 0.9),
        "factors": optuna.distributions.IntDistribution(2, 8),
        "lives": optuna.distributions.IntDistribution(0, 1),
    }
    assert drawn == {**trial.params, "lives": [(1.0,), (7.0,)][trial.params["lives"]]}
    laid = {name: tuning.grid(space) for name, space in spaces.items()}
    assert laid["half_life"] == pytest.approx([1.0, 2.0, 4.0, 8.0])
    assert laid["alpha"] == pytest.approx([0.0, 0.3, 0.6, 0.9])
    assert (laid["factors"], laid["lives"]) == ([2, 4, 6, 8], [0, 1])


def test_a_budget_is_halved_between_answering_and_fitting_and_ends_each(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock on which each fit takes ten seconds and each question of a source five."""
    now = 0.0

    def passes(seconds: float, method: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*told: Any) -> Any:
            nonlocal now
            now += seconds
            return method(*told)

        return slow

    monkeypatch.setattr(tuning, "time", SimpleNamespace(monotonic=lambda: now))
    monkeypatch.setattr(Bench, "fitted", passes(10.0, Bench.fitted))
    monkeypatch.setattr(Bench, "judge", passes(5.0, Bench.judge))

    def trials_within(name: str, budget_s: float) -> int:
        begun = tuning.started(name, folds[:1], seed=7)[0].trials
        return tune(name, folds[:1], budget_s=budget_s, seed=7).trials - begun

    assert trials_within("rp3beta", 60.0) == 30 / 5 + 30 / 15
    assert trials_within("rp3beta", 18.0) == 2, "nine seconds pay for no fit"
    assert trials_within("popular", 30.0) == 30 / 15, "it is tuned by fitting alone"


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_kept_study_goes_on_with_new_trials_and_other_data_or_code_begin_another(
    sampler: str, folds: list[Fold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(sampler, str(tmp_path / "study.db"))

    tune("rp3beta", folds, budget_s=60, seed=7, search=search, max_trials=3)
    tune("rp3beta", folds, budget_s=60, seed=7, search=search, max_trials=5)
    before = trials(search)
    tune("rp3beta", folds[:1], budget_s=60, seed=7, search=search, max_trials=1)

    assert {name.split(":")[2] for name in before} == {"serve", "fit"}
    assert all(len(drawn) == len(set(drawn)) == 5 for name, drawn in before.items() if ":serve:" in name)
    assert len(trials(search)) == len(before) + 2
    tune("rp3beta", folds, budget_s=60, seed=8, search=search, max_trials=1)
    whole = folds[0].whole
    named = replace(whole, titles=("Other words", *whole.titles[1:]))
    tune("rp3beta", [replace(fold, whole=named) for fold in folds], budget_s=60, seed=7, search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 6
    monkeypatch.setattr("recsys.training.tuning._written", lambda: "the next release")
    tune("rp3beta", folds, budget_s=60, seed=7, search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 8


def test_trials_that_were_killed_are_no_trials(folds: list[Fold], tmp_path: Path) -> None:
    search = Search("tpe", str(tmp_path / "study.db"))
    begun = tune("popular", folds, budget_s=60, seed=7, search=search, max_trials=2).trials - 2
    storage = search.opened()
    assert storage is not None
    (study,) = optuna.get_all_study_names(storage)
    for _ in range(3):
        optuna.load_study(study_name=study, storage=storage).ask()  # and whoever asked is no more

    found = tune("popular", folds, budget_s=60, seed=7, search=search, max_trials=4)

    assert found.trials == begun + 4
    assert len(trials(search)[study]) == 4 + 3


KILLED_IN_THE_MAKING = """
import os, sys
from sqlalchemy import Engine, event
from recsys.training.tuning import Search

@event.listens_for(Engine, "before_cursor_execute")
def ends(connection, cursor, statement, *more):
    if "UNIQUE INDEX" in statement:
        os._exit(9)

Search("tpe", sys.argv[1]).opened()
"""


def test_a_file_whose_making_was_killed_is_made_anew(folds: list[Fold], tmp_path: Path) -> None:
    """Of half a file nothing is noticed until a study is asked for again, and there are two of its name."""
    search = Search("tpe", str(tmp_path / "study.db"))
    for _ in range(2):
        killed = subprocess.run([sys.executable, "-c", KILLED_IN_THE_MAKING, str(tmp_path / "study.db")], check=False)
        assert killed.returncode == 9

    for most in (1, 2):
        tune("popular", folds, budget_s=60, seed=7, search=search, max_trials=most)

    assert [len(drawn) for drawn in trials(search).values()] == [2]
    assert search.lost == []
    assert [one.name for one in tmp_path.iterdir()] == ["study.db"]


def trials(search: Search) -> dict[str, list[str]]:
    """Return what was drawn in each study of the file."""
    storage = search.opened()
    assert storage is not None
    studies = {
        name: optuna.load_study(study_name=name, storage=storage) for name in optuna.get_all_study_names(storage)
    }
    return {name: [repr(one.params) for one in study.trials] for name, study in studies.items()}


def test_settings_that_are_not_surely_better_are_not_taken(folds: list[Fold], monkeypatch: pytest.MonkeyPatch) -> None:
    start = tune("user_knn", folds, budget_s=60, seed=7, max_trials=0)
    lucky = tune("user_knn", folds, budget_s=60, seed=7, max_trials=12)
    assert lucky.config != start.config
    monkeypatch.setattr(tuning, "better", lambda values, than, shoppers, seed: 0.89)

    careful = tune("user_knn", folds, budget_s=60, seed=7, max_trials=12, sure=0.9)

    assert (careful.config, careful.value) == (start.config, start.value)
    assert careful.trials == lucky.trials


class Rankers:
    """Stands in for `hybrid`: trains once; what is made of tuned settings is worth `factor` times as much."""

    def __init__(self) -> None:
        self.trained: Hybrid | None = None
        self.factor = 1.0
        self.made: list[Hybrid] = []

    def __call__(self, names: Any, configs: Any, *told: Any, **how: Any) -> Hybrid:
        own = self.trained = self.trained or hybrid(names, configs, *told, **how)
        assert own.ranked is not None
        values = own.ranked.values * (self.factor if self.made else 1.0)
        self.made.append(replace(own, configs=configs, ranked=replace(own.ranked, values=values)))
        return self.made[-1]


def taken(rankers: Rankers, folds: list[Fold], monkeypatch: pytest.MonkeyPatch) -> str:
    """Return which settings a choice takes where tuning finds others; all that it tells must be of these."""
    found = Tuned({"half_lives_days": (365.0,)}, 0.5, 3)
    sure: set[float] = set()

    def tuned(*told: Any, **how: Any) -> Tuned:
        sure.add(how["sure"])
        return found

    monkeypatch.setattr(choosing, "tune", tuned)
    monkeypatch.setattr(choosing, "hybrid", rankers)
    rankers.made.clear()
    validation, *learning = folds

    choice = choosing.choose(
        learning[::-1],
        validation,
        budget_s=1.0,
        seed=8,
        progress=lambda message, share: None,
        names=("popular", "trending"),
    )

    assert choice.settings == {
        kind: one.values.mean() for kind, one in zip(("suggested", "tuned"), rankers.made, strict=True)
    }
    assert sure == {choosing.SURE if deciding.few(validation) else 0.0}
    plan = choice.plan
    kind = ("suggested", "tuned")[plan.configs.get("popular") == found.config]
    own = rankers.made[kind == "tuned"]
    assert own.ranked is not None
    assert (plan.configs, plan.quotas, plan.seed, plan.new_only) == (own.configs, own.quotas, 8, validation.new_only)
    assert (plan.features, plan.rankers, choice.importance) == (
        own.ranked.names,
        own.ranked.members,
        own.ranked.importance,
    )
    assert (plan.exposure, choice.exposure) == (0.0, None)
    assert (plan.cold_lift, plan.cold_share, plan.cold_least) == (
        choice.lift.value,
        choice.lift.share,
        choice.lift.least,
    )
    assert (plan.single, set(choice.singles)) == (next(iter(choice.singles)), {"popular", "trending"})
    assert choice.recall == recall(own.deciding.targets, own.deciding.asked.labels) > 0
    assert [step.stage for step in choice.steps][:4] == ["popular", "single", "blend", "ranker"]
    return kind


def test_a_source_that_is_at_least_half_as_good_as_the_best_is_tuned_three_times_as_long(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: dict[str, float] = {}

    def tuned(name: str, *told: Any, budget_s: float, **how: Any) -> Tuned:
        budgets[name] = budget_s
        return Tuned({}, 0.0, 0)

    monkeypatch.setattr(choosing, "tune", tuned)

    names = ("als", "popular", "random", "rp3beta", "user_knn")
    task = choosing.Task(names, folds[:0:-1], folds[0], Search(), 7, lambda message, share: None)
    begun = {name: Tuned({}, value, 1) for name, value in (("als", 0.19), ("rp3beta", 0.4), ("user_knn", 0.2))}
    choosing._tuned(task, begun, budget_s=80.0)

    assert budgets == {"als": 10.0, "popular": 10.0, "rp3beta": 30.0, "user_knn": 30.0}


def test_tuned_settings_are_taken_where_the_ranker_of_them_is_surely_better(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    rankers = Rankers()

    for factor, which in ((0.5, "suggested"), (1.0, "suggested"), (2.0, "tuned")):
        rankers.factor = factor
        assert taken(rankers, folds, monkeypatch) == which

    monkeypatch.setattr(choosing, "better", lambda values, than, shoppers, seed: 0.6)
    assert taken(rankers, folds, monkeypatch) == "suggested", "that is not sure"


def test_where_questions_are_plenty_the_likelier_ranker_is_taken(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "PLENTY", 1)
    rankers = Rankers()

    for chance, which in ((0.6, "tuned"), (0.4, "suggested")):
        monkeypatch.setattr(choosing, "better", lambda values, than, shoppers, seed, chance=chance: chance)
        assert taken(rankers, folds, monkeypatch) == which


def test_a_search_asks_many_of_one_fold_and_earlier_ones_only_where_it_asks_few(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = len(folds[0]), len(folds[1])

    monkeypatch.setattr(tuning, "ENOUGH_QUESTIONS", first - 1)
    assert sizes(folds, most=first) == [first], "all of a fold that suffices"
    assert sizes(folds, most=first - 2) == [first - 2, 1], "then what is missing"
    monkeypatch.setattr(tuning, "ENOUGH_QUESTIONS", first + second)
    assert sizes(folds, most=10 * first)[:2] == [first, second]


def sizes(folds: list[Fold], *, most: int) -> list[int]:
    return [len(fold) for fold in Bench.of(folds, seed=7, most=most).folds]


def test_other_baskets_are_other_data(folds: list[Fold]) -> None:
    past = folds[0].past
    other = replace(folds[0], past=replace(past, baskets=past.baskets + 1))

    first, again, second = (Bench.of([one], seed=7).mark for one in (folds[0], folds[0], other))

    assert first == again != second


@pytest.mark.parametrize(("plenty", "tried"), [(True, 5), (False, 3)])
def test_a_shop_with_few_questions_is_spared_the_starts_of_many(
    plenty: bool, tried: int, folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "PLENTY", len(folds[0]) + (0 if plenty else 1))

    begun, _ = tuning.started("als", folds, seed=7)

    assert begun.trials == tried


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(ValueError, match="tpe, random, grid, not 'dice'"):
        Search("dice")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
def test_a_search_leaves_no_connection_behind(folds: list[Fold], tmp_path: Path) -> None:
    file = tmp_path / "study.db"

    tune("popular", folds, budget_s=60, seed=7, search=Search("random", str(file)), max_trials=1)

    assert file.exists()
    opened = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    assert file not in opened


@pytest.mark.parametrize("content", [None, b"no database"])
def test_a_study_that_cannot_be_opened_is_named(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / ("folder/study.db" if content is None else "study.db")
    if content:
        file.write_bytes(content * 100)

    with pytest.raises(ValueError, match=f"the study {file} can be neither read nor made"):
        Search("tpe", str(file)).opened()


@pytest.mark.parametrize("address", ["sqlite:///file:{}?mode=ro&uri=true", "{}"])
def test_a_search_that_can_no_longer_be_kept_goes_on_in_memory(address: str, folds: list[Fold], tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    optuna.create_study(storage=Search(study=str(file)).opened(), study_name="another")
    if address == "{}":  # in the middle of a study
        with closing(sqlite3.connect(file)) as database:
            database.execute(
                "CREATE TRIGGER full BEFORE INSERT ON trials WHEN (SELECT count(*) FROM trials) > 2 "
                "BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
            )
            database.commit()
    search = Search("random", address.format(file))

    found = tune("popular", folds, budget_s=60, seed=7, search=search, max_trials=4)

    plain = tune("popular", folds, budget_s=60, seed=7, search=Search("random"), max_trials=4)
    assert found == plain
    assert search.lost == ["attempt to write a readonly database" if address != "{}" else "database or disk is full"]


def test_what_the_live_model_is_set_to_is_a_start_like_those_suggested(folds: list[Fold]) -> None:
    held = {"half_lives_days": (3.0,)}

    def starts(name: str, **own: Any) -> list[Any]:
        return tuning._starts(name, Bench.of(folds, seed=7), Search(held={name: own}))

    assert [*starts("popular"), {"category_weight": 9.0, **held}] == starts("popular", **held, category_weight=9.0)
    assert starts("popular", **starts("popular")[0]) == starts("popular")
    plain, _ = tuning.started("popular", folds, seed=7)
    found, _ = tuning.started("popular", folds, seed=7, search=Search(held={"popular": held}))
    assert found.value >= plain.value
    assert found.trials == plain.trials + 1


def test_of_the_settings_a_source_suggests_the_best_is_the_beginning(
    folds: list[Fold], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Bench, "judge", lambda self, sources, trial=None: sources[0].config.alpha)
    monkeypatch.setattr(RECOMMENDERS["rp3beta"], "STARTS", ({"alpha": 0.9}, {"alpha": 1.7}, {"alpha": 0.3}))

    begun, source = tuning.started("rp3beta", folds, seed=7)

    assert (begun.config, begun.value) == ({"alpha": 1.7}, 1.7)
    assert source is not None
    expected = make("rp3beta", alpha=1.7).fit(folds[0].past, folds[0].catalog)
    first = folds[0].profiles[:20], folds[0].contexts[:20]
    assert (source.recommend_many(*first, 10).items == expected.recommend_many(*first, 10).items).all()
