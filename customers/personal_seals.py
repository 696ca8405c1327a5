"""Names and contact data are sealed wherever they are stored; this seals and opens them.

The door has no database: it seals under a key of the installation. The recorder seals anew under the data key of the
subject, which an erasure destroys. A value whose key is gone reads as absent.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from audit.selectors import data_keys
from audit.services import ensure_data_keys
from audit.subjects import LOOKUP, NONCE, lookup_of
from common import sealed
from common.strictjson import without_nul
from customers.personal import SEALED_AT_DOOR, SEALED_BY_SUBJECT, is_personal, is_sealed, masked

PURPOSE: Final = "customers.personal"
TAG: Final = 16
LOOKUP_LETTERS: Final = 4 * -(-LOOKUP // 3)
"""Letters of base64 that hold the lookup."""
_ABSENT: Final = object()


def sealed_at_door(traits: Mapping[str, Any], *, is_ours: bool = False) -> dict[str, Any]:
    """Return traits with names and contact data sealed, at any depth; declared shopper attributes stay readable.

    `is_ours`: what was sealed at the door before stays as it is. From others a sealed text is a text like any other.
    """
    declared = settings.SHOPPER_ATTRIBUTES
    return {
        name: value
        if name in declared and not is_sealed(value)
        else _replaced(name, value, lambda inner: _at_door(inner, is_ours=is_ours))
        for name, value in traits.items()
    }


def sealed_by_subject(traits: Sequence[tuple[str, Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Return the traits of raw ids with names and contact data under the keys of these; missing keys are created.

    A value gives the same text each time, so that a replay writes what was written. One query where all keys exist.
    Raises ValueError for what the door sealed under another master key.
    """
    declared = settings.SHOPPER_ATTRIBUTES
    subjects = {raw_id for raw_id, stated in traits if any(map(_holds_personal, stated.items()))}
    keys = ensure_data_keys(subjects) if subjects else {}
    result = []
    for raw_id, stated in traits:
        key = keys.get(raw_id)
        if key is None:
            result.append(dict(stated))
            continue
        cipher, lookup = AESGCM(key), lookup_of(raw_id)

        def seal(value: Any, key: bytes = key, cipher: AESGCM = cipher, lookup: bytes = lookup) -> str:
            plain = _plain(value)
            nonce = hmac.digest(key, b"nonce" + plain, "sha256")[:NONCE]
            text = urlsafe_b64encode(lookup + nonce + cipher.encrypt(nonce, plain, lookup))
            return SEALED_BY_SUBJECT + text.decode()

        result.append(
            {
                name: value if name in declared and not is_sealed(value) else _replaced(name, value, seal)
                for name, value in stated.items()
            }
        )
    return result


def opened(traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return traits or attributes as they were stated, without values whose key is gone."""
    return opened_all([traits])[0]


def opened_all(traits: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return traits or attributes of many, opened with one query, or none where nothing is sealed by a subject."""
    lookups = {lookup for one in traits for text in _sealed_texts(one) if (lookup := _lookup(text))}
    ciphers = {lookup: AESGCM(key) for lookup, key in (data_keys(lookups) if lookups else {}).items()}

    def open_text(text: Any) -> Any:
        return _opened(text, ciphers) if is_sealed(text) else text

    result = []
    for one in traits:
        values = ((name, _replaced(name, value, open_text)) for name, value in one.items())
        result.append({name: value for name, value in values if value is not _ABSENT})
    return result


def opened_payload(payload: Any, *, by_name: bool = True) -> Any:
    """Return an event, or an item of a request, with its traits as they were stated. Other JSON stays as it is.

    Without `by_name` names and contact data in them are masked.
    """
    return _with_traits(payload, lambda traits: opened(traits) if by_name else masked(opened(traits)))


def sealed_payload(payload: Any) -> Any:
    """Return an item of a request with names and contact data in its traits sealed as at the door."""
    return _with_traits(payload, sealed_at_door)


def _with_traits(payload: Any, change: Callable[[Mapping[str, Any]], dict[str, Any]]) -> Any:
    if not isinstance(payload, dict):
        return payload
    changed = {"traits": change(payload["traits"])} if isinstance(payload.get("traits"), dict) else {}
    if isinstance(context := payload.get("context"), dict):
        changed["context"] = _with_traits(context, change)
    return {**payload, **changed}


def plain_size(value: Any) -> int:
    """Return the bytes of a value as JSON, before it was sealed by its subject."""
    if isinstance(value, str) and value.startswith(SEALED_BY_SUBJECT):
        return (len(value) - len(SEALED_BY_SUBJECT)) * 3 // 4 - LOOKUP - NONCE - TAG
    return len(msgspec.json.encode(value))


def _replaced(name: str, value: Any, change: Callable[[Any], Any]) -> Any:
    """Return the value with `change` applied to names and contact data in it; `name` is that of the value."""
    if is_personal(name):
        return change(value) if value not in (None, "") else value
    if isinstance(value, Mapping):
        pairs = ((key, _replaced(key, inner, change)) for key, inner in value.items())
        return {key: inner for key, inner in pairs if inner is not _ABSENT}
    if isinstance(value, list):
        return [_replaced("", inner, change) for inner in value]
    return value


def _holds_personal(pair: tuple[str, Any]) -> bool:
    name, value = pair
    if is_personal(name):
        return value not in (None, "")
    if isinstance(value, Mapping):
        return any(map(_holds_personal, value.items()))
    return isinstance(value, list) and any(_holds_personal(("", inner)) for inner in value)


def _sealed_texts(value: Any, name: str = "") -> Iterator[str]:
    if is_personal(name):
        if is_sealed(value):
            yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _sealed_texts(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _sealed_texts(inner)


def _at_door(value: Any, *, is_ours: bool) -> str:
    if is_ours and is_sealed(value) and _unsealed(value) is not None:
        return str(value)
    plain = _json(value)
    return SEALED_AT_DOOR + urlsafe_b64encode(sealed.seal(plain, purpose=PURPOSE)).decode()


def _plain(value: Any) -> bytes:
    """Return the JSON of a value of the log, which the door sealed or which is a plain one."""
    if not (isinstance(value, str) and value.startswith(SEALED_AT_DOOR)):
        return _json(value)
    plain = _unsealed(value)
    if plain is None:
        raise ValueError("a name or contact was sealed under another MASTER_KEY")
    return plain


def _json(value: Any) -> bytes:
    plain = msgspec.json.encode(value)
    return msgspec.json.encode(without_nul(value)) if b"\\u0000" in plain else plain


def _unsealed(text: str) -> bytes | None:
    """Return what the door sealed, None where it did not."""
    if not text.startswith(SEALED_AT_DOOR):
        return None
    try:
        return sealed.unseal(urlsafe_b64decode(text.removeprefix(SEALED_AT_DOOR)), purpose=PURPOSE)
    except (ValueError, sealed.Unsealable):
        return None


def _lookup(text: str) -> bytes | None:
    if not text.startswith(SEALED_BY_SUBJECT):
        return None
    try:
        return urlsafe_b64decode(text[len(SEALED_BY_SUBJECT) :][:LOOKUP_LETTERS])[:LOOKUP]
    except ValueError:
        return None


def _opened(text: str, ciphers: Mapping[bytes, AESGCM]) -> Any:
    plain = _unsealed(text)
    if plain is None and (cipher := ciphers.get(lookup := _lookup(text) or b"")):
        content = urlsafe_b64decode(text.removeprefix(SEALED_BY_SUBJECT))[LOOKUP:]
        try:
            plain = cipher.decrypt(content[:NONCE], content[NONCE:], lookup)
        except (InvalidTag, ValueError):
            plain = None
    return _ABSENT if plain is None else msgspec.json.decode(plain)
