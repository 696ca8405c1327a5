"""Reads of the audit log."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q, QuerySet

from audit.models import AuditDetail, AuditEvent, SubjectKey
from audit.subjects import SubjectKeys, decrypt_detail, lookup_of
from common import sealed
from common.pseudonyms import staff_subject


@dataclass(frozen=True, slots=True)
class Entry:
    """One audit event as it was written."""

    id: UUID
    at: datetime
    category: str
    action: str
    actor: str
    object: str
    subject: str | None
    data: dict[str, Any]
    body: bytes


def entries(
    *,
    category: str | None = None,
    action: str | None = None,
    object: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    excluded_actions: Collection[str] = (),
    limit: int = 100,
) -> list[Entry]:
    """Return the newest events, optionally of one category, action, object or time, without the excluded actions."""
    filters = {"category": category, "action": action, "object": object, "at__gte": since, "at__lt": until}
    rows = AuditEvent.objects.filter(**{name: value for name, value in filters.items() if value is not None})
    rows = rows.exclude(action__in=excluded_actions) if excluded_actions else rows
    return [_entry(row) for row in rows.order_by("-at", "-id")[:limit]]


def entries_about(subject: str) -> list[Entry]:
    """Return all events about a subject, oldest first; none if its keys are destroyed."""
    keys = open_keys(subject)
    if keys is None:
        return []
    return [_entry(row) for row in AuditEvent.objects.filter(subject=keys.pseudonym(subject)).order_by("at", "id")]


def search(events: QuerySet[AuditEvent], words: str, *, actor: str) -> QuerySet[AuditEvent]:
    """Return the events whose object, action or actor is exactly these words, or whose subject they name."""
    if "\x00" in words:
        return events.none()
    condition = Q(object=words) | Q(actor=actor) | Q(action=words)
    subject = staff_subject(words)
    keys = open_keys(subject)
    return events.filter(condition | Q(subject=keys.pseudonym(subject)) if keys else condition)


def read_detail(event_id: UUID) -> dict[str, Any] | None:
    """Return the detail of an event, or None if it has none or its key was destroyed."""
    row = AuditDetail.objects.filter(event_id=event_id).first()
    key = SubjectKey.objects.filter(lookup=bytes(row.key_lookup)).first() if row else None
    if row is None or key is None:
        return None
    data_key = sealed.unseal(bytes(key.data_key), purpose="audit.subject")
    detail, _ = decrypt_detail(bytes(row.ciphertext), nonce=bytes(row.nonce), data_key=data_key, event_id=event_id)
    content: dict[str, Any] = orjson.loads(detail)
    return content


def open_keys(subject: str) -> SubjectKeys | None:
    """Return the subject's keys, or None where it has none."""
    row = SubjectKey.objects.filter(lookup=lookup_of(subject)).first()
    if row is None:
        return None
    return SubjectKeys(
        lookup=bytes(row.lookup),
        pseudonym_key=sealed.unseal(bytes(row.pseudonym_key), purpose="audit.subject"),
        data_key=sealed.unseal(bytes(row.data_key), purpose="audit.subject"),
    )


def data_keys(lookups: Iterable[bytes]) -> dict[bytes, bytes]:
    """Return the data keys of many subjects by `lookup_of`, with one query; subjects without keys are absent."""
    rows = SubjectKey.objects.filter(lookup__in=list(lookups)).values_list("lookup", "data_key")
    return {bytes(lookup): sealed.unseal(bytes(key), purpose="audit.subject") for lookup, key in rows}


def traces_of(subjects: Iterable[str]) -> tuple[int, int]:
    """Return the number of keys and the number of details of the subjects."""
    lookups = [lookup_of(subject) for subject in subjects]
    details = AuditDetail.objects.filter(key_lookup__in=lookups).count()
    return SubjectKey.objects.filter(lookup__in=lookups).count(), details


def _entry(row: AuditEvent) -> Entry:
    body = bytes(row.body)
    return Entry(
        id=row.id,
        at=row.at,
        category=row.category,
        action=row.action,
        actor=row.actor,
        object=row.object,
        subject=row.subject,
        data=orjson.loads(body)["data"],
        body=body,
    )


def earlier_data(event: AuditEvent) -> dict[str, Any] | None:
    """Return the data of the last event before this one about the same object; None if there is none."""
    before = Q(at__lt=event.at) | Q(at=event.at, id__lt=event.id)
    row = AuditEvent.objects.filter(before, object=event.object).order_by("-at", "-id").first()
    data: dict[str, Any] | None = orjson.loads(bytes(row.body))["data"] if row else None
    return data
