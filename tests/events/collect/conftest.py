"""A shop with both kinds of keys, and what its log holds."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import orjson
import pytest

if TYPE_CHECKING:  # Django is set up after this file is read
    from rest_framework.test import APIClient

    from events.types.base import Event

YES = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
NO = {"consent": {"categoryPreferences": {"analytics": False, "personalization": False}}}


@pytest.fixture
def server_key(db: None) -> str:
    """The raw key of the shop's server."""
    from access.services import create_key

    return create_key(kind="sk", name="server", scopes=["events:write", "consents:read", "consents:write"])[1]


@pytest.fixture
def browser_key(db: None) -> str:
    """The raw key of the shop's pages."""
    from access.services import create_key

    return create_key(kind="pk", name="pages")[1]


@pytest.fixture
def server(server_key: str) -> "APIClient":
    """The shop's server, with its key in the header."""
    from rest_framework.test import APIClient

    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {server_key}")
    return client


@pytest.fixture
def browser(browser_key: str) -> "APIClient":
    """A shopper's page, with its key in the header."""
    from rest_framework.test import APIClient

    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {browser_key}", HTTP_ORIGIN="https://shop.example")
    return client


class LogReader:
    """What the log holds, shard by shard."""

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """Return the decoded entries of one kind."""
        from events.log import get_log

        log = get_log()
        entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
        return [orjson.loads(entry.body) for entry in entries if entry.kind == kind]

    def events(self) -> list["Event"]:
        """Return the events, in order of time."""
        from events.types.base import Event

        events = [Event(**{**body, "allowed": tuple(body.get("allowed", ()))}) for body in self.bodies("event")]
        return sorted(events, key=lambda event: (event.at, event.message_id))

    def event(self) -> "Event":
        """Return the only event."""
        (event,) = self.events()
        return event

    def set_aside(self) -> list[dict[str, Any]]:
        """Return what was set aside."""
        return self.bodies("set_aside")

    def counted(self) -> list[dict[str, Any]]:
        """Return what was only counted, once nothing waits for a decision any more."""
        from events.services.waiting import count_overdue

        count_overdue(seconds_ahead=3600)
        return self.bodies("counted")

    def __len__(self) -> int:
        from events.log import get_log

        return get_log().length()


@pytest.fixture
def log() -> LogReader:
    """The log."""
    return LogReader()


@pytest.fixture
def viewed() -> Callable[..., dict[str, Any]]:
    """A maker of Product Viewed items by somebody who allows it."""

    def make(message_id: str = "m1", **fields: Any) -> dict[str, Any]:
        return {
            "type": "track",
            "event": "Product Viewed",
            "messageId": message_id,
            "anonymousId": "bo",
            "properties": {"product_id": "P1"},
            "context": YES,
            **fields,
        }

    return make
