"""The Python SDKs of Segment and RudderStack, unmodified, against the real server."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from rudderstack.analytics.client import Client as RudderClient
from rudderstack.analytics.request import APIError as RudderError
from segment.analytics.client import Client as SegmentClient
from segment.analytics.request import APIError as SegmentError

from common.pseudonyms import pseudonym
from tests.sdk.conftest import CONSENT, Shop

if TYPE_CHECKING:
    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
CLIENTS = {"segment": SegmentClient, "rudder": RudderClient}
ERRORS = {"segment": SegmentError, "rudder": RudderError}


def client_of(sdk: str, shop: Shop, **options: Any) -> Any:
    """Return an SDK's client that may not retry for long."""
    return CLIENTS[sdk](shop.key, host=shop.host, max_retries=1, timeout=20, **options)


def say_everything(client: Any) -> None:
    """Call every method of the SDK once."""
    client.identify("ada", {"loyalty": "gold"}, context=CONSENT)
    client.track("ada", "Product Viewed", {"product_id": "P1", "price": 9.5}, context=CONSENT)
    client.track("ada", "Trumpet Blown", {"loud": True}, context=CONSENT)
    client.page("ada", "Shop", "Home", {"path": "/"}, context=CONSENT)
    client.screen("ada", "Shop", "Start", {}, context=CONSENT)
    client.group("ada", "friends", {"plan": "b2b"}, context=CONSENT)
    client.alias("old-ada", "ada", context=CONSENT)


EXPECTED = {"identify", "Product Viewed", "Trumpet Blown", "Home", "Start", "group", "alias"}


@pytest.mark.parametrize("sdk", list(CLIENTS))
@pytest.mark.parametrize("packed", [False, True])
def test_every_call_is_on_the_log_when_a_sync_client_returns(
    shop: Shop, logged: Reader, sdk: str, packed: bool
) -> None:
    say_everything(client_of(sdk, shop, sync_mode=True, gzip=packed))

    events = logged()
    assert set(events) == EXPECTED
    assert events["Product Viewed"].user_id == pseudonym("ada")
    assert events["Product Viewed"].allowed == ("analytics", "personalization")
    assert events["identify"].traits == {"loyalty": "gold"}
    assert events["alias"].previous_id == pseudonym("old-ada")
    assert events["group"].properties == {"group_id": "friends"}


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_an_async_client_sends_its_batch_on_flush(shop: Shop, logged: Reader, sdk: str) -> None:
    client = client_of(sdk, shop)

    say_everything(client)
    client.shutdown()

    assert set(logged()) == EXPECTED


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_a_full_batch_of_an_async_client_arrives_whole(shop: Shop, sdk: str) -> None:
    from events.log import get_log

    client = client_of(sdk, shop, upload_size=100)

    for number in range(500):
        client.track("ada", "Product Viewed", {"product_id": f"P{number}"}, context=CONSENT)
    client.shutdown()

    assert get_log().length() == 500


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_a_wrong_key_is_told_as_401_and_nothing_is_kept(shop: Shop, logged: Reader, sdk: str) -> None:
    client = client_of(sdk, Shop(shop.host, "pk_nobody"), sync_mode=True)

    with pytest.raises(ERRORS[sdk]) as response:
        client.track("ada", "Product Viewed", {"product_id": "P1"}, context=CONSENT)

    assert response.value.status == 401
    assert logged() == {}


def test_a_message_sent_twice_keeps_its_id(shop: Shop) -> None:
    from events.log import get_log
    from events.types.base import Event

    client = client_of("segment", shop, sync_mode=True)

    for _ in range(2):
        client.track("ada", "Product Viewed", {"product_id": "P1"}, context=CONSENT, message_id="m1")

    log = get_log()
    entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    assert [Event.decode(entry.body).message_id for entry in entries] == ["m1", "m1"]


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_a_shopper_who_refuses_is_counted_without_ids(shop: Shop, sdk: str) -> None:
    from events.log import get_log

    refusal = {"consent": {"categoryPreferences": {"analytics": False, "personalization": False}}}
    client = client_of(sdk, shop, sync_mode=True)

    client.track("cy", "Product Viewed", {"product_id": "P1"}, context=refusal)
    client.track("cy", "Product Viewed", {"product_id": "P2"}, context=refusal)

    log = get_log()
    entries = [entry for shard in range(log.shards) for _, entry in log.read(shard)]
    assert sorted(entry.kind for entry in entries) == ["counted", "counted", "event"]
    assert all(b"cy" not in entry.body for entry in entries if entry.kind == "counted")
    (proof,) = [entry.body for entry in entries if entry.kind == "event"]
    assert b"Consent Updated" in proof
    assert b"P1" not in proof
