"""SDKs and the shopper: exposures that plugins upload, and arms that are kept over a login."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from growthbook import GrowthBook, InMemoryStickyBucketService
from growthbook.plugins import growthbook_tracking_plugin

from common.pseudonyms import pseudonym
from tests.sdk.conftest import Shop
from tests.sdk.experiment_clients import FLAG, node_arms, our_arms, start_experiment

if TYPE_CHECKING:
    from events.types.base import Event

Reader = Callable[[], dict[str, "Event"]]
CONSENT = {"consent": {"analytics": True, "experiments": True}}
WAIT_SECONDS = 15.0


def someone_inside() -> str:
    """Return the id of a shopper who takes part."""
    people = [{"id": f"shopper-{n}", "anonymous_id": ""} for n in range(50)]
    return next(one["id"] for one, (arm, _) in zip(people, our_arms(people), strict=True) if arm)


def exposure_in(logged: Reader) -> "Event":
    """Return the exposure on the log, once it is there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while "Experiment Viewed" not in logged() and time.monotonic() < deadline:
        time.sleep(0.1)
    return logged()["Experiment Viewed"]


def check_exposure(event: "Event", shopper: str) -> None:
    """Fail where the exposure is not that of the shopper."""
    (arm, _), *_ = our_arms([{"id": shopper, "anonymous_id": "tablet"}])
    assert (event.user_id, event.anonymous_id) == (pseudonym(shopper), pseudonym("tablet"))
    assert event.properties == {"experiment_id": FLAG, "variation_id": arm}


def test_the_plugin_for_python_uploads_the_exposure(shop: Shop, logged: Reader) -> None:
    start_experiment()
    shopper = someone_inside()
    plugin = growthbook_tracking_plugin(ingestor_host=shop.host, batch_timeout=0.1)
    attributes = {"id": shopper, "anonymous_id": "tablet", **CONSENT}
    sdk = GrowthBook(api_host=shop.host, client_key=shop.key, attributes=attributes, plugins=[plugin])
    sdk.load_features()
    sdk.eval_feature(FLAG)

    check_exposure(exposure_in(logged), shopper)
    sdk.destroy()


@pytest.mark.sdk_node
def test_the_plugin_for_javascript_uploads_the_exposure(shop: Shop, logged: Reader, node_folder: Path) -> None:
    start_experiment()
    shopper = someone_inside()
    attributes = {"id": shopper, "anonymous_id": "tablet", **CONSENT}
    names = {"HOST": shop.host, "KEY": shop.key, "FLAG": FLAG, "ATTRIBUTES": json.dumps(attributes)}
    command = ["node", "exposures.mjs"]
    done = subprocess.run(
        command, cwd=node_folder, env={**os.environ, **names}, capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr
    check_exposure(exposure_in(logged), shopper)


def logins(n: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return the attributes of devices before and after their shoppers sign in."""
    return [
        ({"anonymous_id": f"d{one}", **CONSENT}, {"id": f"u{one}", "anonymous_id": f"d{one}", **CONSENT})
        for one in range(n)
    ]


def check_logins(arms: list[tuple[str | None, str | None]]) -> None:
    """Fail where a login moved somebody, or where it could not have."""
    inside = [(before, after) for before, after in arms if before is not None]
    users = our_arms([after for _, after in logins(len(arms))])

    assert len(inside) > len(arms) // 3
    assert [after for _, after in inside] == [before for before, _ in inside]
    assert any(own != before for (before, _), (own, _) in zip(arms, users, strict=True) if before is not None)


def test_a_sticky_bucket_service_keeps_the_arm_over_a_login_in_python(shop: Shop) -> None:
    start_experiment()
    service = InMemoryStickyBucketService()
    arms: list[tuple[str | None, str | None]] = []
    for before, after in logins(200):
        sdk = GrowthBook(
            api_host=shop.host, client_key=shop.key, attributes=dict(before), sticky_bucket_service=service
        )
        sdk.load_features()
        first = sdk.eval_feature(FLAG).experimentResult
        sdk.set_attributes(dict(after))
        second = sdk.eval_feature(FLAG).experimentResult
        arms.append((first.key if first else None, second.key if second else None))
        sdk.destroy()

    check_logins(arms)


@pytest.mark.sdk_node
def test_a_sticky_bucket_service_keeps_the_arm_over_a_login_in_javascript(shop: Shop, node_folder: Path) -> None:
    start_experiment()
    arms = node_arms("sticky", logins(200), folder=node_folder, host=shop.host, key=shop.key)  # type: ignore[arg-type]

    check_logins(arms)
