"""Keys open while they live, and nothing of them is stored that opens anything."""

import time
from datetime import timedelta

import pytest
from django.db import OperationalError, connection

from access import selectors, services
from access.models import ApiKey
from access.selectors import forget_keys, resolve_key
from access.services import change_key, create_key, revoke_key, rotate_key
from audit import selectors as audit
from common import clock
from common.errors import Conflict, InvalidInput, Unauthenticated, Unavailable

pytestmark = pytest.mark.django_db


def opens(raw: str) -> bool:
    forget_keys()
    try:
        resolve_key(raw)
    except Unauthenticated:
        return False
    return True


def test_a_key_opens_and_its_text_is_nowhere() -> None:
    key, raw = create_key(kind="sk", name="server", scopes=["catalog:read"])

    record = resolve_key(raw)

    assert (record.id, record.kind, record.scopes) == (key.pk, "sk", frozenset({"catalog:read"}))
    assert raw.startswith("sk_")
    assert len(raw.removeprefix(key.prefix)) > 43
    with connection.cursor() as cursor:
        cursor.execute("SELECT t::text FROM access_apikey t UNION ALL SELECT body::text FROM audit_event")
        dump = " ".join(text for (text,) in cursor.fetchall())
    secret = raw.removeprefix(f"{key.prefix}_")
    assert secret not in dump
    assert record.identity_secret not in dump
    assert secret.encode().hex() not in dump


@pytest.mark.parametrize("raw", ["", "sk_unknown", "pk_" + "x" * 5000, "\x00", "ключ", "\ud800"])
def test_an_unknown_key_is_refused(raw: str) -> None:
    with pytest.raises(Unauthenticated):
        resolve_key(raw)


def test_two_texts_live_while_a_key_is_rotated_and_no_third() -> None:
    key, first = create_key(kind="sk", name="server")

    _, second = rotate_key(key.pk, actor="staff:1")
    assert (opens(first), opens(second)) == (True, True)

    _, third = rotate_key(key.pk, actor="staff:1")
    assert (opens(first), opens(second), opens(third)) == (False, True, True)

    ApiKey.objects.update(previous_expires_at=clock.now())
    assert (opens(second), opens(third)) == (False, True)


def test_an_expired_and_a_revoked_key_are_refused() -> None:
    expired, expired_raw = create_key(kind="sk", name="old", expires_at=clock.now() - timedelta(seconds=1))
    revoked, revoked_raw = create_key(kind="pk", name="lost")
    revoke_key(revoked.pk, actor="staff:1")

    assert (opens(expired_raw), opens(revoked_raw)) == (False, False)
    with pytest.raises(Conflict):
        rotate_key(revoked.pk, actor="staff:1")


def test_a_revoked_key_stops_within_two_seconds_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    key, raw = create_key(kind="sk", name="server")
    resolve_key(raw)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=clock.now())  # by another process
    now = time.monotonic()

    monkeypatch.setattr("access.selectors.time.monotonic", lambda: now + 1.9)
    assert resolve_key(raw).id == key.pk
    monkeypatch.setattr("access.selectors.time.monotonic", lambda: now + 2.1)

    with pytest.raises(Unauthenticated):
        resolve_key(raw)


def test_while_the_database_is_down_known_keys_open_and_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    _, raw = create_key(kind="sk", name="server")
    resolve_key(raw)
    with pytest.raises(Unauthenticated):
        resolve_key("sk_other")
    start = time.monotonic()

    def down(hashed: bytes) -> None:
        raise OperationalError("down")

    monkeypatch.setattr(selectors, "_find", down)
    monkeypatch.setattr("access.selectors.time.monotonic", lambda: start + 300)
    assert resolve_key(raw).name == "server"
    with pytest.raises(Unavailable):
        resolve_key("sk_other")
    monkeypatch.setattr("access.selectors.time.monotonic", lambda: start + 700)

    with pytest.raises(Unavailable):
        resolve_key(raw)


@pytest.mark.parametrize(
    ("kind", "scopes"), [("sk", ["catalog:eat"]), ("pk", ["catalog:read"]), ("pk", ["events:write"])]
)
def test_scopes_that_cannot_be_are_refused(kind: str, scopes: list[str]) -> None:
    with pytest.raises(InvalidInput) as error:
        create_key(kind=kind, name="x", scopes=scopes)  # type: ignore[arg-type]

    assert error.value.errors[0].field == "scopes"
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://shop.example:443", "http://shop.example:443"),
        ("http://[::1]:8000", "http://[::1]:8000"),
        ("https://", None),
        ("https://shop.example/?a=1", None),
        ("http://localhost:8000", "http://localhost:8000"),
        ("shop.example", None),
        ("https://shop.example/path", None),
        ("javascript:alert(1)", None),
        ("https://shop.example:x", None),
        ("*", None),
        ("https://*.shop.example", None),
        ("https://me:secret@shop.example", None),
        ("https://shop.example#top", None),
        ("https://shop example", None),
        ("https://shop.example\\x", None),
        ("https://shop.example:0", None),
        ("https://müller.example", None),
        ("https://xn--mller-kva.example", "https://xn--mller-kva.example"),
        ("https://" + "a" * 250 + ".example", None),
    ],
)
def test_origins_are_kept_as_browsers_send_them(origin: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(InvalidInput):
            services.origin_of(origin)
    else:
        assert services.origin_of(origin) == kept


def test_every_change_of_a_key_is_on_the_log_without_its_text() -> None:
    create_key(kind="sk", name="other")
    key, raw = create_key(kind="sk", name="server", actor="staff:1")
    change_key(key.pk, actor="staff:1", changes={"scopes": ["catalog:read"]})
    change_key(key.pk, actor="staff:1", changes={"scopes": ["catalog:read"]})
    _, fresh = rotate_key(key.pk, actor="staff:1")
    revoke_key(key.pk, actor="staff:1")
    revoke_key(key.pk, actor="staff:1")

    events = audit.entries(object=f"api_key:{key.pk}")

    actions = [event.action for event in reversed(events)]
    assert actions == ["api_key.created", "api_key.changed", "api_key.rotated", "api_key.revoked"]
    assert all(raw.encode() not in event.body and fresh.encode() not in event.body for event in events)


def test_the_last_use_is_noted_once_a_minute() -> None:
    key, _ = create_key(kind="sk", name="server")

    services.note_use(key.pk)
    key.refresh_from_db()
    first = key.last_used_at
    services.note_use(key.pk)
    key.refresh_from_db()

    assert first is not None
    assert key.last_used_at == first


def test_a_later_use_is_noted_by_a_process_that_noted_none(monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = create_key(kind="sk", name="server")
    services.note_use(key.pk)
    first = clock.now()

    for seconds, noted in ((30, False), (90, True)):
        services.forget_uses()
        monkeypatch.setattr(clock, "now", lambda later=seconds: first + timedelta(seconds=later))
        services.note_use(key.pk)
        key.refresh_from_db()
        assert key.last_used_at is not None
        assert (key.last_used_at > first) is noted


def test_a_key_wants_user_ids_proved_where_it_was_made_so() -> None:
    wants = [resolve_key(create_key(kind="pk", name="pages", requires_user_hash=own)[1]) for own in (True, False)]

    assert [record.requires_user_hash for record in wants] == [True, False]


def test_a_key_is_found_by_the_name_that_events_give_it() -> None:
    keys = [create_key(kind="sk", name=name)[0] for name in ("first", "second")]

    assert [getattr(selectors.key_named(f"key:{key.pk}"), "name", None) for key in keys] == ["first", "second"]
    assert [selectors.key_named(other) for other in (f"staff:{keys[0].pk}", "key:x", "key:", "key:0")] == [None] * 4
