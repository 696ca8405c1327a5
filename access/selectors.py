"""Reads of keys."""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from django.db import InterfaceError, OperationalError
from django.db.models import Q, QuerySet

from access.keys import KeyRecord, digest, start_of
from access.models import ApiKey
from access.scopes import Kind
from common import clock, postgres, sealed
from common.errors import Unauthenticated, Unavailable

FRESH_SECONDS: Final = 2.0
STALE_SECONDS: Final = 600.0
MAX_KEYS: Final = 10_000
MAX_LENGTH: Final = 200
RECENT_KEYS: Final = 20
GENERATED: Final = "^[ps]k_[0-9a-f]{10}$"
"""The prefix of a key whose text is random."""
SENDER: Final = "vitrine.sender"
"""In `request.META`: the label of a key that did not come in the headers."""
UNKNOWN: Final = "no key of ours"
"""The label of what came as a key and has not the form of one: it may be anything, and is not shown."""


@dataclass(slots=True)
class _CacheEntry:
    """The record of a digest (None: no valid key), and when the database was asked."""

    record: KeyRecord | None
    asked_at: float


_cache: dict[bytes, _CacheEntry] = {}


def resolve_key(raw: str) -> KeyRecord:
    """Return the valid key. Raises Unauthenticated for any other, Unavailable while the database is down.

    Records are cached for two seconds, so a revoked key stops within two seconds. While the database is down or hangs,
    a key seen in the last ten minutes stays valid, because collecting must go on.
    """
    if not raw or len(raw) > MAX_LENGTH:
        raise Unauthenticated("Unknown API key.")
    return resolve_digest(digest(raw))


def resolve_digest(hashed: bytes) -> KeyRecord:
    """Return the valid key of this digest, as `resolve_key` does: what lasts longer than a request keeps no key."""
    entry = _cache.get(hashed)
    if entry is None or time.monotonic() - entry.asked_at >= FRESH_SECONDS:
        entry = _ask(hashed, entry)
    if entry.record is None:
        raise Unauthenticated("Unknown API key.")
    return entry.record


def key_named(actor: str) -> KeyRecord | None:
    """Return the key that events name as `key:ID`, or None. It may be revoked: the record only tells who sent the
    event.
    """
    kind, _, number = actor.partition(":")
    if kind != "key" or not number.isdecimal():
        return None
    row = ApiKey.objects.filter(pk=int(number)).first()
    return None if row is None else record_of(row)


def label_of(raw: str) -> str:
    """Return what pages may show of a raw key: `key:ID` if it was valid lately, else its masked start; never more."""
    entry = _cache.get(digest(raw))
    if entry is not None and entry.record is not None:
        return entry.record.actor
    return start_of(raw) or UNKNOWN


def idle_keys(*, since: datetime) -> list[str]:
    """Return the names of valid keys that were made before a moment and not used since."""
    is_valid = Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=clock.real_now()))
    is_idle = Q(last_used_at=None) | Q(last_used_at__lt=since)
    rows = ApiKey.objects.filter(is_valid & is_idle, created_at__lt=since).order_by("name")
    return list(rows.values_list("name", flat=True))


def key_titles() -> dict[str, str]:
    """Return name and start of each key by both labels of `label_of`."""
    return {label: str(key) for key in ApiKey.objects.all() for label in (f"key:{key.pk}", f"{key.prefix}_…")}


def generated_keys() -> QuerySet[ApiKey]:
    """Return the keys that somebody made here; the demo's, whose text is fixed, are not among them."""
    return ApiKey.objects.filter(prefix__regex=GENERATED)


def publishable_text(row: ApiKey) -> str:
    """Return the text of a publishable key, "" of a secret one, whose text is not stored."""
    return sealed.unseal(bytes(row.text_sealed), purpose="access.text").decode() if row.text_sealed else ""


def storefront_key() -> str:
    """Return the text of the newest valid publishable key that somebody made here, "" where there is none."""
    rows = [row for row in generated_keys().filter(kind="pk", revoked_at=None)[:RECENT_KEYS] if row.live(clock.now())]
    return publishable_text(rows[0]) if rows else ""


def key_exists(raw: str) -> bool:
    """Return whether the key exists, valid or not."""
    hashed = digest(raw)
    return ApiKey.objects.filter(Q(digest=hashed) | Q(previous_digest=hashed)).exists()


def forget_keys() -> None:
    """Clear this process's cache, for instance after a key was changed."""
    _cache.clear()


def _ask(hashed: bytes, entry: _CacheEntry | None) -> _CacheEntry:
    now = time.monotonic()
    try:
        with postgres.optional_query():
            fresh = _CacheEntry(_find(hashed), now)
    except (OperationalError, InterfaceError) as error:
        if entry is None or entry.record is None or now - entry.asked_at >= STALE_SECONDS:
            raise Unavailable("Keys cannot be checked at the moment.") from error
        return entry
    if len(_cache) >= MAX_KEYS:
        _cache.clear()
    _cache[hashed] = fresh
    return fresh


def _find(hashed: bytes) -> KeyRecord | None:
    now = clock.now()
    row = ApiKey.objects.filter(Q(digest=hashed) | Q(previous_digest=hashed, previous_expires_at__gt=now)).first()
    return record_of(row) if row is not None and row.live(now) else None


def record_of(row: ApiKey) -> KeyRecord:
    """Return the frozen record of a row."""
    return KeyRecord(
        id=row.pk,
        kind=cast(Kind, row.kind),
        name=row.name,
        scopes=frozenset(row.scopes),
        origins=tuple(row.origins),
        identity_secret=identity_secret(row),
        requires_user_hash=row.requires_user_hash,
        confirms_orders=row.confirms_orders,
    )


def identity_secret(row: ApiKey) -> str:
    """Return the secret that signs user ids for this key."""
    return sealed.unseal(bytes(row.identity_sealed), purpose="access.identity").decode()
