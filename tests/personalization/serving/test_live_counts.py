"""Serving follows the live counts: what shoppers do now shows in trending and co-visitation within seconds."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY

from access.services import create_key
from common import redis
from config.env import ROOT
from modelops.services.registry import promote
from personalization.services.recommend import recommend
from personalization.serving.asking import Ask, Who
from personalization.serving.live_counts import LiveCounts
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles import services
from recsys.data.event_weights import weight_table
from recsys.data.recent_counts import RecentCounts
from tests.events.builders import ALLOWED
from tests.modelops.releases import passed_version
from tests.personalization.shop import ADA, event_of
from tests.recsys.furniture import model
from tests.workers import Workers, serving

LIMIT_SECONDS = 5.0
CONSENT = {"analytics": True, "personalization": True, "train_models": True}


def view(user: str, *product_ids: str, **fields: Any) -> None:
    """Apply views of a shopper who allowed everything."""
    events = [event_of({"user_id": user}, one, allowed=ALLOWED, **fields) for one in product_ids]
    services.apply_events(events, offsets={})


def items(placement: str, **fields: Any) -> list[str]:
    answer = recommend(Ask(placement=placement, who=Who(), explores=False, **fields))
    return [item.product_id for item in answer.items]


@pytest.mark.django_db
@pytest.mark.usefixtures("live_model")
def test_trending_follows_views_and_a_refusal() -> None:
    before = items("trending")
    assert before[0] != "rug"

    for number in range(3):
        view(f"u{number}", "rug")
    assert items("trending")[0] == "rug"

    services.forget([f"user:u{number}" for number in range(3)])
    assert items("trending") == before


@pytest.mark.django_db
@pytest.mark.usefixtures("live_model")
def test_co_visitation_follows_a_visit() -> None:
    def neighbors() -> list[str]:
        return items("similar", product_ids=("bowl",), strategy="covisitation")

    assert "stool" not in neighbors()[:2]

    for number in range(5):
        view(f"u{number}", "bowl", "stool")

    assert "stool" in neighbors()[:2]


@pytest.mark.django_db
@pytest.mark.usefixtures("live_model")
def test_a_product_newer_than_the_model_trends() -> None:
    from catalog.services import bulk_upsert

    sofa = {"product_id": "sofa", "title": "Sofa", "price": "9", "currency": "EUR", "stock": 5}
    assert bulk_upsert([sofa], actor="key:test").rejected == ()

    view("u1", "sofa", "rug")

    assert "sofa" in items("trending")[:2]
    assert items("similar", product_ids=("sofa",), strategy="covisitation")[0] == "rug"


@pytest.mark.django_db
@pytest.mark.usefixtures("live_model")
def test_new_counts_change_remembered_answers_and_keep_what_was_read_of_the_shopper() -> None:
    def shopper_hits() -> float:
        return REGISTRY.get_sample_value("vitrine_answer_lookups_total", {"level": "shopper", "outcome": "hit"}) or 0.0

    services.apply_events([event_of(ADA, "desk")], offsets={})
    question = Ask(placement="trending", who=Who(**ADA), explores=False)
    recommend(question)
    before, hits = snapshot_refresher.latest, shopper_hits()
    for number in range(3):
        view(f"u{number}", "rug")

    answer = recommend(question)

    assert answer.items[0].product_id == "rug"
    assert snapshot_refresher.latest is not before
    assert shopper_hits() == hits + 1


@pytest.mark.django_db
def test_followed_counts_equal_those_read_at_once() -> None:
    codes, weights = {"desk": 0, "lamp": 1, "rug": 2}, weight_table({})
    follower = LiveCounts()
    view("ada", "desk", "lamp", "unknown to the catalog")
    follower.poll()
    follower.recent_counts(codes, weights)
    version = follower.version
    view("bo", "lamp", "rug", name="Product Clicked")
    services.forget(["user:ada"])
    follower.poll()
    reader = LiveCounts()
    reader.poll()

    assert columns(follower.recent_counts(codes, weights)) == columns(reader.recent_counts(codes, weights)) != []
    assert follower.version == version + 1
    follower.poll()
    assert follower.version == version + 1


@pytest.mark.django_db
def test_a_lost_stream_is_read_anew_and_nothing_counted_is_version_zero() -> None:
    follower, codes, weights = LiveCounts(), {"desk": 0}, weight_table({})
    follower.poll()
    assert follower.version == 0
    view("ada", "desk")
    follower.poll()
    assert columns(follower.recent_counts(codes, weights)) == [[0, 1000]]

    redis.client().flushdb()
    follower.poll()

    assert columns(follower.recent_counts(codes, weights)) == []


def columns(counts: RecentCounts) -> list[list[int]]:
    """Return all counts that are not zero as sorted rows."""
    rows = [np.stack([day.items, day.counts], axis=1) for day in counts.items.values()]
    rows += [np.stack([day.sources, day.targets, day.counts], axis=1) for day in counts.pairs.values()]
    return sorted(row for part in rows for row in part.tolist() if row[-1])


@contextlib.contextmanager
def consumers(environment: dict[str, str]) -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "manage.py", "consume"], cwd=ROOT, env=environment)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def send(connection: HTTPConnection, key: str, user: str, product_id: str) -> float:
    """Send a view, and return the moment of its 200."""
    body = {
        "userId": user,
        "event": "Product Viewed",
        "properties": {"product_id": product_id},
        "context": {"consent": {"categoryPreferences": CONSENT}},
    }
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/track", json.dumps(body), headers)
    response = connection.getresponse()
    assert response.status == 200, response.read()
    response.read()
    return time.monotonic()


def seconds_until(workers: Workers, path: str, condition: Callable[[list[str]], bool], *, since: float) -> float:
    """Return how many seconds after `since` the last worker's answer met the condition; fail after `LIMIT_SECONDS`."""
    for connection in workers.connections.values():
        while True:
            connection.request("GET", path, headers={"Authorization": f"Bearer {workers.key}"})
            product_ids = [item["product_id"] for item in json.loads(connection.getresponse().read())["items"]]
            if condition(product_ids):
                break
            assert time.monotonic() < since + LIMIT_SECONDS, f"{path}: {product_ids}"
            time.sleep(0.02)
    return time.monotonic() - since


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("stocked_shop")
def test_all_workers_follow_an_event_within_seconds(process_environment: dict[str, str], tmp_path: Path) -> None:
    promote(passed_version(model()), actor="staff:1")
    _, key = create_key(kind="sk", name="shop", scopes=["events:write"])
    environment = {**process_environment, "MODEL_DIR": str(tmp_path)}
    trending, similar = (
        f"/api/v1/recommendations/{rest}" for rest in ("trending", "similar?strategy=covisitation&product_id=bowl")
    )
    with serving(environment) as workers, consumers(environment):
        connection = next(iter(workers.connections.values()))
        seconds_until(workers, trending, lambda answer: bool(answer), since=time.monotonic() + 60)
        seconds_until(workers, trending, lambda answer: "stool" in answer[:1], since=warm_up(connection, key) + 30)

        for product_id in ("bowl", "rug", "rug", "rug"):
            sent = send(connection, key, "ada", product_id)
        seconds_until(workers, trending, lambda answer: answer[0] == "rug", since=sent)
        seconds_until(workers, similar, lambda answer: "rug" in answer[:2], since=sent)


def warm_up(connection: HTTPConnection, key: str) -> float:
    """Send the first event, which waits for the consumers to start; return the moment of its 200."""
    return send(connection, key, "first", "stool")
