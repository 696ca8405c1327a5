"""How long each kind of personal data is kept, and what deletes it then. Rooms register from their `apps.py`.

`consents.services.retention` runs the registered deletions daily; the practice audit counts what is overdue.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class Retention:
    """The retention of one kind of data.

    `period` returns how long it is kept after `starts`; None means that nothing but an erasure deletes it, and `reason`
    says why. `setting` names what changes the period. `delete` takes the moment of the daily job, deletes what is over
    and returns the number of records; without it, `job` says what else deletes. `overdue` returns how many records
    are over at a moment.
    """

    name: str
    title: str
    reason: str
    starts: str = "collected"
    period: Callable[[], timedelta | None] = lambda: None
    setting: str = ""
    job: str = ""
    delete: Callable[[datetime], int] | None = None
    overdue: Callable[[datetime], int] | None = None

    @property
    def in_words(self) -> str:
        """The period, such as `730 days after: collected`."""
        period = self.period()
        if period is None:
            return f"until erased: {self.reason}"
        return f"{length_in_words(period)} after it was {self.starts}"


def of_days(days: int) -> timedelta | None:
    """Return a setting in days as a period; 0 is None: without end."""
    return timedelta(days=days) if days else None


def length_in_words(period: timedelta) -> str:
    """Return a length in its largest whole unit, such as `7 days` or `8 seconds`."""
    for unit, name in ((86_400, "day"), (3_600, "hour"), (1, "second")):
        count, rest = divmod(int(period.total_seconds()), unit)
        if count and (not rest or unit == 1):
            return f"{count:,} {name}{'s' * (count != 1)}"
    return "0 seconds"


NO_TIME: Final = timedelta(0)
BATCH: Final = 1_000
MOST_COUNTED: Final = 100_000
"""Overdue records that are counted at most: more say no more."""


def delete_in_batches(rows: Callable[[], Any]) -> int:
    """Delete a queryset's rows in short transactions, and return their number without what went along with them."""
    deleted = 0
    while keys := list(rows().order_by().values_list("pk", flat=True)[:BATCH]):
        rows().model.objects.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def count_rows(rows: Any) -> int:
    """Return the number of a queryset's rows, `MOST_COUNTED` at most."""
    return int(rows.order_by()[:MOST_COUNTED].count())


def of_rows(rows: Callable[[datetime], Any], **fields: Any) -> "Retention":
    """Return the retention of a table's rows; `rows` returns the queryset of those that are over at a moment."""
    return Retention(
        **fields,
        delete=lambda now: delete_in_batches(lambda: rows(now)),
        overdue=lambda now: count_rows(rows(now)),
    )


_retentions: dict[str, Retention] = {}


def register(retention: Retention) -> None:
    """Add a retention. Raises ValueError if another one has the name."""
    if _retentions.setdefault(retention.name, retention) is not retention:
        raise ValueError(f"a retention named {retention.name!r} is registered already")


def retentions() -> tuple[Retention, ...]:
    """Return all retentions by name."""
    return tuple(_retentions[name] for name in sorted(_retentions))
