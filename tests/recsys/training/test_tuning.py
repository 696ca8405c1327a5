"""Settings are searched for within bounds, a search is kept and goes on, and a lost one fails no training."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest

from recsys.data.dataset import build
from recsys.data.folds import Fold
from recsys.evaluation.evaluate import Options, folds_of
from recsys.sources.registry import RECOMMENDERS
from recsys.training import tuning
from recsys.training.source_settings import SourceSettings, suggested_settings
from recsys.training.training import train
from recsys.training.tuning import Search, tune
from tests.recsys.shop_history import history, products


@pytest.fixture(scope="module")
def folds() -> list[Fold]:
    windows = folds_of(build(history(), products()), Options())
    return [windows.validation, *reversed(windows.learning)]


def search_for(
    name: str, folds: list[Fold], *, budget_s: float = 60.0, seed: int = 7, **options: Any
) -> SourceSettings:
    """Return what a search above the defaults finds."""
    return tune(name, SourceSettings({}, 0.0, 0), folds, budget_s=budget_s, seed=seed, **options)


@pytest.mark.parametrize("sampler", tuning.SAMPLERS)
def test_a_search_is_within_its_space_and_never_worse_than_its_start(sampler: str, folds: list[Fold]) -> None:
    start = suggested_settings("popular", folds, seed=7)

    tuned = tune("popular", start, folds, budget_s=60, seed=7, search=Search(sampler), max_trials=4)

    assert tuned.trials == start.trials + 4
    assert tuned.value >= search_for("popular", folds, max_trials=0).value
    half_lives = tuned.config.get("half_lives_days", (365.0,))
    assert half_lives in RECOMMENDERS["popular"].SEARCH_SPACE["half_lives_days"][1]


@pytest.mark.parametrize("sampler", tuning.SAMPLERS)
def test_with_time_enough_a_search_depends_on_data_and_seed_alone(sampler: str, folds: list[Fold]) -> None:
    one, again = (search_for("rp3beta", folds, search=Search(sampler), max_trials=5) for _ in range(2))

    assert one == again


def test_a_grid_ends_when_every_point_was_tried(folds: list[Fold]) -> None:
    points = len(RECOMMENDERS["popular"].SEARCH_SPACE["half_lives_days"][1])

    assert search_for("popular", folds, search=Search("grid"), max_trials=1_000).trials == points


def test_a_budget_ends_a_search(folds: list[Fold]) -> None:
    assert search_for("rp3beta", folds, budget_s=0.0).trials == 0
    begun = time.monotonic()

    some = search_for("rp3beta", folds, budget_s=1.0)

    assert some.trials > 0
    assert time.monotonic() - begun < 20, "no trial of this shop takes more than a second or two"


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


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_kept_study_goes_on_with_new_trials(sampler: str, folds: list[Fold], tmp_path: Path) -> None:
    search = Search(sampler, str(tmp_path / "study.db"))

    search_for("rp3beta", folds, search=search, max_trials=2)
    search_for("rp3beta", folds, search=search, max_trials=4)

    studies = trials(search)
    assert {name.split(":")[2] for name in studies} == {"serve", "fit"}
    assert all(len(drawn) == len(set(drawn)) == 4 for name, drawn in studies.items() if ":serve:" in name)


def test_other_data_or_code_begin_another_study(
    folds: list[Fold], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search("tpe", str(tmp_path / "study.db"))

    search_for("rp3beta", folds, search=search, max_trials=1)
    before = trials(search)

    search_for("rp3beta", folds[:1], search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 2, "fewer questions"
    search_for("rp3beta", folds, seed=8, search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 4, "another seed"
    whole = folds[0].full_catalog
    renamed = replace(whole, titles=("Other words", *whole.titles[1:]))
    search_for("rp3beta", [replace(fold, full_catalog=renamed) for fold in folds], search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 6, "another catalog"
    past = replace(folds[0].past, baskets=folds[0].past.baskets + 1)
    search_for("rp3beta", [replace(folds[0], past=past), *folds[1:]], search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 8, "other baskets"
    monkeypatch.setattr(tuning, "_code", lambda: "the next release")
    search_for("rp3beta", folds, search=search, max_trials=1)
    assert len(trials(search)) == len(before) + 10, "another code"


def test_trials_that_were_killed_are_no_trials(folds: list[Fold], tmp_path: Path) -> None:
    search = Search("tpe", str(tmp_path / "study.db"))
    search_for("popular", folds, search=search, max_trials=2)
    storage = search.opened()
    assert storage is not None
    (study,) = optuna.get_all_study_names(storage)
    for _ in range(3):
        optuna.load_study(study_name=study, storage=storage).ask()  # and its process is killed

    tuned = search_for("popular", folds, search=search, max_trials=4)

    assert tuned.trials == 4
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
        search_for("popular", folds, search=search, max_trials=most)

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


def test_an_unknown_sampler_is_named() -> None:
    with pytest.raises(ValueError, match="tpe, random, grid, not 'dice'"):
        Search("dice")


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="tells open files by /proc")
def test_a_search_leaves_no_connection_behind(folds: list[Fold], tmp_path: Path) -> None:
    file = tmp_path / "study.db"

    search_for("popular", folds, search=Search("random", str(file)), max_trials=1)

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

    tuned = search_for("popular", folds, search=search, max_trials=4)

    plain = search_for("popular", folds, search=Search("random"), max_trials=4)
    assert tuned == plain
    assert search.lost == ["attempt to write a readonly database" if address != "{}" else "database or disk is full"]


def test_a_lost_study_fails_no_training(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    optuna.create_study(storage=Search(study=str(file)).opened(), study_name="another")
    search = Search("tpe", f"sqlite:///file:{file}?mode=ro&uri=true")

    shop = build(history(shoppers=20), products())
    training = train(shop, names=("popular", "trending"), budget_s=0.2, search=search)

    assert search.lost == ["attempt to write a readonly database"]
    assert training.model.stage
    assert training.settings.keys() == {"popular", "trending"}


def test_a_study_that_cannot_be_opened_is_named_before_anything_is_fitted(tmp_path: Path) -> None:
    steps: list[str] = []

    with pytest.raises(ValueError, match="can be neither read nor made"):
        train(
            build(history(), products()),
            names=("popular",),
            search=Search("tpe", str(tmp_path / "none/study.db")),
            progress=lambda step, share: steps.append(step),
        )

    assert steps == []
