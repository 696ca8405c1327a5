"""Whether shoppers allowed that models learn from their events."""

from typing import Final

from events.training_counts import PURPOSE, any_allowed, n_not_allowed

LATER_CONSENT: Final = "Consent given later does not count for events before it: send new ones."
WHERE_SHOWN: Final = "/api/docs"
"""The page that shows an event with its consent; pages of the admin make it a link."""


def missing_permission() -> str:
    """Return why a training would fail now, "" where shoppers allowed it or where nothing came in yet."""
    if any_allowed() or not (count := n_not_allowed()):
        return ""
    events = "1 event came in, and it does not allow" if count == 1 else f"{count:,} events came in, none allows"
    return f"This training will fail: {events} {PURPOSE}."
