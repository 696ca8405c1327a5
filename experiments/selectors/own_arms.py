"""The experiments that one shopper is in, with their arms, for the shopper's own page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from experiments.models import Arm, Experiment, Exposure, Status, StickyArm


@dataclass(frozen=True, slots=True)
class OwnArm:
    """The arm that a shopper got in an experiment. `is_control` says that it changes nothing."""

    experiment: str
    arm: str
    since: datetime
    is_control: bool
    is_running: bool


def own_arms(subjects: Sequence[str]) -> list[OwnArm]:
    """Return the arm of each experiment that one of the ids was assigned to or saw, the latest first."""
    assigned = StickyArm.objects.filter(raw_id__in=subjects).values_list("experiment_id", "arm", "at")
    seen_by_unit = Exposure.objects.filter(unit__in=subjects).values_list("experiment_id", "arm", "first_at")
    latest: dict[int, tuple[datetime, str]] = {}
    for experiment_id, arm, at in [*assigned, *seen_by_unit]:
        latest[experiment_id] = max(latest.get(experiment_id, (at, arm)), (at, arm))
    experiments = Experiment.objects.in_bulk(list(latest))
    arms = {(row.experiment_id, row.key): row for row in Arm.objects.filter(experiment__in=experiments)}
    rows = [
        OwnArm(
            experiment=experiments[key].name,
            arm=arms[key, arm].name if (key, arm) in arms else arm,
            since=at,
            is_control=(key, arm) in arms and arms[key, arm].position == 0,
            is_running=experiments[key].status == Status.RUNNING,
        )
        for key, (at, arm) in latest.items()
    ]
    return sorted(rows, key=lambda row: row.since, reverse=True)
