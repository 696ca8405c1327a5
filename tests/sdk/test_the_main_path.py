"""An SDK says what a shopper did; the next answer shows it. Real server, real consumers, unmodified clients."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from rudderstack.analytics.client import Client as RudderClient
from segment.analytics.client import Client as SegmentClient

from tests.conftest import empty_audit_log, fill
from tests.sdk.conftest import CONSENT
from tests.services import environment

# No test of these opens a transaction of its own; the mark is what makes the session's database.
pytestmark = pytest.mark.django_db

CLIENTS = {"segment": SegmentClient, "rudder": RudderClient}
FRESH_SECONDS = 1.0
START_SECONDS = 60.0
RANGE = {"Desks": "desk", "Chairs": "chair", "Lamps": "lamp", "Rugs": "rug"}


@dataclass(frozen=True)
class Storefront:
    """A shop with products, a browser's key, and consumers at work."""

    host: str
    key: str

    def answers(self) -> bool:
        """Return whether the server has seen the shop's placements."""
        headers = {"Authorization": f"Bearer {self.key}"}
        url = f"{self.host}/api/v1/recommendations/home"
        return requests.get(url, headers=headers, timeout=10).status_code == 200

    def home(self, **who: str) -> list[dict[str, Any]]:
        """Return the items of the placement `home`, as a shopper's page gets them."""
        answer = requests.get(
            f"{self.host}/api/v1/recommendations/home",
            params={**who, "limit": "8"},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    def named(self, **who: str) -> set[str]:
        """Return the products that the reasons on `home` name."""
        return {product for item in self.home(**who) for product in item["reason"]["product_ids"]}

    def client(self, sdk: str) -> Any:
        """Return an SDK's client that sends at once."""
        return CLIENTS[sdk](self.key, host=self.host, sync_mode=True, max_retries=1, timeout=20)


def within(seconds: float, holds: Callable[[], bool]) -> bool:
    """Return whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not (true := holds()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return true


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """Keep what these tests share; `emptied` cleans up after the last one."""


@pytest.fixture(scope="module")
def storefront(
    host: str, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Storefront]:
    """One shop for all of these tests, so each has shoppers of its own."""
    with django_db_blocker.unblock():
        public = stocked(host)
        shop = Storefront(host, public)
        assert within(START_SECONDS, shop.answers)
        output = tmp_path_factory.mktemp("consumers") / "output"
        with output.open("wb") as log:
            consumers = subprocess.Popen(
                [sys.executable, "manage.py", "consume"], env=environment(), stdout=log, stderr=subprocess.STDOUT
            )
        try:
            shop.client("segment").track("warm-up", "Product Viewed", {"product_id": "rug-0"}, context=CONSENT)
            assert within(START_SECONDS, lambda: "rug-0" in shop.named(user_id="warm-up")), output.read_text()
            yield shop
        finally:
            consumers.send_signal(signal.SIGTERM)
            consumers.wait(timeout=30)
            emptied()


def emptied() -> None:
    """Leave the session's stores as they were."""
    from django.core.management import call_command

    from common import redis

    call_command("flush", interactive=False, verbosity=0)
    empty_audit_log()
    redis.client().flushdb()


def stocked(host: str) -> str:
    """Fill the shop through its API; return the key of the shop's server."""
    from access.services import create_key
    from common import redis

    fill()
    redis.client().flushdb()
    _, secret = create_key(kind="sk", name="server", scopes=["catalog:write"])
    lines = [
        {
            "product_id": f"{stem}-{n}",
            "title": f"{'Oak' if n % 2 else 'Pine'} {stem} {n}",
            "category": ["Home", shelf],
            "brand": f"Brand {n % 3}",
            "price": f"{20 + n}.00",
            "currency": "EUR",
            "stock": 5,
        }
        for shelf, stem in RANGE.items()
        for n in range(8)
    ]
    loaded = requests.post(
        f"{host}/api/v1/products/bulk",
        data="\n".join(map(json.dumps, lines)),
        headers={"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"},
        timeout=30,
    )
    assert loaded.json()["accepted"] == len(lines), loaded.text
    return create_key(kind="sk", name="shop", scopes=["events:write", "recommendations:read"])[1]


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_a_view_changes_that_shoppers_next_answer_and_nobody_elses(storefront: Storefront, sdk: str) -> None:
    control = storefront.home(user_id=f"control-0-{sdk}")

    storefront.client(sdk).track(f"ada-0-{sdk}", "Product Viewed", {"product_id": "desk-3"}, context=CONSENT)

    assert within(FRESH_SECONDS, lambda: "desk-3" in storefront.named(user_id=f"ada-0-{sdk}"))
    assert storefront.home(user_id=f"control-0-{sdk}") == control


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_without_consent_nothing_changes(storefront: Storefront, sdk: str) -> None:
    before = storefront.home(user_id=f"cy-1-{sdk}")

    storefront.client(sdk).track(f"cy-1-{sdk}", "Product Viewed", {"product_id": "desk-3"})
    storefront.client(sdk).track(f"ada-1-{sdk}", "Product Viewed", {"product_id": "desk-4"}, context=CONSENT)

    assert within(FRESH_SECONDS, lambda: "desk-4" in storefront.named(user_id=f"ada-1-{sdk}"))
    assert storefront.home(user_id=f"cy-1-{sdk}") == before


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_an_anonymous_history_counts_after_identify(storefront: Storefront, sdk: str) -> None:
    client = storefront.client(sdk)
    client.track(None, "Product Viewed", {"product_id": "lamp-2"}, context=CONSENT, anonymous_id=f"device-2-{sdk}")
    assert within(FRESH_SECONDS, lambda: "lamp-2" in storefront.named(anonymous_id=f"device-2-{sdk}"))
    assert "lamp-2" not in storefront.named(user_id=f"bo-2-{sdk}")

    client.identify(f"bo-2-{sdk}", {}, context=CONSENT, anonymous_id=f"device-2-{sdk}")

    assert within(FRESH_SECONDS, lambda: "lamp-2" in storefront.named(user_id=f"bo-2-{sdk}"))


@pytest.mark.parametrize("sdk", list(CLIENTS))
def test_a_shared_device_does_not_mix_two_accounts(storefront: Storefront, sdk: str) -> None:
    client = storefront.client(sdk)
    client.identify(f"ada-3-{sdk}", {}, context=CONSENT, anonymous_id=f"tablet-3-{sdk}")
    client.track(None, "Product Viewed", {"product_id": "rug-5"}, context=CONSENT, anonymous_id=f"tablet-3-{sdk}")
    client.identify(f"bo-3-{sdk}", {}, context=CONSENT, anonymous_id=f"tablet-3-{sdk}")
    client.track(None, "Product Viewed", {"product_id": "chair-6"}, context=CONSENT, anonymous_id=f"tablet-3-{sdk}")

    assert within(FRESH_SECONDS, lambda: "chair-6" in storefront.named(user_id=f"bo-3-{sdk}"))
    assert within(FRESH_SECONDS, lambda: "rug-5" in storefront.named(user_id=f"ada-3-{sdk}"))
    assert "rug-5" not in storefront.named(user_id=f"bo-3-{sdk}")
    assert "chair-6" not in storefront.named(user_id=f"ada-3-{sdk}")
