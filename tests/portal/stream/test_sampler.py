"""The gauges of each process are summed by minute, each count once."""

from collections import Counter

import pytest
from django.test import Client

from common import redis
from events.log import get_log
from events.stream import minutes
from personalization.serving.gauges import LOOKUPS
from portal.stream.sampler import LAG_TURN, GaugeSampler, kind_of
from tests.events.builders import entry, event

pytestmark = pytest.mark.django_db


def hour() -> Counter[str]:
    """Return the sums of the last hour."""
    total: Counter[str] = Counter()
    for minute in minutes.last_hour().values():
        total.update(minute)
    return total


def test_requests_times_errors_and_lookups_are_added_once(client: Client) -> None:
    sampler = GaugeSampler()
    sampler.sample()
    redis.client().flushdb()

    client.get("/api/v1/recommendations/home")
    client.get("/admin/nothing")
    LOOKUPS.labels(level="test", outcome="hit").inc(3)
    sampler.sample()
    sampler.sample()

    numbers = hour()
    assert numbers["requests:recommend"] == 1
    assert numbers["within:recommend:+Inf"] == 1
    assert numbers["status:401"] == 1
    assert numbers["status:404"] == 0
    assert numbers["lookup:test:hit"] == 3


def test_the_highest_lag_of_a_minute_is_kept() -> None:
    get_log().append([entry(event(number)) for number in range(5)])
    GaugeSampler().sample()
    GaugeSampler().sample()
    assert hour()["lag"] == 5

    minutes.note_peak("lag", 2)
    assert hour()["lag"] == 5
    assert 0 < redis.client().pttl(LAG_TURN) <= 3_000


@pytest.mark.parametrize(
    ("route", "kind"),
    [
        ("v1/batch", "collect"),
        ("api/v1/recommendations/<str:placement>", "recommend"),
        ("api/v1/products", "api"),
        ("admin/", "pages"),
        ("unknown", "unknown"),
    ],
)
def test_routes_have_kinds(route: str, kind: str) -> None:
    assert kind_of(route) == kind
