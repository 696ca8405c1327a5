"""Runs the steps: computes the rows of some units or of all, and writes those that differ."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from customers.relations import SPANS
from customers.selectors import roots_of_joined
from experiments.measuring import steps, tables
from experiments.measuring.branches import branches
from experiments.measuring.plan import ExperimentPlan, Plan, base_of
from experiments.measuring.units import Units, ids_of_kind
from experiments.metrics.base import Variable
from experiments.metrics.registry import ANSWERS

FILL_SPANS: Final = f"""
INSERT INTO m_span
SELECT span.anonymous_id, 'user:' || coalesce(joined.root, span.user_id), span.since, span.until
FROM ({SPANS}) AS span LEFT JOIN m_root AS joined USING (user_id)
WHERE span.since < span.until
"""
SIGNED: Final = """
INSERT INTO m_signed
SELECT -1, old.experiment_id, old.epoch, old.unit, old.arm, old.first_at, old.counts_from, old.switches, old.groups,
    old.values
FROM experiments_exposure AS old LEFT JOIN m_new AS new USING (experiment_id, epoch, unit)
WHERE old.experiment_id = ANY(%(experiments)s) {scope} AND (new.unit IS NULL OR {differs})
UNION ALL
SELECT 1, new.* FROM m_new AS new LEFT JOIN (
    SELECT * FROM experiments_exposure AS old WHERE old.experiment_id = ANY(%(experiments)s) {scope}
) AS old USING (experiment_id, epoch, unit)
WHERE old.unit IS NULL OR {differs}
"""
DIFFERS: Final = """
(old.arm, old.first_at, old.counts_from, old.switches, old.groups, old.values)
    IS DISTINCT FROM (new.arm, new.first_at, new.counts_from, new.switches, new.groups, new.vals)
"""
DELETE: Final = """
DELETE FROM experiments_exposure AS old USING m_signed AS gone
WHERE gone.sign = -1 AND (old.unit, old.experiment_id, old.epoch) = (gone.unit, gone.experiment_id, gone.epoch)
"""
INSERT: Final = """
INSERT INTO experiments_exposure (experiment_id, epoch, unit, arm, first_at, counts_from, switches, groups, values)
SELECT experiment_id, epoch, unit, arm, first_at, counts_from, switches, groups, vals
FROM m_signed WHERE sign = 1 ORDER BY unit, experiment_id, epoch
"""
ALL_ROWS: Final = "(SELECT 1 AS sign, new.* FROM m_new AS new)"
"""All new rows as a relation like `m_signed`."""
STORED_ROWS: Final = """(
    SELECT 1 AS sign, experiment_id, epoch, unit, arm, first_at, counts_from, switches, groups, values AS vals
    FROM experiments_exposure WHERE experiment_id IN (SELECT experiment_id FROM m_layout)
)"""
"""The stored rows of the experiments that are counted as such a relation."""


def compute_some(plan: Plan, units: Units) -> None:
    """Fill `m_new` with the rows of some units, and `m_event` with their events."""
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        # Compiling queries takes longer than running them on a few units.
        cursor.execute("SET LOCAL jit = off")
        _fill_links(cursor, roots=units.roots, visitors=ids_of_kind(units.keys, "anonymous"))
        pairs = sorted({tuple(raw_id.split(":", 1)) for many in units.ids.values() for raw_id in many})
        kinds, ids = [kind for kind, _ in pairs], [one for _, one in pairs]
        cursor.execute("INSERT INTO m_id SELECT * FROM unnest(%s::text[], %s::text[])", [kinds, ids])
        cursor.execute("INSERT INTO m_unit SELECT * FROM unnest(%s::text[])", [sorted(units.ids)])
        cursor.execute(tables.SOME_EVENTS, {"since": plan.since})
        run = Run(cursor, plan, "m_event", orders=steps.SOME_ORDERS, changes=tables.SOME_SEGMENTS)
        run.compute(seen=tables.SOME_SEEN)


def compute_all(plan: Plan) -> None:
    """Fill `m_new` with the rows of everybody."""
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        # Nothing is known of how many events carry what, and a nested loop over everybody would take hours.
        cursor.execute("SET LOCAL work_mem = '256MB'; SET LOCAL enable_nestloop = off")
        _fill_links(cursor, roots=roots_of_joined(), visitors=None)
        run = Run(cursor, plan, tables.ALL_EVENTS, orders="", changes=tables.ALL_SEGMENTS, is_large=True)
        run.compute(seen=tables.ALL_SEEN)


def compute_none(plan: Plan) -> None:
    """Leave `m_new` empty, so that units lose their rows."""
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        Run(cursor, plan, "m_event", orders="", changes="").fill_plan()


def write_rows(plan: Plan, *, units: Units | None) -> None:
    """Write the rows of `m_new` over the old ones of these units, or of everybody; `m_signed` then holds the changes.

    Old rows have the sign -1, new ones 1.
    """
    values: dict[str, Any] = {"experiments": list(plan.keys)}
    scope = ""
    if units is not None:
        values["units"], scope = sorted(units.keys), "AND old.unit = ANY(%(units)s)"
    with connection.cursor() as cursor:
        cursor.execute(SIGNED.format(scope=scope, differs=DIFFERS), values)
        cursor.execute(DELETE)
        cursor.execute(INSERT)


def many_events(least: int) -> dict[str, int]:
    """Return the number of events of each unit in `m_event` that has at least so many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT unit, count(*) FROM m_event GROUP BY unit HAVING count(*) >= %s", [least])
        return dict(cursor.fetchall())


def _fill_links(cursor: Any, *, roots: Any, visitors: list[str] | None) -> None:
    users = sorted(roots)
    cursor.execute(
        "INSERT INTO m_root SELECT * FROM unnest(%s::text[], %s::text[])", [users, [roots[user] for user in users]]
    )
    condition = "" if visitors is None else "AND from_id = ANY(%(visitors)s)"
    cursor.execute(FILL_SPANS.format(condition=condition), {"visitors": visitors})


class Run:
    """One run of the steps over a relation of events."""

    def __init__(
        self, cursor: Any, plan: Plan, events: str, *, orders: str, changes: str, is_large: bool = False
    ) -> None:
        self.cursor, self.plan, self.events = cursor, plan, events
        self.orders, self.changes, self.is_large = orders, changes, is_large

    def compute(self, *, seen: str) -> None:
        """Fill `m_new`."""
        self.fill_plan()
        self._step(steps.SERVED, "")
        self._step(steps.VIEWED, "m_exposed")
        self._step(steps.FIRST, "m_first")
        self._find_outcomes()
        self._step(steps.ACTIVATED, "")
        self._own("visits", steps.BOUNCED)
        self._look("m_outcome", "m_own_outcome")
        slots = ", ".join(steps.SLOT.format(place=place) for place in range(self.plan.width))
        self._step(steps.VALUES.format(sums=slots or "0"), "m_value")
        self._step(steps.DEVICE, "m_device")
        self._step(steps.SEGMENTS.format(changes=self.changes), "m_segment")
        self._step(seen, "m_seen")
        self._step(steps.ROWS, "m_new", zone=settings.SHOP_TIME_ZONE)

    def _find_outcomes(self) -> None:
        numbers = self.plan.base_numbers
        orders = {base: number for base, number in numbers.items() if base.source == "orders"}
        if orders:
            self._step(
                steps.ORDERED.format(condition=self.orders),
                "",
                currency=settings.SHOP_CURRENCY,
                bases=list(orders.values()),
                fields=[base.field for base in orders],
            )
        done = {base: number for base, number in numbers.items() if base.source == "events"}
        if done:
            query, values = branches(done)
            names = sorted({name for base in done for name in base.events})
            self._step(steps.DONE.replace("{branches}", query), "", names=names, **values)
        self._own("answers", steps.ANSWERED)
        self._own("clicks", steps.CLICKED)

    def _own(self, source: str, query: str) -> None:
        """Run a step about what belongs to an experiment by itself, if any of them needs it."""
        for base, number in self.plan.base_numbers.items():
            needing = [one.pk for one in self.plan.experiments if base in _bases(one)]
            if base.source == source and needing:
                self._step(query, "", base=number, experiments=needing)

    def _step(self, query: str, filled: str, **values: Any) -> None:
        self.cursor.execute(query.replace("{events}", self.events), {"since": self.plan.since, **values})
        if filled:
            self._look(filled)

    def _look(self, *names: str) -> None:
        """Let PostgreSQL look at large tables before they are joined."""
        if self.is_large:
            self.cursor.execute("; ".join(f"ANALYZE {name}" for name in names))

    def fill_plan(self) -> None:
        """Fill the tables of arms and variables."""
        plans = self.plan.experiments
        tables.fill(self.cursor, "m_arm", [row for plan in plans for row in _arm_rows(plan)])
        variables = [row for plan in plans for row in self._variable_rows(plan)]
        tables.fill(self.cursor, "m_variable", variables)
        activations = [self._place(plan.activation, plan) for plan in plans if plan.activation is not None]
        tables.fill(self.cursor, "m_activation", activations)
        tables.fill(self.cursor, "m_layout", [_layout_row(plan) for plan in plans])
        self._look("m_arm", "m_variable", "m_activation", "m_layout", "m_root", "m_span")

    def _variable_rows(self, plan: ExperimentPlan) -> Iterable[dict[str, Any]]:
        for place, one in enumerate(plan.variables):
            if place != _answers_place(plan):
                slot = -1 - place if one.aggregate == "any" else place
                yield {**self._place(one, plan), "slot": slot, "is_before": one.is_before}

    def _place(self, variable: Variable, plan: ExperimentPlan) -> dict[str, Any]:
        hours = variable.window_hours
        return {
            "experiment_id": plan.pk,
            "base": self.plan.base_numbers[base_of(variable)],
            "span": None if hours is None else f"{hours} hours",
            "ended_at": _moment(plan.ended_at),
        }


def _layout_row(plan: ExperimentPlan) -> dict[str, Any]:
    answers, width = _answers_place(plan), len(plan.variables)
    return {
        "experiment_id": plan.pk,
        "width": width,
        "zeros": [0] * width,
        "answers": None if answers is None else 1 + answers,
        "sketched": sorted(plan.sketched),
    }


def _answers_place(plan: ExperimentPlan) -> int | None:
    """Return the place of the number of all lists, which is found together with the first exposures.

    Most experiments have it, and every exposure counts. A list within a window, or after an activation, is an outcome
    as any other.
    """
    return None if plan.activation is not None or ANSWERS not in plan.variables else plan.variables.index(ANSWERS)


def _bases(plan: ExperimentPlan) -> set[Variable]:
    """Return what must be looked for."""
    place = _answers_place(plan)
    variables = [one for number, one in enumerate(plan.variables) if number != place]
    return {base_of(one) for one in (*variables, plan.activation) if one is not None}


def _arm_rows(plan: ExperimentPlan) -> Iterable[dict[str, Any]]:
    for epoch in plan.epochs:
        for stated, arm in plan.arms:
            yield {
                "experiment_id": plan.pk,
                "key": plan.key,
                "epoch": epoch.number,
                "stated": stated,
                "arm": arm,
                "since": _moment(epoch.since),
                "until": _moment(epoch.until),
                "ended_at": _moment(plan.ended_at),
            }


def _moment(moment: datetime | None) -> str:
    return "infinity" if moment is None else moment.isoformat()
