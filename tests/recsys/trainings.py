"""What a caller makes of a training, in one object: candidates of the test window, the report, the released model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recsys.data.dataset import Dataset
from recsys.data.folds import Fold
from recsys.evaluation.report import training_report
from recsys.ranking.model import HybridModel
from recsys.training.ranking_dataset import LabeledCandidates
from recsys.training.training import Training, refit_on_all, test_candidates, train


@dataclass(frozen=True)
class TrainedShop:
    """A training of a dataset, what it says of the test window, and `model`, fitted on everything."""

    dataset: Dataset
    training: Training
    candidates: LabeledCandidates
    report: Mapping[str, Any]
    model: HybridModel

    @property
    def test(self) -> Fold:
        """The window that no model of `training` has seen."""
        return self.training.folds.test


def trained(dataset: Dataset, *, thorough: bool = False, max_events: int | None = None, **options: Any) -> TrainedShop:
    """Return a training of the dataset; `options` are those of `train`."""
    training = train(dataset, max_events=max_events, **options)
    candidates = test_candidates(training.model, training.folds.test)
    report = training_report(training, candidates, dataset, thorough=thorough, max_events=max_events)
    model = refit_on_all(
        training, dataset, candidates.dataset(seed=training.plan.seed), manifest={}, max_events=max_events
    )
    return TrainedShop(dataset, training, candidates, report, model)
