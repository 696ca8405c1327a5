"""Device, region and channel of a shopper: the latest that events told. Pure.

They are kept like attributes, under names that no `identify` can set. The latest by time wins, then by message id, so
any order of events gives the same value.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from events.types.base import Event
from profiles.traits.base import TraitField

PREFIX: Final = "context:"
"""Begins the stored names."""
CONTEXT_FIELDS: Final[tuple[TraitField, ...]] = (
    TraitField("device", "Device", "name"),
    TraitField("region", "Region", "name"),
    TraitField("channel", "Channel", "name"),
)
LONGEST: Final = 60
MEDIA: Final[Mapping[str, str]] = {
    "cpc": "paid search", "ppc": "paid search", "paidsearch": "paid search", "email": "email", "e-mail": "email",
    "newsletter": "email", "social": "social", "paid-social": "social", "affiliate": "affiliate",
    "display": "display", "banner": "display", "referral": "referral", "organic": "search", "push": "push",
    "sms": "sms",
}  # fmt: skip
"""Campaign media by the channel they belong to; other media are channels of their own."""
SEARCH: Final = ("google.", "bing.", "duckduckgo.", "ecosia.", "yahoo.", "yandex.", "baidu.", "qwant.", "startpage.")
SOCIAL: Final = ("facebook.", "instagram.", "pinterest.", "tiktok.", "youtube.", "reddit.", "twitter.", "linkedin.")


def context_in(event: Event) -> dict[str, str]:
    """Return what an event tells, by stored name."""
    device = event.context.get("device")
    values = {
        "device": device.get("type") if isinstance(device, Mapping) else None,
        "region": event.context.get("region"),
        "channel": channel_of(event.context),
    }
    return {
        f"{PREFIX}{name}": value.strip()[:LONGEST]
        for name, value in values.items()
        if isinstance(value, str) and value.strip()
    }


def channel_of(context: Mapping[str, Any]) -> str | None:
    """Return how the shopper came: by the campaign, else by the page before; None within the shop."""
    campaign = context.get("campaign")
    medium = campaign.get("medium") if isinstance(campaign, Mapping) else None
    if isinstance(medium, str) and medium.strip():
        return MEDIA.get(medium.strip().lower(), medium.strip().lower())
    page = context.get("page")
    if not isinstance(page, Mapping):
        return None
    before, here = _host(page.get("referrer")), _host(page.get("url"))
    if not before or before == here:
        return None
    dotted = f".{before}"
    if any(f".{name}" in dotted for name in SEARCH):
        return "search"
    return "social" if any(f".{name}" in dotted for name in SOCIAL) else "referral"


def context_values(attributes: Mapping[str, Any]) -> dict[str, str]:
    """Return the traits of stored attributes, by key."""
    return {
        one.path: value for one in CONTEXT_FIELDS if isinstance(value := attributes.get(f"{PREFIX}{one.path}"), str)
    }


def own_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes that were said of the shopper, without what events told."""
    return {name: value for name, value in attributes.items() if not name.startswith(PREFIX)}


def _host(address: Any) -> str:
    try:
        return (urlsplit(address).hostname or "").lower() if isinstance(address, str) else ""
    except ValueError:
        return ""
