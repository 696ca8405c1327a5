"""Data minimization: the parts of an event's context that are kept. Pure.

No IP address, no user agent, no query of a page's address, no position finer than a region. Which of the other fields
are kept for which purpose says `events.field_list`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

_CONTEXT_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "app": ("name", "version"),
    "campaign": ("name", "source", "medium", "term", "content"),
    "device": ("type",),
    "library": ("name", "version"),
    "os": ("name",),
    "page": ("path", "title", "url", "referrer"),
    "screen": ("width", "height"),
}
_CONTEXT_VALUES: Final = ("locale", "timezone", "sessionId", "sessionStart")
_ADDRESSES: Final = {"url", "referrer", "initial_referrer", "tab_url", "page_location", "page_referrer"}
"""Fields in which SDKs write page addresses, in a context or among the properties of a page call."""
_NEVER: Final = {
    "ip", "ip_address", "ipaddress", "user_agent", "user_hash", "useragent", "useragentdata", "writekey",
}  # fmt: skip
"""Fields, in small letters, that are not kept, wherever in a shop's own fields they stand."""
_DROPPED: Final = _NEVER | {"address", "consent", "consentmanagement", "geo", "location", "network", "region"}
"""Those that are not kept at the top of a context: they locate somebody, or are read by us in another way."""
_LONGEST: Final = 512
_NUMBER: Final = (int, float)
_BOT: Final = re.compile(r"(?<!cu)bot|crawl|spider|headless")
"""Words in user agents of machines. Cubot is a maker of phones."""


def minimized(context: Mapping[str, Any], *, region: str | None, policy_version: str = "") -> dict[str, Any]:
    """Return the kept part of a context, with the region and the guessed device type."""
    result: dict[str, Any] = {}
    for name, value in context.items():
        if (fields := _CONTEXT_FIELDS.get(name)) is not None:
            if part := _part(value, fields):
                result[name] = part
        elif (own := _scalar(value) if name in _CONTEXT_VALUES else _own_field(name, value)) is not None:
            result[name] = own
    if "type" not in result.get("device", {}) and (guess := device_type(context.get("userAgent"))):
        result["device"] = {**result.get("device", {}), "type": guess}
    if region:
        result["region"] = region
    if policy_version:
        result["consent"] = {"policy_version": policy_version}
    return result


def without_own_fields(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return a minimized context without traits and the shop's own fields: what an item without an id may take over."""
    return {name: value for name, value in context.items() if not _is_own(name)}


def _is_own(name: str) -> bool:
    """Return whether a context's field is the shop's own, or its traits: of the others a fixed part is kept."""
    return name not in _CONTEXT_FIELDS and name not in _CONTEXT_VALUES and name.lower() not in _DROPPED


def _own_field(name: str, value: Any) -> Any:
    return _own(value) if _is_own(name) else None


def _own(value: Any) -> Any:
    if isinstance(value, list):
        return [_own(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _without_query(inner) if name in _ADDRESSES and isinstance(inner, str) else _own(inner)
        for name, inner in value.items()
        if name.lower() not in _NEVER
    }


def told_without_queries(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties without the queries of page addresses, which browser SDKs write on each page call."""
    cleaned = {
        name: _without_query(value) if name in _ADDRESSES and isinstance(value, str) else value
        for name, value in properties.items()
    }
    if isinstance(cleaned.get("search"), str) and cleaned["search"].startswith("?"):
        del cleaned["search"]
    return cleaned


def _part(value: Any, fields: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    values = {name: _scalar(value.get(name)) for name in fields}
    return {
        name: _without_query(inner) if name in _ADDRESSES else inner
        for name, inner in values.items()
        if inner is not None
    }


def _scalar(value: Any) -> str | int | float | bool | None:
    if isinstance(value, str):
        return value[:_LONGEST]
    return value if isinstance(value, _NUMBER) else None


def _without_query(address: Any) -> str:
    """Return the address without user, query and fragment, which may identify a person."""
    try:
        parts = urlsplit(str(address))
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    except ValueError:
        return ""


def device_type(user_agent: Any) -> str | None:
    """Return bot, tablet, mobile or desktop by the words of a user agent; None without one."""
    if not isinstance(user_agent, str) or not user_agent:
        return None
    words = user_agent.lower()
    if _BOT.search(words):
        return "bot"
    if "ipad" in words or "tablet" in words or ("android" in words and "mobile" not in words):
        return "tablet"
    return "mobile" if "mobi" in words or "iphone" in words else "desktop"
