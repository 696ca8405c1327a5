"""From rows to designs: what assignment, wires and serving read."""

import logging
from typing import Any, Final, cast

from django.db import connection

from common.errors import NotFound
from experiments import design as records
from experiments.assignment import STEPS
from experiments.design import BucketFilter, Design, LiveExperiments
from experiments.models import Experiment, Namespace
from experiments.payloads import targets_of

LIVE_FINGERPRINT: Final = (
    "SELECT count(*), sum(hashtextextended(concat_ws(' ', id, xmin, ctid), 0)) FROM experiments_experiment"
    f" WHERE status IN ({', '.join(repr(one) for one in records.LIVE_STATUSES)})"
)
"""The query of `live_fingerprint`, for others to ask together with their own."""
log = logging.getLogger(__name__)


def design_of(row: Experiment) -> Design:
    """Return the design of a row, read with its arms and namespace. Raises ValueError for impossible weights."""
    arms = tuple(
        records.Arm(arm.key, arm.name, arm.weight, arm.payload, arm.levels)
        for arm in sorted(row.arms.all(), key=lambda arm: arm.position)
    )
    indexes = {arm.key: index for index, arm in enumerate(arms)}
    design = Design(
        key=row.key,
        seed=row.seed,
        arms=arms,
        name=row.name,
        kind=cast(records.Kind, row.kind),
        status=cast(records.Status, row.status),
        epoch=row.epoch,
        coverage=row.coverage,
        namespace="" if row.namespace is None else row.namespace.key,
        filters=() if row.namespace is None else (_filter_of(row, row.namespace),),
        condition=row.condition,
        payload_kind=row.payload_kind,
        targets=targets_of(row.payload_kind, [arm.payload for arm in arms]),
        forced_arm=indexes.get(row.final_arm),
        ramp_arm=indexes.get(row.ramp_arm),
        test_units={raw_id: indexes[arm] for raw_id, arm in row.test_units.items() if arm in indexes},
    )
    _ = design.ranges
    return design


def _filter_of(row: Experiment, namespace: Namespace) -> BucketFilter:
    return BucketFilter(namespace.seed, ((row.namespace_low / STEPS, row.namespace_high / STEPS),))


def read_live() -> LiveExperiments:
    """Return the experiments that decide what shoppers get. Unreadable rows are logged and left out."""
    designs = []
    for row in _rows().filter(status__in=records.LIVE_STATUSES).order_by("key"):
        try:
            designs.append(design_of(row))
        except (ValueError, TypeError, LookupError) as error:
            log.error("experiment.unreadable key=%s error=%s", row.key, error)
    holdouts = [one for one in designs if one.kind == "holdout"]
    return LiveExperiments(tuple(one for one in designs if one.kind != "holdout"), holdouts[0] if holdouts else None)


def design(key: str) -> Design:
    """Return the design of an experiment in whatever status. Raises NotFound."""
    row = _rows().filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    return design_of(row)


def past_payload(key: str, arm: str) -> Any:
    """Return the payload of an arm, which nobody can change after the start. Raises LookupError for an unknown arm."""
    payloads = dict(Experiment.objects.filter(key=key).values_list("arms__key", "arms__payload"))
    return payloads[arm]


def live_fingerprint() -> tuple[Any, ...]:
    """Return a fingerprint that changes with every write to a live experiment, whoever makes it.

    Arms change only together with their experiment's row.
    """
    with connection.cursor() as cursor:
        cursor.execute(LIVE_FINGERPRINT)
        return tuple(cursor.fetchone())


def _rows() -> Any:
    return Experiment.objects.select_related("namespace").prefetch_related("arms")
