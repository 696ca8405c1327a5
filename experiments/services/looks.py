"""Looks: the results of running experiments as they were, one after the other. They are stored and never rewritten."""

import logging
from datetime import timedelta
from math import floor
from typing import Final

from django.db import transaction
from django.db.models import Sum

from common import clock
from experiments.models import Cell, Experiment, Inference, Look, Status
from experiments.result_json import as_json
from experiments.selectors.results import results_of
from experiments.services.steps import locked

SPACING: Final = timedelta(hours=1)
"""Between two looks that decide nothing for others: those of always-valid and fixed tests."""
MOST_LOOKS: Final = 500
"""Points of a chart. Beyond, every second of the older half goes."""
log = logging.getLogger(__name__)


def take_looks() -> int:
    """Take the looks that are due of all running experiments; return how many failed. One that fails stops no other."""
    n_failed = 0
    for key in Experiment.objects.filter(status=Status.RUNNING).order_by("key").values_list("key", flat=True):
        try:
            take_look(key)
        except Exception:
            n_failed += 1
            log.exception("experiment.look_failed key=%s", key)
    return n_failed


@transaction.atomic
def take_look(key: str) -> Look | None:
    """Store the results of this moment if a look is due; return it, None else. Raises NotFound.

    Group-sequential tests are looked at when the next planned share of their units is there, and never after the plan
    is full. Others once an hour, and a fixed test at once when it has its size. Looks are neither audited nor
    rewritten; each follows from the numbers of its moment.
    """
    row = locked(key)
    units = _units(row)
    if row.status != Status.RUNNING or not units or not _is_due(row, units):
        return None
    results = results_of(key, with_breakdowns=False, is_look=True)
    last = row.looks.order_by("-number").values_list("number", flat=True).first() or 0
    look = Look.objects.create(
        experiment=row,
        number=last + 1,
        at=results.at,
        units={one.arm: one.units for one in results.arms},
        results=as_json(results),
    )
    _thin(row)
    return look


def _units(row: Experiment) -> int:
    """Return the units of all arms that were counted."""
    return Cell.objects.filter(experiment=row, dimension="").aggregate(total=Sum("n"))["total"] or 0


def _planned(row: Experiment) -> int | None:
    """Return the planned units of all arms."""
    return None if row.planned_units is None else row.planned_units * row.arms.count()


def _is_due(row: Experiment, units: int) -> bool:
    last = row.looks.order_by("-number").first()
    planned = _planned(row)
    if row.inference == Inference.GROUP_SEQUENTIAL:
        return planned is not None and _has_planned_look(row, last, units, planned)
    if last is None or clock.now() - last.at >= SPACING:
        return True
    is_full = planned is not None and units >= planned
    return row.inference == Inference.FIXED and is_full and sum(last.units.values()) < (planned or 0)


def _has_planned_look(row: Experiment, last: Look | None, units: int, planned: int) -> bool:
    """Tell whether more of the planned shares are there than at the last look, which was not the end of the plan."""
    before = 0 if last is None else sum(last.units.values())
    if before >= planned or (last is not None and last.number >= row.planned_looks):
        return False
    return floor(row.planned_looks * units / planned) > floor(row.planned_looks * before / planned)


def _thin(row: Experiment) -> None:
    """Leave out every second of the older looks where there are too many. Those that decide something all stay."""
    if row.inference == Inference.GROUP_SEQUENTIAL:
        return
    looks = list(row.looks.order_by("number").values_list("number", "units"))
    if len(looks) <= MOST_LOOKS:
        return
    planned = _planned(row)
    decisive_numbers = [number for number, units in looks if planned is not None and sum(units.values()) >= planned]
    older = {number for number, _ in looks[1 : len(looks) // 2 : 2]} - set(decisive_numbers[:1])
    row.looks.filter(number__in=older).delete()
