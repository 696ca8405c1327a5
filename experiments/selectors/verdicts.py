"""The results of experiments in a few words, for lists."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from experiments.models import Experiment, Look, Proposal
from experiments.results import ExperimentResults
from experiments.selectors.results import results_of


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be concluded: its sentence, and the units of all arms."""

    sentence: str
    units: int


def last_verdicts(experiments: Iterable[Experiment]) -> dict[int, Verdict]:
    """Return the verdict of each experiment that was started, by its primary key: of the last look if there is one."""
    started = {row.pk: row.key for row in experiments if row.started_at is not None}
    looks = Look.objects.filter(experiment__in=list(started)).order_by("experiment_id", "-number")
    verdicts = {look.experiment_id: _of_look(look) for look in looks.distinct("experiment_id")}
    for pk, key in started.items():
        if pk not in verdicts:
            verdicts[pk] = _of_results(results_of(key, with_breakdowns=False))
    return verdicts


def next_steps(experiment_ids: Iterable[int]) -> dict[int, str]:
    """Return what the policy of each experiment would do now, in words; nothing for one without an open proposal."""
    rows = Proposal.objects.filter(experiment__in=list(experiment_ids), state=Proposal.State.OPEN).order_by("at", "pk")
    return {row.experiment_id: row.reason for row in rows}


def _of_look(look: Look) -> Verdict:
    results: Any = look.results
    return Verdict(str(results.get("verdict", "")), sum(int(units) for units in look.units.values()))


def _of_results(results: ExperimentResults) -> Verdict:
    return Verdict(results.verdict, sum(arm.units for arm in results.arms))
