"""How many shoppers an audience has, and what a plan starts from."""

from dataclasses import replace as replaced
from datetime import timedelta

import pytest
from msgspec.structs import replace

from common import clock
from events.models import Event, Order
from experiments.audience import Clause, condition_of
from experiments.metrics.registry import METRICS
from experiments.selectors.audience_size import audience_size
from experiments.selectors.baseline import baseline, recent_numbers, traffic
from profiles.services import apply_events
from tests.personalization.shop import event_of, says

pytestmark = pytest.mark.django_db


def test_the_size_is_the_share_of_shoppers_who_meet_it_and_that_of_those_who_take_part() -> None:
    for name, device in (("ada", "mobile"), ("bo", "mobile"), ("cy", "desktop"), ("di", "mobile")):
        who = {"user_id": name}
        says(who)
        apply_events([replace(event_of(who, "sofa"), context={"device": {"type": device}})], offsets={})
    says({"user_id": "ada"}, "experiments")
    says({"user_id": "bo"}, "experiments")
    says({"user_id": "di"}, "experiments", allowed=False)

    mobile = audience_size(condition_of([Clause("name:device", "is", "mobile")]))
    often = audience_size(condition_of([Clause("number:active_days", "at_least", "9")]))

    assert (mobile.sample, mobile.matching, mobile.participating) == (4, 0.75, 0.5)
    assert (often.matching, often.participating) == (0.0, 0.0)
    assert audience_size({}).participating == 0.5


@pytest.fixture(autouse=True)
def forget() -> None:
    recent_numbers.forget()


def test_without_shoppers_the_size_is_unknown() -> None:
    measured = audience_size(condition_of([Clause("segment:vip")]))

    assert (measured.sample, measured.matching, measured.participating) == (0, None, None)
    assert measured.server_only


def test_what_only_pages_know_is_named() -> None:
    measured = audience_size({"country": {"$in": ["DE"]}})

    assert measured.of_pages == ("country",)
    assert not measured.server_only


def test_the_present_value_and_spread_of_a_metric_and_the_shoppers_of_each_day() -> None:
    now = clock.now()
    for number in range(10):
        Event.objects.create(
            id=f"00000000-0000-7000-8000-{number:012}", message_id=str(number), received_at=now,
            at=now - timedelta(days=number, hours=1), kind="page", shard=0, log_offset=number, user_id=f"u{number}",
        )  # fmt: skip
    for number, revenue in ((0, 20), (1, 40)):
        Order.objects.create(
            order_id=f"o{number}",
            user_id=f"u{number}",
            revenue=revenue,
            currency="EUR",
            placed_at=now - timedelta(hours=1),
        )

    conversion = baseline(METRICS["conversion_rate"], None)
    assert conversion is not None
    assert (conversion.units, conversion.value) == (10, 0.2)
    assert conversion.variance == pytest.approx(10 / 9 * 0.2 * 0.8)
    value = baseline(METRICS["average_order_value"], None)
    assert value is not None
    assert value.value == 30
    assert baseline(METRICS["click_through_rate"], None) is None
    assert baseline(METRICS["conversion_rate"], "home") is None
    days = traffic(None)
    assert days is not None
    assert (len(days), sum(days), days[-1]) == (28, 10, 1)


def test_the_present_value_is_that_of_the_metric_s_own_window() -> None:
    now = clock.now()
    for number in range(10):
        Event.objects.create(
            id=f"00000000-0000-7000-8000-{number:012}", message_id=str(number), received_at=now,
            at=now - timedelta(days=20), kind="page", shard=0, log_offset=number, user_id=f"u{number}",
        )  # fmt: skip
    for number in range(4):
        Order.objects.create(
            order_id=f"o{number}",
            user_id=f"u{number}",
            revenue=20,
            currency="EUR",
            placed_at=now - timedelta(days=20) + timedelta(hours=1 if number == 0 else 100),
        )
    whole = METRICS["conversion_rate"]
    day = replaced(whole, numerator=replaced(whole.numerator, window_hours=24))

    in_all, in_a_day = baseline(whole, None), baseline(day, None)

    assert in_all is not None
    assert in_a_day is not None
    assert (in_all.value, in_a_day.value) == (0.4, 0.1)
