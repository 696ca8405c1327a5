"""From a GA4 Measurement Protocol body to items in Segment's shape. Pure.

Source: Measurement Protocol reference: `client_id`, `user_id`, `timestamp_micros`, `user_properties`, `consent`,
`events[].name`, `events[].params`; at most 25 events. GA4 has no identify event, so a body with both ids becomes one.
"""

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256
from itertools import islice
from types import MappingProxyType
from typing import Any, Final

import orjson

from common.errors import InvalidInput, TooLarge
from events.intake.limits import MAX_ITEMS
from events.intake.payload_limits import limit_error
from events.types.ga4 import PAGES, page_of, translate
from events.types.products import text

_CLOCK: Final = "timestamp_micros"
_CLOCKS: Final = (int, float, str)
_AD_CHOICES: Final = ("ad_user_data", "ad_personalization")
_STATUS: Final = re.compile(r"G1([01-])([01-])")
_SIGNALS: Final = re.compile(r"\d\d?([a-z])\d([a-z])\d([a-z])\d([a-z])\d")
_UPDATES: Final = {**dict.fromkeys("nrv", True), **dict.fromkeys("mqu", False)}
"""Letters of `gcd` that are a shopper's decision. The others say a default of the page, or nothing."""


def items_of(body: Mapping[str, Any], query: Mapping[str, str] = MappingProxyType({})) -> list[Any]:
    """Return the items of a body. What is no event stays unchanged, to be rejected with its reason.

    `query` holds the parameters of the address: `gcs`, `gcd` and `npa` count, as in hits of Google's tags.

    Raises InvalidInput without any event, and TooLarge for too many: one event may become one item for each product.
    """
    events = body.get("events")
    if not isinstance(events, list) or not events:
        raise InvalidInput.of("events", "must be a list of at least one event")
    shared = {
        "anonymousId": body.get("client_id") or body.get("app_instance_id"),
        "userId": body.get("user_id"),
        "context": _context(body, query),
    }
    every = (part for position, event in enumerate(events) for part in _items(event, position, body, shared))
    items = list(islice(every, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise TooLarge(f"The body stands for more than {MAX_ITEMS} events.")
    traits = _user_properties(body.get("user_properties"))
    if shared["userId"] and (traits or (items and shared["anonymousId"])):
        items.insert(0, {**shared, "type": "identify", "traits": traits, **_moment(_first_clock(body, events))})
    return items


def _first_clock(body: Mapping[str, Any], events: list[Any]) -> Any:
    """Return the time of the body, else of its first event: the same body then gets the same message id."""
    timed = (event[_CLOCK] for event in events if isinstance(event, dict) and event.get(_CLOCK))
    return body.get(_CLOCK) or next(timed, None)


def _items(event: Any, position: int, body: Mapping[str, Any], shared: dict[str, Any]) -> Iterator[Any]:
    if not isinstance(event, dict) or not isinstance(event.get("name"), str):
        yield event
        return
    params = event.get("params")
    params = params if isinstance(params, dict) else {}
    if limit_error({name: value for name, value in params.items() if name != "items"}):
        yield {**event, **shared}  # rejected once, not copied to each of its products
        return
    clock = event.get(_CLOCK) or body.get(_CLOCK)
    kind = PAGES.get(event["name"])
    stem = _stem(clock, event, (text(shared["anonymousId"]), text(shared["userId"]), position))
    if kind:
        properties = page_of(params)
        message_id = {"messageId": f"{stem}-0"} if stem else {}
        name = properties.get("title" if kind == "page" else "name")
        yield {**shared, "type": kind, "name": name, "properties": properties, **_moment(clock), **message_id}
        return
    for part, (name, properties) in enumerate(translate(event["name"], params)):
        message_id = {"messageId": f"{stem}-{part}"} if stem else {}
        yield {**shared, "type": "track", "event": name, "properties": properties, **_moment(clock), **message_id}


def _moment(clock: Any) -> dict[str, Any]:
    micros = int(clock) if isinstance(clock, str) and clock.isascii() and clock.isdigit() and len(clock) < 18 else clock
    return {"timestamp": micros} if micros else {}


def _stem(clock: Any, event: dict[str, Any], place: tuple[Any, ...]) -> str | None:
    """Return a prefix for message ids, from content and position: GA4 has none. None for an event without a time."""
    if not clock or not isinstance(clock, _CLOCKS) or limit_error(event):
        return None
    content = orjson.dumps([clock, event, place], option=orjson.OPT_SORT_KEYS)
    return "ga4-" + sha256(content).hexdigest()[:40]


def _context(body: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """Return library and consent: the shop's own decisions, and those of Google's signals."""
    library = {"library": {"name": "ga4-measurement-protocol"}}
    consent = {} if body.get("consent") is None else body["consent"]
    if not isinstance(consent, dict):  # `events.intake.items` rejects it
        return {**library, "consent": consent}
    decided = {} if consent.get("categoryPreferences") is None else consent["categoryPreferences"]
    if isinstance(decided, dict):
        decided = {**decided, **_google_decisions({**query, **body}, consent)}
    return {**library, "consent": {"categoryPreferences": decided}} if decided != {} else library


def _google_decisions(fields: Mapping[str, Any], consent: Mapping[str, Any]) -> dict[str, bool]:
    """Return the decisions of `consent`, `non_personalized_ads`, `npa`, `gcd` and `gcs`. A refusal of any kind of
    advertising refuses `ads_share`; the storage of analytics is `analytics`.
    """
    ads = [consent[name] == "GRANTED" for name in _AD_CHOICES if consent.get(name) in ("GRANTED", "DENIED")]
    if fields.get("non_personalized_ads") is True or fields.get("npa") in ("1", 1):
        ads.append(False)
    ad_signals, analytics = _signals(fields)
    ads += ad_signals
    decisions = {"ads_share": all(ads)} if ads else {}
    return decisions if analytics is None else {**decisions, "analytics": analytics}


def _signals(fields: Mapping[str, Any]) -> tuple[list[bool], bool | None]:
    """Return what `gcd` says of advertising and of analytics, else what `gcs` does; it knows no defaults."""
    if match := _SIGNALS.match(str(fields.get("gcd") or "")):
        ad_storage, analytics, *other = match.groups()
        ads = [_UPDATES[letter] for letter in (ad_storage, *other) if letter in _UPDATES]
        return ads, _UPDATES.get(analytics)
    if match := _STATUS.fullmatch(str(fields.get("gcs") or "")):
        ad_storage, analytics = match.groups()
        return [ad_storage == "1"] if ad_storage != "-" else [], None if analytics == "-" else analytics == "1"
    return [], None


def _user_properties(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return {name: inner.get("value") if isinstance(inner, dict) else inner for name, inner in value.items()}
