"""What was rejected or refused today, grouped, each with what to do next."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from events.rejections import RejectedGroup, rejected_since
from events.stream import refusals
from events.stream.refusals import Refusal
from portal.failed_today import midnight
from portal.stream.line_view import Viewer

MOST_REFUSED: Final = 30
RECORDER: Final = "recorder"
BY_STATUS: Final = {
    400: "Fix the body as the problem says; the same request fails again.",
    401: "Send a live key: compare its start with API keys. One that was revoked or rotated away fails so.",
    404: "No such route: /api/docs lists them. None ends with a slash.",
    405: "Use the method that /api/docs names for this route.",
    408: "The body came too slowly: look at the sender's network.",
    413: "Split the batch, or send less in each event.",
    415: "Send JSON, with Content-Type: application/json.",
    429: "Send events in batches, or raise the key's limit (KEY_RATE_SECRET, KEY_RATE_PUBLISHABLE).",
}
"""What to do about a refused request by its status."""
ORIGIN: Final = "Add the origin to the key under API keys, if it is yours."
SECRET_KEY: Final = "Use a publishable key in browsers, and rotate the secret one: it was in a page."
SCOPE: Final = "Give the key the scope under API keys, or use another key."
FORBIDDEN: Final = "The key may not do this: see its kind and scopes under API keys."


HOPELESS: Final = "Sent again unchanged, it is refused again: the sender must send a corrected event."


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A group of rejected events for the page."""

    group: RejectedGroup
    key: str
    advice: str


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A group of refused requests for the page."""

    refusal: Refusal
    key: str
    count: int
    advice: str


@dataclass(frozen=True, slots=True)
class Failures:
    """What was rejected or refused since midnight, UTC. `more` counts refused requests of unlisted groups."""

    rejected: Sequence[RejectedRow]
    refused: Sequence[RefusedRow]
    more: int


def failures(now: datetime, viewer: Viewer) -> Failures:
    """Return what was rejected or refused today. Raises redis errors."""
    counted = refusals.of_day(now.date())
    listed = [pair for pair in counted if pair[0].status][:MOST_REFUSED]
    return Failures(
        rejected=[
            RejectedRow(group, viewer.title(group.source), advice_on_rejected(group))
            for group in rejected_since(midnight(now))
        ],
        refused=[
            RefusedRow(refusal, viewer.title(refusal.source), count, advice_on_refused(refusal))
            for refusal, count in listed
        ],
        more=sum(count for _, count in counted) - sum(count for _, count in listed),
    )


def advice_on_rejected(group: RejectedGroup) -> str:
    """Return what to do about rejected events."""
    if group.is_warning:
        return "Map the consent key to a purpose under Purposes; the events were kept by what else they say."
    if group.is_hopeless:
        return HOPELESS
    if group.source == RECORDER:
        return "PostgreSQL refused what the log held. Look at one, fix the cause here, then send again."
    return "This server would accept it by now: send it again."


def advice_on_refused(refusal: Refusal) -> str:
    """Return what to do about refused requests."""
    if refusal.status != 403:
        return BY_STATUS.get(refusal.status, "Read the problem, then the page of this route under /api/docs.")
    if "origin" in refusal.problem:
        return ORIGIN
    if "secret key" in refusal.problem.lower():
        return SECRET_KEY
    return SCOPE if "scope" in refusal.problem else FORBIDDEN
