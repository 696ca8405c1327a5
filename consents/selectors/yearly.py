"""Privacy requests of a calendar year: how many came, how they ended, and how long answers took (11 CCR 7102)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean, median

from common import clock
from consents.models import Kind, PrivacyRequest, Regime, RequestStatus

COMPLIED = frozenset({RequestStatus.COMPLETED, RequestStatus.NO_DATA})


@dataclass(frozen=True, slots=True)
class YearRow:
    """The requests of one law and kind. Days are from receipt to the answer, of answered requests; None without any.

    `no_data` are part of `complied`: nothing was held, and the shopper was told so.
    """

    regime: str
    kind: str
    received: int
    complied: int
    no_data: int
    denied: int
    open: int
    late: int
    median_days: float | None
    mean_days: float | None


def years() -> list[int]:
    """Return the years of which requests are kept, the latest first, and this one."""
    dates = PrivacyRequest.objects.dates(
        "received_at",
        "year",
        order="DESC",
    )
    return sorted({clock.now().year, *(day.year for day in dates)}, reverse=True)


def yearly_metrics(year: int) -> list[YearRow]:
    """Return one row for each law and kind with requests that were received in the year (UTC)."""
    span = (datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC))
    rows = list(PrivacyRequest.objects.filter(received_at__gte=span[0], received_at__lt=span[1]).defer("receipt"))
    return [
        _row(regime, kind, chosen)
        for regime in Regime
        for kind in Kind
        if (chosen := [row for row in rows if (row.regime, row.kind) == (regime, kind)])
    ]


def _row(regime: Regime, kind: Kind, rows: Sequence[PrivacyRequest]) -> YearRow:
    days = [(row.closed_at - row.received_at).total_seconds() / 86_400 for row in rows if row.closed_at]
    today = clock.now().date()
    return YearRow(
        regime=str(regime.label),
        kind=str(kind.label).partition(":")[0],
        received=len(rows),
        complied=sum(row.status in COMPLIED for row in rows),
        no_data=sum(row.status == RequestStatus.NO_DATA for row in rows),
        denied=sum(row.status == RequestStatus.REFUSED for row in rows),
        open=sum(row.closed_at is None for row in rows),
        late=sum((row.closed_at.date() if row.closed_at else today) > row.due_on for row in rows),
        median_days=round(median(days), 1) if days else None,
        mean_days=round(mean(days), 1) if days else None,
    )
