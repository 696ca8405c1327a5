"""A training that learns nothing and ends in a model at once: all that a run does with one stays as it is."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from modelops.services import training
from recsys.evaluation.model_checks.case import Case
from recsys.ranking.model import HybridModel
from tests.recsys.furniture import model
from tests.recsys.planted import harmless


class Killed(BaseException):
    """The process of a run was killed: nothing of it is caught, and nothing more is written."""


def learn_nothing(
    patch: pytest.MonkeyPatch, *, case: Case | None = None, followed: bool = False
) -> list[dict[str, Any]]:
    """Let runs train at once, and return a list of what each training was told.

    What comes of them is a small model; the gate judges it by `case`, which passes where none is given. `followed` says
    that the champion's plan can be followed.
    """
    options: list[dict[str, Any]] = []
    folds = SimpleNamespace(learning=(), validation=None, test=())
    candidates = SimpleNamespace(dataset=lambda *, seed: None)

    def train(dataset: Any, **named: Any) -> Any:
        options.append(named)
        named["progress"]("Training the ranker", 0.5)
        return SimpleNamespace(folds=folds, model=None)

    def refit_on_all(*parts: Any, **named: Any) -> HybridModel:
        return model(("popular",))

    def held_out_case(*parts: Any, **named: Any) -> Case:
        return case or harmless()

    patch.setattr(training, "_dataset", lambda progress: SimpleNamespace(user_ids=()))
    patch.setattr("recsys.training.training.train", train)
    patch.setattr("recsys.training.training.test_candidates", lambda *parts: candidates)
    patch.setattr("recsys.evaluation.report.training_report", lambda *parts, **named: {"rmse": {}})
    patch.setattr("recsys.training.refit.refit_champion", lambda *parts, **named: followed or None)
    patch.setattr("recsys.training.training.refit_on_all", refit_on_all)
    patch.setattr(training, "held_out_case", held_out_case)
    return options


def before(step: Callable[..., Any], happens: Callable[[], None]) -> Callable[..., Any]:
    """Return the step, before which something happens."""

    def first(*parts: Any, **named: Any) -> Any:
        happens()
        return step(*parts, **named)

    return first


def after(step: Callable[..., Any], happens: Callable[[], None]) -> Callable[..., Any]:
    """Return the step, after which something happens."""

    def last(*parts: Any, **named: Any) -> Any:
        value = step(*parts, **named)
        happens()
        return value

    return last
