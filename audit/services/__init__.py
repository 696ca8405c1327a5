"""Writes of the audit log. Every room calls `record()` inside the transaction of the recorded action."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import orjson
from django.db import connection, transaction

from audit.canonical import event_bytes, plain
from audit.models import AuditDetail
from audit.selectors import data_keys, open_keys
from audit.subjects import SealedDetail, SubjectKeys, encrypt_detail, lookup_of
from common import clock, sealed
from common.ids import uuid7

INSERT: Final = "INSERT INTO audit_event (id, at, body) VALUES (%s, %s, %s)"
INSERT_KEYS: Final = """
INSERT INTO audit_subject_key (lookup, pseudonym_key, data_key, created_at)
SELECT lookup, pseudonym_key, data_key, now()
FROM unnest(%s::bytea[], %s::bytea[], %s::bytea[]) AS new (lookup, pseudonym_key, data_key)
ON CONFLICT DO NOTHING RETURNING lookup
"""
DESTROYED: Final = "subject_keys.destroyed"
_open_months: set[tuple[object, int, int]] = set()


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded event: its id and canonical bytes."""

    id: UUID
    body: bytes


def record(
    *,
    category: str,
    action: str,
    actor: str,
    object: str,
    subject: str | None = None,
    data: Mapping[str, Any] | None = None,
    detail: Mapping[str, Any] | None = None,
) -> Recorded:
    """Write one event in the caller's transaction; if it fails, so must the caller.

    `action` reads `entity.verb`; `actor` and `object` are `kind:id`. `subject` (`user:ID`, `anonymous:ID`) is stored as
    a pseudonym. Identifying data (e-mail, address, order id, free text) belongs in `detail`, which is encrypted under
    the key of the subject, or of the actor without one. `data` is kept forever and must not identify anybody.

    Its time is this server's real one, also while the product's clock runs fast. PostgreSQL refuses a time that is more
    than a minute from its own.

    Raises ValueError for values that canonical JSON does not hold, floats among them.
    """
    id = uuid7()
    with transaction.atomic(savepoint=False):
        keys = _keys_for(subject or actor) if subject or detail else None
        at = clock.real_now()  # after a wait for another transaction's new keys
        hidden = _encrypt(detail, keys, id) if detail and keys else None
        body = event_bytes(
            id=id,
            at=at,
            category=category,
            action=action,
            actor=actor,
            object=object,
            data=data or {},
            subject=keys.pseudonym(subject) if subject and keys else None,
            detail=hidden.digest if hidden else None,
        )
        _insert(id, at, body)
        if hidden and keys:
            AuditDetail.objects.create(
                event_id=id, key_lookup=keys.lookup, nonce=hidden.nonce, ciphertext=hidden.ciphertext
            )
    return Recorded(id, body)


def destroy_subject(subject: str) -> int:
    """Destroy the subject's keys and details; return the number of rows. The log itself stays verifiable.

    An event says that it was done, and names nobody.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT destruction, keys, details FROM audit_destroy(%s)", [lookup_of(subject)])
        destruction, keys, details = cursor.fetchone()
        if destruction:
            data = {"keys": keys, "details": details}
            record(category="privacy", action=DESTROYED, actor="system", object=f"destruction:{destruction}", data=data)
    return int(keys + details)


def _insert(id: UUID, at: datetime, body: bytes) -> None:
    _ensure_month(at)
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [id, at, body])


def _ensure_month(at: datetime) -> None:
    """Open the partitions of this month and the next, with one query a month and process.

    A month that was opened just now is queried again next time, because the caller may still roll back.
    """
    month = (connection.settings_dict["NAME"], at.year, at.month)
    if month in _open_months:
        return
    with connection.cursor() as cursor:
        next_month = at.replace(day=1) + timedelta(days=32)
        cursor.execute("SELECT audit_ensure_month(%s) AND audit_ensure_month(%s)", [at, next_month])
        if cursor.fetchone() == (True,):
            _open_months.add(month)


def _keys_for(subject: str) -> SubjectKeys:
    """Return the subject's keys, created on first use. The second of two callers takes the keys of the first."""
    while (keys := open_keys(subject)) is None:
        _create_keys([lookup_of(subject)])
    return keys


def ensure_data_keys(subjects: Iterable[str]) -> dict[str, bytes]:
    """Return the data key of each subject, created on first use: one query where all exist, else two.

    What is sealed with them is unreadable once the subject was erased.
    """
    lookups = {subject: lookup_of(subject) for subject in subjects}
    keys = data_keys(lookups.values())
    while missing := set(lookups.values()) - keys.keys():
        keys |= _create_keys(missing) or data_keys(missing)
    return {subject: keys[lookup] for subject, lookup in lookups.items()}


def _create_keys(lookups: Iterable[bytes]) -> dict[bytes, bytes]:
    """Create keys; return the data keys of those that nobody else created meanwhile."""
    ordered = sorted(lookups)  # so that two callers cannot wait for each other
    keys = {lookup: os.urandom(32) for lookup in ordered}
    pseudonym_keys = [sealed.seal(os.urandom(32), purpose="audit.subject") for _ in ordered]
    sealed_keys = [sealed.seal(keys[lookup], purpose="audit.subject") for lookup in ordered]
    with connection.cursor() as cursor:
        cursor.execute(INSERT_KEYS, [ordered, pseudonym_keys, sealed_keys])
        return {bytes(lookup): keys[bytes(lookup)] for (lookup,) in cursor.fetchall()}


def _encrypt(detail: Mapping[str, Any], keys: SubjectKeys, id: UUID) -> SealedDetail:
    return encrypt_detail(orjson.dumps(plain(detail), option=orjson.OPT_SORT_KEYS), data_key=keys.data_key, event_id=id)
