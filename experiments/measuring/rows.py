"""Runs the steps: computes the rows of some units or of all, and writes those that differ."""

from typing import Any, Final

from django.conf import settings
from django.db import connection

from customers.relations import SPANS
from customers.selectors import roots_of_joined
from experiments.measuring import steps, tables
from experiments.measuring.branches import branches
from experiments.measuring.plan import Plan
from experiments.measuring.plan_rows import bases_of, rows_of
from experiments.measuring.units import Units, ids_of_kind

FILL_SPANS: Final = f"""
INSERT INTO m_span
SELECT span.anonymous_id, 'user:' || coalesce(joined.root, span.user_id), span.since, span.until
FROM ({SPANS}) AS span LEFT JOIN m_root AS joined USING (user_id)
WHERE span.since < span.until
"""
SIGNED: Final = """
INSERT INTO m_signed
SELECT side.sign, experiment_id, epoch, unit, side.arm, side.first_at, side.counts_from, side.switches, side.groups,
    side.vals
FROM (SELECT * FROM experiments_exposure WHERE experiment_id = ANY(%(experiments)s) {scope}) AS old
FULL JOIN m_new AS new USING (experiment_id, epoch, unit)
CROSS JOIN LATERAL (
    VALUES (-1, old.arm, old.first_at, old.counts_from, old.switches, old.groups, old.values),
        (1, new.arm, new.first_at, new.counts_from, new.switches, new.groups, new.vals)
) AS side (sign, arm, first_at, counts_from, switches, groups, vals)
WHERE side.arm IS NOT NULL AND (old.arm, old.first_at, old.counts_from, old.switches, old.groups, old.values)
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
LARGE: Final = 2_000
"""With so many events, PostgreSQL looks at each table before it joins it. Without that it guesses a wrong order."""


def compute_some(plan: Plan, units: Units) -> Plan:
    """Fill `m_new` with the rows of some units, and `m_event` with their events.

    Return the plan of the experiments that these units saw, now or by their old rows.
    """
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        # Compiling queries takes longer than running them on a few units.
        cursor.execute("SET LOCAL jit = off; SET LOCAL enable_nestloop = on")
        _fill_links(cursor, roots=units.roots, visitors=ids_of_kind(units.keys, "anonymous"))
        pairs = sorted({tuple(raw_id.split(":", 1)) for many in units.ids.values() for raw_id in many})
        kinds, ids = [kind for kind, _ in pairs], [one for _, one in pairs]
        cursor.execute("INSERT INTO m_id SELECT * FROM unnest(%s::text[], %s::text[])", [kinds, ids])
        cursor.execute("INSERT INTO m_unit SELECT * FROM unnest(%s::text[])", [sorted(units.ids)])
        cursor.execute(tables.SOME_EVENTS, {"since": plan.since})
        is_large = cursor.rowcount >= LARGE
        if is_large:
            cursor.execute("SET LOCAL work_mem = '64MB'; ANALYZE m_event (unit, at, kind, name)")
        cursor.execute(steps.NAMED, {"units": sorted(units.keys), "keys": list(plan.keys.values())})
        seen_query = plan.only({pk for (pk,) in cursor.fetchall()})
        if seen_query.experiments:
            run = Run(cursor, seen_query, "m_event", steps.SOME_ORDERS, tables.SOME_SEGMENTS, is_large=is_large)
            run.compute(seen_query=tables.SOME_SEEN)
        return seen_query


def compute_all(plan: Plan) -> None:
    """Fill `m_new` with the rows of everybody."""
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        cursor.execute("SET LOCAL work_mem = '256MB'; SET LOCAL enable_nestloop = off")
        _fill_links(cursor, roots=roots_of_joined(), visitors=None)
        run = Run(cursor, plan, tables.ALL_EVENTS, "", tables.ALL_SEGMENTS, is_large=True, is_everybody=True)
        run.compute(seen_query=tables.ALL_SEEN)


def compute_none(plan: Plan) -> None:
    """Leave `m_new` empty, so that units lose their rows."""
    with connection.cursor() as cursor:
        tables.prepare(cursor)
        Run(cursor, plan, "m_event", "", "").fill_plan()


def write_rows(plan: Plan, *, units: Units | None) -> None:
    """Write the rows of `m_new` over the old ones of these units, or of everybody; `m_signed` then holds the changes.

    Old rows have the sign -1, new ones 1.
    """
    values: dict[str, Any] = {"experiments": list(plan.keys)}
    scope = ""
    if units is not None:
        values["units"], scope = sorted(units.keys), "AND unit IN (SELECT unnest(%(units)s::text[]))"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_nestloop = %s", [units is not None])
        cursor.execute(SIGNED.format(scope=scope), values)
        cursor.execute(DELETE)
        cursor.execute(INSERT)


def many_events(minimum: int) -> dict[str, int]:
    """Return the number of events of each unit in `m_event` that has at least so many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT unit, count(*) FROM m_event GROUP BY unit HAVING count(*) >= %s", [minimum])
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
        self,
        cursor: Any,
        plan: Plan,
        events: str,
        orders: str,
        changes: str,
        *,
        is_large: bool = False,
        is_everybody: bool = False,
    ) -> None:
        self.cursor, self.plan, self.events = cursor, plan, events
        self.orders, self.changes, self.is_large, self.is_everybody = orders, changes, is_large, is_everybody

    def compute(self, *, seen_query: str) -> None:
        """Fill `m_new`."""
        self.fill_plan()
        self._use_indexes(False)
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
        self._use_indexes(True)
        self._step(steps.SEGMENTS.format(changes=self.changes), "m_segment")
        self._step(seen_query, "m_seen")
        self._use_indexes(False)
        self._step(steps.ROWS, "m_new", zone=settings.SHOP_TIME_ZONE)

    def _find_outcomes(self) -> None:
        numbers = self.plan.base_numbers
        orders = {base: number for base, number in numbers.items() if base.source == "orders"}
        if orders:
            self._use_indexes(True)
            self._step(
                steps.ORDERED.format(condition=self.orders),
                "",
                currency=settings.SHOP_CURRENCY,
                bases=list(orders.values()),
                fields=[base.field for base in orders],
            )
            self._use_indexes(False)
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
            needing = [one.pk for one in self.plan.experiments if base in bases_of(one)]
            if base.source == source and needing:
                self._step(query, "", base=number, experiments=needing)

    def _step(self, query: str, filled: str, **values: Any) -> None:
        self.cursor.execute(query.replace("{events}", self.events), {"since": self.plan.since, **values})
        if filled:
            self._look(filled)

    def _use_indexes(self, is_useful: bool) -> None:
        """Allow nested loops where a few units are looked up in large tables, and only there.

        PostgreSQL knows nothing of how many events carry what, and a nested loop over everybody would take hours.
        """
        self.cursor.execute("SET LOCAL enable_nestloop = %s", [is_useful and not self.is_everybody])

    def _look(self, *names: str) -> None:
        """Let PostgreSQL look at large tables before they are joined."""
        if self.is_large:
            self.cursor.execute("; ".join(f"ANALYZE {name}" for name in names))

    def fill_plan(self) -> None:
        """Fill the tables of arms and variables."""
        rows = rows_of(self.plan)
        for name, many in rows.items():
            tables.fill(self.cursor, name, many)
        self._look(*rows, "m_root", "m_span")
