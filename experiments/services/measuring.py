"""Counts who saw which arm and what they did then: rows of units, and the cells that results are computed from.

What is recorded is counted up to where the recorder is, in one transaction with the offsets. A unit's rows are always
computed anew from all of its events, so the order in which events came does not matter. The difference to the old rows
goes into the cells. `recount` does the same for everybody at once and finds the same numbers.
"""

import logging
from collections.abc import Iterable, Mapping, Set
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from django.db import connection, transaction
from redis.exceptions import RedisError

from common import clock, redis
from events.log.offsets import SEQUENCE_BITS
from events.services.positions import (
    first_and_count,
    move,
    positions,
    recorded_events_estimate,
    recorded_positions,
)
from experiments.keys import CHANGED, CONSUMER
from experiments.measuring.cells import add_changes
from experiments.measuring.plan import ExperimentPlan, Plan, PlanReader, plan_of, read_plan
from experiments.measuring.rows import (
    ALL_ROWS,
    STORED_ROWS,
    compute_all,
    compute_none,
    compute_some,
    many_events,
    write_rows,
)
from experiments.measuring.units import ChangedIds, Units, ids_of_kind, touched_by, touched_since, units_of
from experiments.models import BusyUnit, Cell, CountedPlan, Exposure

STEP: Final = 60_000 << SEQUENCE_BITS
"""The part of the log of one transaction: a minute."""
RECOUNT_SHARE: Final = 20
"""With a twentieth of the log behind, a recount ends sooner: a new event costs as much as 20 events of a recount."""
MANY_EVENTS: Final = 5_000
"""A unit with more events is counted anew only now and then."""
WAIT_PER_EVENT: Final = timedelta(milliseconds=1)
"""How long such a unit waits for each of its events: reading them then takes about 1 % of the time."""
LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtext('experiments.measuring'))"
WAIT_FOR_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtext('experiments.measuring'))"
log = logging.getLogger(__name__)
_read_plan: Final = PlanReader()


def count_new() -> frozenset[str]:
    """Count the next part of what was recorded; return the keys of the experiments whose numbers changed.

    At most a minute of the log at a time: call it until nothing is behind. With more than a minute and a twentieth of
    the log behind, it counts everybody again, which ends sooner. While another process counts, it does nothing. An
    experiment whose plan changed is counted again from the beginning of the log.
    """
    with transaction.atomic():
        if not _execute(LOCK):
            return frozenset()
        # Before the plan: who is named by an event up to there was started before, and stands in the plan.
        after, upto = _next_part()
        if after is None:
            return _recount_all(upto)
        plan = _read_plan()
        changed, since = _follow_plans(plan)
        changed_ids = _changed_ids(after, upto, since)
        if plan.experiments and (changed_ids.users or changed_ids.visitors):
            changed |= _count_units(plan, units_of(changed_ids), exposed=changed_ids.exposed)
        if upto:
            move(CONSUMER, upto)
        return _announce(plan, changed)


def recount() -> frozenset[str]:
    """Count all live experiments again from the log; return their keys. What was erased since is counted no more."""
    with transaction.atomic():
        _execute(WAIT_FOR_LOCK)
        return _recount_all(recorded_positions())


def forget(raw_ids: Iterable[str]) -> int:
    """Take erased ids out of rows and cells, also of archived experiments; return the number of rows deleted.

    Call it after the events of these ids are erased.
    """
    ids = sorted(raw_ids)
    with transaction.atomic():
        _execute(WAIT_FOR_LOCK)
        plan, rows = read_plan(), Exposure.objects.filter(unit__in=ids)
        before = rows.count()
        BusyUnit.objects.filter(unit__in=ids).delete()
        changed: set[int] = set()
        if plan.experiments:
            changed_ids = ChangedIds(frozenset(ids_of_kind(ids, "user")), frozenset(ids_of_kind(ids, "anonymous")))
            changed = _count_units(plan, units_of(changed_ids), exposed=frozenset())
        archived = plan_of(set(rows.values_list("experiment_id", flat=True)))
        if archived.experiments:
            changed |= _take_out(archived, Units({raw_id: {raw_id} for raw_id in ids}))
        rows.delete()
        _announce(Plan((*plan.experiments, *archived.experiments)), changed)
        return before


def publish(keys: Iterable[str]) -> None:
    """Tell who shows experiments that their numbers changed. Without Redis nobody is told, and nothing is lost."""
    try:
        pipe = redis.client().pipeline(transaction=False)
        for key in sorted(keys):
            pipe.publish(CHANGED, key)
        pipe.execute()
    except RedisError as error:
        log.warning("experiments.not_published error=%s", error)


def _execute(query: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return bool(cursor.fetchone()[0])


def _next_part() -> tuple[dict[int, int] | None, dict[int, int]]:
    """Return where the next part of the log begins and ends on each shard; None and the end where all is to be counted.

    That is so before anything was counted, and with too much behind.
    """
    recorded, mine = recorded_positions(), positions(CONSUMER)
    if recorded and not mine:
        return None, recorded
    after = {shard: mine.get(shard, 0) for shard, offset in recorded.items() if offset > mine.get(shard, 0)}
    upto = {shard: recorded[shard] for shard in after}
    if after and max(upto.values()) - min(after.values()) > STEP:
        first, n_events = first_and_count(after, upto)
        if n_events * RECOUNT_SHARE > recorded_events_estimate():
            return None, recorded
        if first is not None:
            upto = {shard: min(offset, first + STEP) for shard, offset in upto.items() if after[shard] < first + STEP}
    return {shard: after[shard] for shard in upto}, upto


def _follow_plans(plan: Plan) -> tuple[set[int], datetime | None]:
    """Count experiments with another plan again; return them, and since when a new epoch or end changes others."""
    stored = {row.experiment_id: row for row in CountedPlan.objects.select_for_update()}
    plans = {one.pk: one for one in plan.experiments}
    archived_pks = [pk for pk, row in stored.items() if row.plan and pk not in plans]
    CountedPlan.objects.filter(pk__in=archived_pks).update(plan="")
    changed = {pk for pk in plans if pk in stored and stored[pk].plan != plan.digests[pk]}
    if changed:
        _recount(plan.only(changed))
    moments = [
        moment
        for pk, one in plans.items()
        if pk in stored
        for _, moment in set(stored[pk].moments.items()) ^ set(one.moments.items())
    ]
    _write_plans(one for pk, one in plans.items() if pk not in stored or pk in changed or _moved(stored[pk], one))
    return changed, datetime.fromtimestamp(min(moments), UTC) if moments else None


def _moved(row: CountedPlan, plan: ExperimentPlan) -> bool:
    return bool(row.moments != plan.moments)


def _write_plans(plans: Iterable[ExperimentPlan]) -> None:
    CountedPlan.objects.bulk_create(
        [CountedPlan(experiment_id=one.pk, plan=one.digest, moments=one.moments) for one in plans],
        update_conflicts=True,
        unique_fields=["experiment"],
        update_fields=["plan", "moments"],
    )


def _changed_ids(after: Mapping[int, int], upto: Mapping[int, int], since: datetime | None) -> ChangedIds:
    """Return whom new events are about, with units that waited long enough."""
    new = touched_by(after, upto) if after else ChangedIds()
    late = touched_since(since) if since is not None else ChangedIds()
    due = list(BusyUnit.objects.filter(has_news=True, due_at__lte=clock.now()).values_list("unit", flat=True))
    users = {*new.users, *late.users, *ids_of_kind(due, "user")}
    return ChangedIds(
        users, {*new.visitors, *late.visitors, *ids_of_kind(due, "anonymous")}, new.exposed | late.exposed
    )


def _count_units(plan: Plan, units: Units, *, exposed: Set[str]) -> set[int]:
    """Count the units among these that are exposed; return the experiments that changed."""
    counted_units = set(Exposure.objects.filter(unit__in=units.keys).values_list("unit", flat=True).distinct())
    units = _without_busy(_near(units, counted_units | exposed))
    if not units.ids:
        return set()
    computed = compute_some(plan, units)
    if not computed.experiments:
        return set()
    busy = many_events(MANY_EVENTS)
    BusyUnit.objects.bulk_create(
        [BusyUnit(unit=unit, due_at=clock.now() + n * WAIT_PER_EVENT) for unit, n in busy.items()],
        update_conflicts=True,
        unique_fields=["unit"],
        update_fields=["due_at", "has_news"],
    )
    return _write(computed, units)


def _write(plan: Plan, units: Units) -> set[int]:
    """Write the rows of units and the cells that they change; return the experiments that changed.

    Cells that do not hold what is taken out, as after a repair by hand, are made anew from all rows.
    """
    write_rows(plan, units=units)
    try:
        return add_changes(plan, rows="m_signed")
    except ValueError as error:
        log.error("experiments.cells_differ error=%s", error)
        _write_all_cells(plan, rows=STORED_ROWS)
        return set(plan.keys)


def _near(units: Units, near_keys: Set[str]) -> Units:
    """Return the units with one of these raw ids, and those that share an id with such a unit: it may change hands."""
    shared = {raw_id for ids in units.ids.values() if not near_keys.isdisjoint(ids) for raw_id in ids} | near_keys
    near = {unit: ids for unit, ids in units.ids.items() if unit in shared or not shared.isdisjoint(ids)}
    return Units(near, units.roots)


def _without_busy(units: Units) -> Units:
    """Return the units without those that were counted lately with very many events; these are noted for later."""
    resting = set(BusyUnit.objects.filter(unit__in=units.ids, due_at__gt=clock.now()).values_list("unit", flat=True))
    BusyUnit.objects.filter(unit__in=resting, has_news=False).update(has_news=True)
    return Units({unit: ids for unit, ids in units.ids.items() if unit not in resting}, units.roots)


def _take_out(plan: Plan, units: Units) -> set[int]:
    """Delete the rows of units, and take them out of the cells; return the experiments that changed."""
    compute_none(plan)
    return _write(plan, units)


def _recount_all(upto: Mapping[int, int]) -> frozenset[str]:
    plan = read_plan()
    BusyUnit.objects.all().delete()
    if plan.experiments:
        _recount(plan)
        _write_plans(plan.experiments)
    move(CONSUMER, upto)
    return _announce(plan, plan.keys)


def _recount(plan: Plan) -> None:
    compute_all(plan)
    write_rows(plan, units=None)
    _write_all_cells(plan, rows=ALL_ROWS)


def _write_all_cells(plan: Plan, *, rows: str) -> None:
    Cell.objects.filter(experiment__in=plan.keys).delete()
    add_changes(plan, rows=rows)


def _announce(plan: Plan, changed: Iterable[int]) -> frozenset[str]:
    keys = frozenset(plan.keys[pk] for pk in changed)
    if keys:
        transaction.on_commit(partial(publish, keys))
    return keys
