"""The last stored results of experiments in a few words, for lists: no statistics are computed."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from experiments.models import Look, Proposal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be concluded by the last look: its sentence, its level, the units of all arms."""

    sentence: str
    level: str
    units: int
    at: datetime


def last_verdicts(experiment_ids: Iterable[int]) -> dict[int, Verdict]:
    """Return the verdict of each experiment that has a look."""
    looks = Look.objects.filter(experiment__in=list(experiment_ids)).order_by("experiment_id", "-number")
    return {look.experiment_id: _verdict(look) for look in looks.distinct("experiment_id")}


def next_steps(experiment_ids: Iterable[int]) -> dict[int, str]:
    """Return what the policy of each experiment would do now, in words; nothing for one without an open proposal."""
    rows = Proposal.objects.filter(experiment__in=list(experiment_ids), state=Proposal.State.OPEN).order_by("at", "pk")
    return {row.experiment_id: row.reason for row in rows}


def _verdict(look: Look) -> Verdict:
    results: Any = look.results
    return Verdict(
        sentence=str(results.get("verdict", "")),
        level=str(results.get("level", "")),
        units=sum(int(units) for units in look.units.values()),
        at=look.at,
    )
