"""Writes of keys: create, rotate, change and revoke, each on the audit log."""

import logging
import re
import secrets
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.contrib.auth.models import Group, Permission
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q

from access.keys import digest
from access.models import ApiKey
from access.roles import ROLES, may
from access.scopes import SCOPE_NAMES, Kind
from access.selectors import forget_keys
from audit.services import record
from common import clock, postgres, sealed
from common.errors import Conflict, InvalidInput

NOTE_INTERVAL_SECONDS: Final = 60.0
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
HOST: Final = re.compile(r"[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?")
ORIGIN_LENGTH: Final = 255
OVERLAP: Final = timedelta(days=7)
"""How long the old text stays valid after a rotation."""
log = logging.getLogger(__name__)
_last_noted: dict[tuple[int, str], float] = {}


def create_key(
    *,
    kind: Kind,
    name: str,
    scopes: Sequence[str] = (),
    origins: Sequence[str] = (),
    requires_user_hash: bool = True,
    confirms_orders: bool = False,
    expires_at: datetime | None = None,
    raw: str | None = None,
    actor: str = "system:setup",
) -> tuple[ApiKey, str]:
    """Return a new key and its raw text. That of a secret key is not stored, so this is the only time it is seen.

    `raw` sets the text instead of 256 random bits; only the demo uses it.
    """
    check_scopes(kind, scopes)
    prefix, new_raw = _new_key_text(kind)
    with transaction.atomic():
        key = ApiKey.objects.create(
            kind=kind,
            name=name,
            prefix=raw[:24] if raw else prefix,
            digest=digest(raw or new_raw),
            scopes=sorted(set(scopes)),
            origins=[origin_of(text) for text in origins],
            requires_user_hash=requires_user_hash,
            confirms_orders=confirms_orders,
            expires_at=expires_at,
            identity_sealed=sealed.seal(secrets.token_urlsafe(32).encode(), purpose="access.identity"),
            text_sealed=_sealed_text(kind, raw or new_raw),
        )
        _record("api_key.created", key, actor=actor, data=_settings_of(key))
    return key, raw or new_raw


def rotate_key(key_id: int, *, actor: str) -> tuple[ApiKey, str]:
    """Return the key with a new raw text. The old text stays valid for a week; an older one stops now.

    Raises Conflict for a revoked key.
    """
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().get(pk=key_id)
        if key.revoked_at is not None:
            raise Conflict("A revoked key cannot be rotated.")
        prefix, raw = _new_key_text(key.kind)
        key.previous_digest, key.previous_expires_at = key.digest, clock.now() + OVERLAP
        key.prefix, key.digest, key.text_sealed = prefix, digest(raw), _sealed_text(key.kind, raw)
        key.save(update_fields=["previous_digest", "previous_expires_at", "prefix", "digest", "text_sealed"])
        _record("api_key.rotated", key, actor=actor, data={"old_opens_until": key.previous_expires_at})
    return key, raw


def change_key(key_id: int, *, actor: str, changes: dict[str, Any]) -> ApiKey:
    """Change name, scopes, origins, expiry, `requires_user_hash` or `confirms_orders` of a key. Raises InvalidInput."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().get(pk=key_id)
        if "origins" in changes:
            changes = {**changes, "origins": [origin_of(text) for text in changes["origins"]]}
        check_scopes(key.kind, changes.get("scopes", key.scopes))
        before = _settings_of(key)
        for name, value in changes.items():
            if name not in before:
                raise InvalidInput.of(name, "cannot be changed")
            setattr(key, name, value)
        key.save(update_fields=list(changes))
        after = _settings_of(key)
        changed = {name: {"from": before[name], "to": after[name]} for name in after if before[name] != after[name]}
        if changed:
            _record("api_key.changed", key, actor=actor, data=changed)
    return key


def revoke_key(key_id: int, *, actor: str) -> None:
    """Revoke a key; it stops within two seconds everywhere. A revoked key stays as it is."""
    with transaction.atomic():
        key = ApiKey.objects.select_for_update().get(pk=key_id)
        if key.revoked_at is None:
            key.revoked_at = clock.now()
            key.save(update_fields=["revoked_at"])
            _record("api_key.revoked", key, actor=actor, data={})


def sync_roles(*, actor: str) -> dict[str, int]:
    """Create the role groups and set exactly their permissions; return the number of each."""
    permissions = {
        f"{app}.{codename}": pk
        for pk, app, codename in Permission.objects.values_list("pk", "content_type__app_label", "codename")
    }
    counts: dict[str, int] = {}
    with transaction.atomic():
        for role in ROLES:
            group, created = Group.objects.get_or_create(name=role)
            permission_ids = {pk for name, pk in permissions.items() if may(role, name)}
            if created or permission_ids != set(group.permissions.values_list("pk", flat=True)):
                group.permissions.set(permission_ids)
                data = {"role": role, "permissions": len(permission_ids)}
                record(category="access", action="role.synced", actor=actor, object=f"role:{group.pk}", data=data)
            counts[role] = len(permission_ids)
    return counts


def forget_uses() -> None:
    """Clear this process's memory of noted uses, for instance after a new database numbers its keys from 1 again."""
    _last_noted.clear()


def note_use(key_id: int) -> None:
    """Note the use of a key, at most once a minute and process. A database that is down does not stop the request."""
    _note(key_id, "last_used_at")


def note_answer(key_id: int) -> None:
    """Note, as `note_use` does, that a storefront asked for recommendations with the key."""
    _note(key_id, "last_answer_at")


def _note(key_id: int, field: str) -> None:
    now = time.monotonic()
    if now - _last_noted.get((key_id, field), -NOTE_INTERVAL_SECONDS) < NOTE_INTERVAL_SECONDS:
        return
    _last_noted[key_id, field] = now
    moment = clock.now()
    oldest = moment - timedelta(seconds=NOTE_INTERVAL_SECONDS)
    stale = Q(**{field: None}) | Q(**{f"{field}__lt": oldest})
    try:
        with postgres.optional_query():
            ApiKey.objects.filter(stale, pk=key_id).update(**{field: moment})
    except (OperationalError, InterfaceError) as error:
        log.warning("api_key.use_not_noted key=%s error=%s", key_id, error)


def check_scopes(kind: str, scopes: Sequence[str]) -> None:
    """Raise InvalidInput for an unknown scope, or any scope on a publishable key, whose scopes are fixed."""
    if unknown := sorted(set(scopes) - SCOPE_NAMES):
        raise InvalidInput.of("scopes", f"unknown: {', '.join(unknown)}")
    if kind == "pk" and scopes:
        raise InvalidInput.of("scopes", "a publishable key has fixed scopes; leave this empty")


def origin_of(text: str) -> str:
    """Return the web origin as browsers send it: `https://shop.example`. Raises InvalidInput."""
    message = (
        f"not a web origin: {text[:ORIGIN_LENGTH]}. Write it as https://shop.example, letters beyond a to z as xn--…"
    )
    error = InvalidInput.of("origins", message)
    try:
        parts = urlsplit(text.strip().lower())
        port = parts.port
    except ValueError:
        raise error from None
    name = parts.hostname or ""
    extra = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc or port == 0
    if parts.scheme not in DEFAULT_PORTS or extra or not (HOST.fullmatch(name) or ":" in name):
        raise error
    host = f"[{name}]" if ":" in name else name
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port and port != DEFAULT_PORTS[parts.scheme] else "")
    if len(origin) > ORIGIN_LENGTH:
        raise error
    return origin


def _new_key_text(kind: str) -> tuple[str, str]:
    """Return a visible prefix and the whole key: the prefix, then 256 random bits."""
    prefix = f"{kind}_{secrets.token_hex(5)}"
    return prefix, f"{prefix}_{secrets.token_urlsafe(32)}"


def _sealed_text(kind: str, raw: str) -> bytes | None:
    """Return the text of a publishable key, sealed; None for a secret one, whose text nobody may see again."""
    return sealed.seal(raw.encode(), purpose="access.text") if kind == "pk" else None


def _settings_of(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "origins": list(key.origins),
        "requires_user_hash": key.requires_user_hash,
        "confirms_orders": key.confirms_orders,
        "expires_at": key.expires_at,
    }


def _record(action: str, key: ApiKey, *, actor: str, data: dict[str, Any]) -> None:
    record_data = {"kind": key.kind, "prefix": key.prefix, **data}
    record(category="access", action=action, actor=actor, object=f"api_key:{key.pk}", data=record_data)
    transaction.on_commit(forget_keys)
