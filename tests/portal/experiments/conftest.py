"""A running experiment with a fixed look at its numbers."""

from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from experiments.results import ExperimentResults
from tests.portal.experiments import shown

if TYPE_CHECKING:
    from experiments.models import Experiment

Show = Callable[[ExperimentResults], None]
ARMS = [{"key": "popular", "name": "Popular", "weight": 0.5}, {"key": "hybrid", "name": "Hybrid", "weight": 0.5}]


@pytest.fixture
def show(monkeypatch: pytest.MonkeyPatch) -> Show:
    """Make results the ones that are computed."""
    from portal.experiments import snapshot

    def set_results(results: ExperimentResults) -> None:
        monkeypatch.setattr(snapshot, "results_of", lambda key: results)

    return set_results


@pytest.fixture
def ranker(db: None, show: Show) -> "Experiment":
    """An experiment with looks and an open proposal."""
    from experiments.models import Experiment, Look, Proposal
    from experiments.services.designs import create_experiment
    from experiments.services.lifecycle import start

    data = {
        "name": "Home: hybrid or popular", "arms": ARMS, "goal_metric": "click_through_rate",
        "hypothesis": "Shoppers click more on what is chosen for them.",
    }  # fmt: skip
    create_experiment("home-ranker", data=data, actor="staff:1")
    start("home-ranker", actor="staff:1", reason="The season begins")
    row = Experiment.objects.get(key="home-ranker")
    for number in range(1, 25):
        Look.objects.create(experiment=row, **shown.look(number, days_ago=(25 - number) / 2))
    Proposal.objects.create(
        experiment=row, action="ship", arm="hybrid", rule="goal_shown", inputs={}, at=shown.AT - timedelta(hours=2),
        reason="The goal's lower bound is above zero, and 7 days are over.",
    )  # fmt: skip
    show(shown.results())
    return row
