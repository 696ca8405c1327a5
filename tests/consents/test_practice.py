"""The practice audit lists what is out of line, with what to do, and the figures of a year count the requests."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from unittest import mock

import pytest

from access.models import ApiKey
from access.services import create_key
from audit.models import AuditVerification
from audit.selectors import entries
from audit.services import record
from common import clock
from consents.models import PolicyText, PrivacyRequest, Purpose, StoreStep
from consents.selectors.practice import CHECKS, TITLES, findings, latest_audit
from consents.selectors.yearly import yearly_metrics, years
from consents.services.practice import audit_practice
from consents.tasks import audit_the_practice
from events.models import SetAside

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def in_line(settings: Any) -> None:
    """A shop in which all is in line."""
    settings.PRIVACY_CONTACT = "privacy@lamps.example"
    Purpose.objects.create(
        name="ads_share",
        version=2,
        title="A",
        description="d",
        sale_or_share=True,
        retention_days=395,
        recipients=["Network Inc"],
    )
    PolicyText.objects.create(version="1", body="We say what we do.")
    AuditVerification.objects.create(at=clock.real_now(), size=0)


def request_of(**fields: Any) -> PrivacyRequest:
    now = clock.now()
    whole = {"kind": "erasure", "received_at": now, "due_on": now.date(), "opened_by": "sk_1", "subject_mark": "m"}
    return PrivacyRequest.objects.create(**{**whole, **fields})


def titles() -> list[str]:
    return [one.title for one in findings()]


def test_a_shop_in_line_has_no_findings_and_the_audit_is_on_record() -> None:
    assert latest_audit() is None

    assert audit_practice() == []

    latest = latest_audit()
    assert latest is not None
    assert latest.findings == []
    assert [entry.data["n"] for entry in entries(action="practice.audited")] == [0]
    assert CHECKS.keys() == TITLES.keys()


def test_late_requests_and_failed_stores() -> None:
    yesterday = clock.now().date() - timedelta(days=1)
    request = request_of(due_on=yesterday, acknowledge_by=yesterday, regime="ccpa")
    request_of(due_on=yesterday, closed_at=clock.now())
    StoreStep.objects.create(request=request, store="profiles", state="failed")

    assert titles() == [
        "1 privacy request overdue",
        "1 receipt not confirmed in time",
        "A store failed: profiles",
    ]


def test_keys_due_for_destruction() -> None:
    request = request_of(status="in_progress", identity_at=clock.now() - timedelta(days=2))
    StoreStep.objects.create(request=request, store="audit", state="pending")
    create_key(kind="sk", name="forgotten", scopes=[])
    create_key(kind="sk", name="busy", scopes=[])
    create_key(kind="sk", name="revoked", scopes=[])
    old = clock.now() - timedelta(days=400)
    ApiKey.objects.update(created_at=old)
    ApiKey.objects.filter(name="busy").update(last_used_at=clock.now())
    ApiKey.objects.filter(name="revoked").update(revoked_at=old)

    assert titles() == [
        "Keys of 1 erased shopper are due for destruction",
        "API keys that nobody used for a year: forgotten",
    ]


def test_records_kept_too_long_count_after_two_nights() -> None:
    for offset, days in enumerate((91, 93)):
        received_at = clock.now() - timedelta(days=days)
        SetAside.objects.create(reason="r", payload="{}", received_at=received_at, shard=0, log_offset=offset)

    assert titles() == ["Rejected events: 1 record kept longer than 90 days"]


def test_purposes_without_a_current_text_an_end_or_a_recipient() -> None:
    Purpose.objects.create(name="gifts", title="Gifts", description="d", sale_or_share=True)

    assert titles() == [
        "Purposes without a current policy text: gifts",
        "Purposes that keep data without end: gifts",
        "Purposes that share data with nobody named: gifts",
    ]


@pytest.mark.parametrize(
    ("verification", "title"),
    [
        ({"problems": ["leaf 3"]}, "The audit log was altered"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "The audit log is unverified since 2026-01-01 00:00 UTC"),
    ],
)
def test_an_audit_log_that_is_not_verified(verification: dict[str, Any], title: str) -> None:
    AuditVerification.objects.all().delete()
    AuditVerification.objects.create(**{"at": clock.real_now(), "size": 0, **verification})

    assert titles() == [title]


def test_an_audit_log_that_was_never_verified_is_a_finding_after_a_day() -> None:
    AuditVerification.objects.all().delete()
    record(category="catalog", action="product.put", actor="system:test", object="product:lamp")
    assert titles() == []

    with mock.patch("consents.selectors.practice.LATE_VERIFICATION", timedelta(0)):
        assert titles() == ["The audit log was never verified"]


def test_a_job_of_data_protection_that_is_off() -> None:
    from django_celery_beat.models import CrontabSchedule, PeriodicTask

    crontab = CrontabSchedule.objects.create(hour="5", minute="41")
    off = {"crontab": crontab, "enabled": False}
    PeriodicTask.objects.create(name="retention", task="consents.delete_old_data", **off)
    PeriodicTask.objects.create(name="nightly training", task="modelops.train", **off)

    assert titles() == ["The schedule “retention” is off"]


def test_what_the_record_misses(settings: Any) -> None:
    settings.PRIVACY_CONTACT = ""

    with mock.patch("consents.selectors.practice.undeclared", return_value=[f"field {n}" for n in range(7)]):
        audit_the_practice("staff:7")

    latest = latest_audit()
    assert latest is not None
    assert [one.title for one in latest.of("record")] == [
        "Not on the record of processing: field 0, field 1, field 2, field 3, field 4 and 2 more",
        "Nobody is named who answers for personal data",
    ]
    assert all(one.remedy and one.page for one in latest.findings)


def test_the_figures_of_a_year() -> None:
    start = datetime(2025, 3, 1, tzinfo=UTC)
    for days, status in ((4, "completed"), (8, "no_data"), (20, "refused")):
        closed_at = start + timedelta(days=days)
        request_of(regime="ccpa", status=status, received_at=start, closed_at=closed_at, due_on=date(2025, 3, 15))
    request_of(regime="ccpa", received_at=start, due_on=date(2025, 4, 15))
    request_of(received_at=datetime(2024, 12, 31, 23, 59, tzinfo=UTC), kind="access")

    (row,) = yearly_metrics(2025)

    assert (row.regime, row.kind) == ("CCPA", "Erasure")
    assert (row.received, row.complied, row.no_data, row.denied, row.open, row.late) == (4, 2, 1, 1, 1, 2)
    assert (row.median_days, row.mean_days) == (8.0, 10.7)
    assert yearly_metrics(2023) == []
    assert years() == [clock.now().year, 2025, 2024]
    assert yearly_metrics(2024)[0].median_days is None
