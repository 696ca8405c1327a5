"""Deadlines by calendar month, calendar days and business days: month ends, leap years, holidays, extensions."""

from datetime import UTC, date, datetime

import pytest

from consents.deadlines import NO_EXTENSION, business_days_after, deadlines, end_of, holidays_of, months_after


def at(day: str, time: str = "12:00") -> datetime:
    return datetime.fromisoformat(f"{day}T{time}:00+00:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("received", "region", "due", "extended"),
    [
        ("2026-03-10", "", "2026-04-10", "2026-06-10"),
        ("2026-01-15", "", "2026-02-16", "2026-04-15"),  # 15 February is a Sunday
        ("2027-01-31", "", "2027-03-01", "2027-04-30"),  # no 31 February: the 28th, a Sunday
        ("2028-01-31", "", "2028-02-29", "2028-05-01"),  # a leap year; 30 April 2028 is a Sunday
        ("2028-02-29", "", "2028-03-29", "2028-05-29"),
        ("2025-12-31", "", "2026-02-02", "2026-03-31"),  # over the year's end, onto a Saturday
        ("2026-05-31", "", "2026-06-30", "2026-08-31"),
        ("2026-03-03", "DE", "2026-04-07", "2026-06-03"),  # Good Friday, a weekend, Easter Monday
        ("2026-03-03", "", "2026-04-03", "2026-06-03"),  # unknown holidays: never too late
        ("2026-11-25", "DE", "2026-12-28", "2027-02-25"),  # Christmas, Boxing Day on a Saturday, Sunday
        ("2026-12-06", "DE", "2027-01-06", "2027-03-08"),
        ("2026-12-06", "DE-BY", "2027-01-07", "2027-03-08"),  # Epiphany, in Bavaria only
        ("2026-12-06", "DE-XX", "2027-01-06", "2027-03-08"),
        ("2026-12-06", "ZZ", "2027-01-06", "2027-03-08"),
    ],
)
def test_the_gdpr_counts_calendar_months(received: str, region: str, due: str, extended: str) -> None:
    assert deadlines("access", "gdpr", at(received), region=region).due_on == date.fromisoformat(due)
    prolonged = deadlines("access", "gdpr", at(received), region=region, is_extended=True)
    assert prolonged.due_on == date.fromisoformat(extended)
    assert prolonged.acknowledge_by is None


@pytest.mark.parametrize(
    ("received", "acknowledge_by", "due", "extended"),
    [
        ("2026-03-02", "2026-03-16", "2026-04-16", "2026-05-31"),
        ("2026-11-20", "2026-12-07", "2027-01-04", "2027-02-18"),  # Thanksgiving
        ("2026-12-21", "2027-01-06", "2027-02-04", "2027-03-21"),  # Christmas, New Year
        ("2027-06-26", "2027-07-12", "2027-08-10", "2027-09-24"),  # 4 July on a Sunday, observed on Monday
        ("2028-02-12", "2028-02-28", "2028-03-28", "2028-05-12"),  # a Saturday, Presidents' Day, a leap year
    ],
)
def test_the_ccpa_counts_business_days_to_confirm_and_calendar_days_to_answer(
    received: str, acknowledge_by: str, due: str, extended: str
) -> None:
    dates = deadlines("erasure", "ccpa", at(received, "20:00"))

    assert (dates.acknowledge_by, dates.due_on) == (date.fromisoformat(acknowledge_by), date.fromisoformat(due))
    assert deadlines("erasure", "ccpa", at(received, "20:00"), is_extended=True).due_on == date.fromisoformat(extended)


@pytest.mark.parametrize(
    ("received", "due"),
    [("2026-03-02", "2026-03-23"), ("2026-11-20", "2026-12-14"), ("2026-12-21", "2027-01-13")],
)
def test_an_opt_out_has_fifteen_business_days_and_no_extension(received: str, due: str) -> None:
    assert deadlines("objection", "ccpa", at(received, "20:00")).due_on == date.fromisoformat(due)
    with pytest.raises(ValueError, match=NO_EXTENSION):
        deadlines("objection", "ccpa", at(received), is_extended=True)


def test_the_day_of_receipt_is_californias_and_a_deadline_ends_there() -> None:
    assert deadlines("access", "ccpa", at("2026-03-03", "05:00")).due_on == date(2026, 4, 16), "still 2 March there"
    assert end_of(date(2026, 4, 16), "ccpa").isoformat() == "2026-04-17T06:59:59+00:00"
    assert end_of(date(2026, 4, 16), "gdpr").isoformat() == "2026-04-16T23:59:59+00:00"


def test_months_end_where_a_shorter_month_does() -> None:
    assert months_after(date(2027, 10, 31), 1) == date(2027, 11, 30)
    assert months_after(date(2027, 11, 30), 3) == date(2028, 2, 29)
    assert months_after(date(2027, 12, 1), 1) == date(2028, 1, 1)


def test_business_days_skip_the_weekend_of_receipt() -> None:
    assert business_days_after(date(2026, 3, 7), 1, is_holiday=holidays_of("")) == date(2026, 3, 9)
