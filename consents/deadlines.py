"""Deadlines of privacy requests, by the calendar of the law. Pure.

GDPR, Article 12(3): one calendar month from receipt, three with notice. A month ends on the day of the same number, or
on the month's last day; a last day without work moves to the next working day (Regulation 1182/71, Article 3).

CCPA: answers within 45 calendar days from receipt, 90 with notice; confirmation of receipt within 10 business days
(11 CCR 7021); opt-outs within 15 business days, without an extension (11 CCR 7026). The day of receipt is day zero.
"""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

Regime = Literal["gdpr", "ccpa"]
GDPR_MONTHS, GDPR_EXTENDED_MONTHS = 1, 3
CCPA_DAYS, CCPA_EXTENDED_DAYS = 45, 90
ACKNOWLEDGE_BUSINESS_DAYS, OPT_OUT_BUSINESS_DAYS = 10, 15
OPT_OUTS: Final = ("objection", "restriction")
"""Kinds of requests that are an opt-out in the sense of the CCPA."""
SATURDAY: Final = 5
CALIFORNIA: Final = ZoneInfo("America/Los_Angeles")
NO_EXTENSION: Final = "An opt-out has no extension."
IsHoliday = Callable[[date], bool]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """The last day of the answer and, under the CCPA, of the confirmation of receipt."""

    due_on: date
    acknowledge_by: date | None = None


def deadlines(
    kind: str, regime: str, received_at: datetime, *, region: str = "", is_extended: bool = False
) -> Deadlines:
    """Return the deadlines of a request. `region` (DE, DE-BY) names the holidays of the shop, for the GDPR.

    Raises ValueError for the extension of an opt-out under the CCPA.
    """
    if regime == "ccpa":
        return _ccpa(kind, received_at.astimezone(CALIFORNIA).date(), is_extended=is_extended)
    months = GDPR_EXTENDED_MONTHS if is_extended else GDPR_MONTHS
    last_day = months_after(received_at.date(), months)
    return Deadlines(next_working_day(last_day, is_holiday=holidays_of(region)))


def _ccpa(kind: str, received_on: date, *, is_extended: bool) -> Deadlines:
    federal, of_state = holidays_of("US"), holidays_of("US-CA")

    def is_holiday(day: date) -> bool:
        """Count what both keep: the law names no list, and this deadline is never too late."""
        return federal(day) and of_state(day)

    if kind not in OPT_OUTS:
        days = CCPA_EXTENDED_DAYS if is_extended else CCPA_DAYS
        acknowledge_by = business_days_after(received_on, ACKNOWLEDGE_BUSINESS_DAYS, is_holiday=is_holiday)
        return Deadlines(received_on + timedelta(days=days), acknowledge_by)
    if is_extended:
        raise ValueError(NO_EXTENSION)
    return Deadlines(business_days_after(received_on, OPT_OUT_BUSINESS_DAYS, is_holiday=is_holiday))


def end_of(day: date, regime: str) -> datetime:
    """Return the end of a deadline's last day, as UTC. It is a day of UTC for the GDPR, of California for the CCPA."""
    zone = CALIFORNIA if regime == "ccpa" else UTC
    return datetime.combine(day, time(23, 59, 59), zone).astimezone(UTC)


def months_after(day: date, months: int) -> date:
    """Return the day of the same number so many months later, or the last day of a shorter month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def next_working_day(day: date, *, is_holiday: IsHoliday) -> date:
    """Return the day itself, or the first one after it that is neither a weekend nor a holiday."""
    while day.weekday() >= SATURDAY or is_holiday(day):
        day += timedelta(days=1)
    return day


def business_days_after(day: date, count: int, *, is_holiday: IsHoliday) -> date:
    """Return the business day that is the given number of business days after a day, which does not count itself."""
    for _ in range(count):
        day = next_working_day(day + timedelta(days=1), is_holiday=is_holiday)
    return day


def holidays_of(region: str) -> IsHoliday:
    """Return whether a day is a public holiday in a region (DE, DE-BY, US-CA).

    Of an unknown part of a country only its common holidays count, of an unknown country none: that deadline is never
    too late.
    """
    calendar = _calendar(region)
    return lambda day: day in calendar


@lru_cache(maxsize=16)
def _calendar(region: str) -> Any:
    import holidays  # a tenth of a second, which only the privacy desk needs

    country, _, part = region.partition("-")
    for subdivision in (part or None, None):
        try:
            return holidays.country_holidays(country, subdiv=subdivision)
        except NotImplementedError:  # the library knows no such country, or no such part of it
            continue
    return frozenset()
