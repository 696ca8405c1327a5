"""Groups of the gate: region and device from customers' attributes, else from their latest events."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Customer, CustomerLink
from modelops.services.gate import labels_of
from tests.events.builders import START, event
from tests.modelops.purchases import put

pytestmark = pytest.mark.django_db(transaction=True)
SINCE = datetime.fromtimestamp(START / 1e6, UTC)
ASKED = ["user:ada", "user:bo", "anonymous:x"]


def test_region_falls_back_to_country() -> None:
    Customer.objects.create(raw_id="user:ada", attributes={"region": "Bavaria", "country": "DE"})
    Customer.objects.create(raw_id="user:bo", attributes={"country": "FR", "device": 7})

    assert labels_of(ASKED, since=SINCE) == {"region": ("Bavaria", "FR", "")}


def test_unknown_group_kind_is_left_out() -> None:
    assert labels_of(ASKED, since=SINCE) == {}


def test_latest_event_replaces_missing_attributes() -> None:
    Customer.objects.create(raw_id="user:ada", attributes={"device": "tablet"})
    put(
        [
            event(1, context={"device": {"type": "mobile"}, "region": "DE"}),
            event(2, user_id="bo", context={"device": {"type": "mobile"}, "region": "FR"}),
            event(3, user_id="bo", context={"device": {"type": "desktop"}}),
            event(4, user_id="bo", context={"device": {"type": "bot"}}),
            event(5, user_id="bo"),
            event(6, user_id="bo", context={"region": "US"}, allowed=("analytics",)),
            event(7, user_id=None, anonymous_id="x", context={"device": {"type": "mobile"}}),
            event(8, user_id="eve", anonymous_id="x", context={"device": {"type": "desktop"}}),
        ]
    )

    assert labels_of(ASKED, since=SINCE) == {"region": ("DE", "FR", ""), "device": ("tablet", "desktop", "mobile")}
    assert labels_of(ASKED, since=SINCE + timedelta(seconds=5)) == {"device": ("tablet", "", "mobile")}


def test_own_attributes_come_before_those_of_merged_accounts() -> None:
    CustomerLink.objects.create(kind="join", from_id="adele", user_id="ada", at=SINCE, message_id="m")
    put(
        [
            event(1, context={"region": "DE"}),
            event(2, user_id="adele", context={"region": "FR", "device": {"type": "mobile"}}),
        ]
    )

    assert labels_of(["user:ada"], since=SINCE) == {"region": ("DE",), "device": ("mobile",)}
