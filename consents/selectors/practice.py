"""What is out of line between what the shop promises about personal data and what it does, with what to do."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Max

from access.schedules import schedules
from access.selectors import idle_keys
from audit.selectors import entries
from audit.selectors.tree import log_state
from common import clock, retention
from consents.models import Kind, PolicyText, PrivacyRequest, Purpose, RequestStatus, StoreState, StoreStep
from consents.selectors.processing import undeclared
from consents.verdict import ESSENTIAL

OBJECT: Final = "practice:audit"
ACTION: Final = "practice.audited"
GRACE: Final = timedelta(days=2)
"""The nightly job may have run a while ago, and may be late by a night."""
NEVER_USED: Final = timedelta(days=365)
LATE_VERIFICATION: Final = timedelta(days=1)
LATE_ERASURE: Final = timedelta(days=1)
MOST_NAMES: Final = 5
JOBS: Final = ("consents.delete_old_data", "consents.tend_requests", "consents.audit_practice", "audit.verify")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is out of line: the check that noticed it, what it is, what to do, and the page's URL name."""

    check: str
    title: str
    remedy: str
    page: str


@dataclass(frozen=True, slots=True)
class PracticeAudit:
    """The findings of one audit."""

    at: datetime
    findings: Sequence[Finding]

    def of(self, check: str) -> list[Finding]:
        """Return the findings of one check."""
        return [one for one in self.findings if one.check == check]


def latest_audit() -> PracticeAudit | None:
    """Return the latest audit, from the audit log; None before the first one."""
    for entry in entries(object=OBJECT, limit=1):
        return PracticeAudit(entry.at, [Finding(**one) for one in entry.data["findings"]])
    return None


def findings() -> list[Finding]:
    """Return what is out of line at this moment. It counts old records in each store, which takes a while."""
    return [one for of_check in CHECKS.values() for one in of_check(clock.now())]


def _requests(now: datetime) -> Iterator[Finding]:
    check, page = "requests", "admin:consents_privacyrequest_changelist"
    is_open = PrivacyRequest.objects.filter(closed_at=None)
    if count := is_open.filter(due_on__lt=now.date()).count():
        yield Finding(check, f"{_of(count, 'privacy request')} overdue", "Answer now, the oldest first.", page)
    late = is_open.filter(acknowledge_by__lt=now.date(), acknowledged_at=None)
    if count := late.count():
        yield Finding(check, f"{_of(count, 'receipt')} not confirmed in time", "Confirm that the request came.", page)
    failed = StoreStep.objects.filter(state=StoreState.FAILED, request__closed_at=None).values_list("store", flat=True)
    if stores := sorted(set(failed)):
        yield Finding(check, f"A store failed: {_listed(stores)}", "Read the request's page, and try again.", page)


def _keys(now: datetime) -> Iterator[Finding]:
    """Yield erasures whose keys in the audit log are due for destruction, and programs' keys that nobody uses."""
    due = StoreStep.objects.filter(
        store="audit",
        request__kind=Kind.ERASURE,
        request__status=RequestStatus.IN_PROGRESS,
        request__identity_at__lt=now - LATE_ERASURE,
    ).exclude(state=StoreState.VERIFIED)
    if count := due.count():
        yield Finding(
            "keys",
            f"Keys of {_of(count, 'erased shopper')} are due for destruction",
            "Another store failed before: read the request's page, and try again.",
            "admin:consents_privacyrequest_changelist",
        )
    if names := idle_keys(since=now - NEVER_USED):
        yield Finding(
            "keys",
            f"API keys that nobody used for a year: {_listed(names)}",
            "Have an operator revoke them.",
            "admin:access_apikey_changelist",
        )


def _retention(now: datetime) -> Iterator[Finding]:
    for one in retention.retentions():
        if one.overdue is None or (period := one.period()) is None:
            continue
        if count := one.overdue(now - GRACE):
            yield Finding(
                "retention",
                f"{one.title}: {_of(count, 'record')} kept longer than {retention.length_in_words(period)}",
                "Look whether the schedule “retention” runs; the worker's log says why a kind failed.",
                "admin:django_celery_beat_periodictask_changelist",
            )


def _schedules(now: datetime) -> Iterator[Finding]:
    page = "admin:django_celery_beat_periodictask_changelist"
    for one in schedules(now=clock.real_now()):
        if one.code in JOBS and not one.is_enabled:
            yield Finding("schedules", f"The schedule “{one.name}” is off", "Have an operator switch it on.", page)
        elif one.code in JOBS and one.is_late:
            yield Finding("schedules", f"The schedule “{one.name}” is late", "Look whether “beat” runs.", page)


def _record(now: datetime) -> Iterator[Finding]:
    if names := undeclared():
        remedy = "Have a developer declare it beside the model: docs/privacy.md says how."
        yield Finding("record", f"Not on the record of processing: {_listed(names)}", remedy, "portal:processing")
    if not settings.PRIVACY_CONTACT:
        remedy = "Have an operator set PRIVACY_CONTACT in the environment (.env): docs/operations.md, Settings."
        yield Finding("record", "Nobody is named who answers for personal data", remedy, "portal:processing")


def _purposes(now: datetime) -> Iterator[Finding]:
    page = "admin:consents_policytext_changelist"
    latest = {row.name: row for row in Purpose.objects.order_by("name", "version")}
    text_at = PolicyText.objects.aggregate(at=Max("published_at"))["at"]
    newer = [name for name, row in latest.items() if text_at is None or row.created_at > text_at]
    if newer:
        remedy = "Publish a policy text that says what the purposes say now."
        yield Finding("purposes", f"Purposes without a current policy text: {_listed(newer)}", remedy, page)
    endless = [name for name, row in latest.items() if not row.retention_days and name != ESSENTIAL]
    if endless:
        remedy = "Add a version of the purpose that says how many days."
        title = f"Purposes that keep data without end: {_listed(endless)}"
        yield Finding("purposes", title, remedy, "admin:consents_purpose_changelist")
    unstated = [name for name, row in latest.items() if row.sale_or_share and not row.recipients]
    if unstated:
        remedy = "Add a version that names who gets the data."
        title = f"Purposes that share data with nobody named: {_listed(unstated)}"
        yield Finding("purposes", title, remedy, "admin:consents_purpose_changelist")


def _audit_log(now: datetime) -> Iterator[Finding]:
    check, page, state = "audit log", "admin:audit_auditevent_changelist", log_state()
    verified, late = state.verification, clock.real_now() - LATE_VERIFICATION
    if verified is None and entries(until=late, limit=1):
        yield Finding(check, "The audit log was never verified", "Look whether the schedule “audit log” runs.", page)
    elif verified and verified.problems:
        yield Finding(check, "The audit log was altered", "Read what differs; keep the published checkpoints.", page)
    elif verified and verified.at < late:
        title = f"The audit log is unverified since {verified.at:%Y-%m-%d %H:%M} UTC"
        yield Finding(check, title, "Look whether the schedule “audit log” runs.", page)
    if state.is_late:
        yield Finding(check, "The audit log is not signed any more", "Look whether the process “consumer” runs.", page)


Check = Callable[[datetime], Iterator[Finding]]
CHECKS: Final[dict[str, Check]] = {
    "requests": _requests,
    "retention": _retention,
    "record": _record,
    "purposes": _purposes,
    "keys": _keys,
    "audit log": _audit_log,
    "schedules": _schedules,
}
TITLES: Final = {
    "requests": "Requests are answered in time",
    "retention": "Nothing is kept longer than promised",
    "record": "The record of processing is complete",
    "purposes": "Purposes say what policy texts say",
    "keys": "Keys that are over are destroyed",
    "audit log": "The audit log is signed and verified",
    "schedules": "The jobs of data protection run",
}


def _of(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + rest
