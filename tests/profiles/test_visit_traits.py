"""Traits of visits: sessions, hours, fading activity, reduced products, and how the shopper came."""

from typing import Any

import pytest

from profiles.traits.base import ProductInfo
from profiles.traits.context import channel_of
from profiles.traits.registry import TRAITS, values
from tests.profiles.segments.shoppers import DAY, NOW, did


def test_sessions_end_after_half_an_hour_without_an_interaction() -> None:
    minutes = (0, 10, 40, 71, 200, 205)
    history = [did("view", minutes_ago=200 - minute) for minute in minutes]

    assert values(history, now=NOW, products={})["sessions"] == {
        "count": 3,
        "last_minutes": 5,
        "average_minutes": 15.0,
    }


def test_the_usual_hour_is_the_most_frequent_one_and_the_earliest_of_several() -> None:
    hour = NOW // 3_600_000_000 % 24
    history = [did("view"), did("view", minutes_ago=1440), did("view", minutes_ago=300)]

    assert values(history, now=NOW, products={})["usual_hour"] == {"hour": hour, "share": 0.667}


def test_recent_activity_halves_in_a_week_and_ends() -> None:
    trait, history = TRAITS["recent_activity"], [did("view"), did("cart")]
    state = trait.fold(history)

    def value(days: int) -> Any:
        return trait.value(state, now=NOW + days * DAY, products={}, refunds={})

    assert [value(days) for days in (0, 7, 14, 70)] == [2.0, 1.0, 0.5, 0.0]
    midnight = trait.next_change(state, now=NOW)
    assert midnight is not None
    assert midnight % DAY == 0
    assert trait.next_change(state, now=NOW + 70 * DAY) is None


def test_discount_affinity_is_the_weighted_share_of_reduced_products() -> None:
    products = {
        "sale": ProductInfo(price=50.0, compare_at_price=80.0),
        "full": ProductInfo(price=50.0, compare_at_price=50.0),
        "unpriced": ProductInfo(),
    }
    history = [did("purchase", "sale"), did("view", "full"), did("view", "unpriced"), did("view", "gone")]

    assert values(history, now=NOW, products=products)["discount_affinity"] == 0.75
    assert "discount_affinity" not in values(history[2:], now=NOW, products=products)


@pytest.mark.parametrize(
    ("context", "channel"),
    [
        ({"campaign": {"medium": "CPC"}}, "paid search"),
        ({"campaign": {"medium": "podcast"}}, "podcast"),
        ({"page": {"url": "https://shop.example/a", "referrer": "https://www.google.de/"}}, "search"),
        ({"page": {"url": "https://shop.example/a", "referrer": "https://m.facebook.com/x"}}, "social"),
        ({"page": {"url": "https://shop.example/a", "referrer": "https://blog.example/"}}, "referral"),
        ({"page": {"url": "https://shop.example/a", "referrer": "https://shop.example/b"}}, None),
        ({"page": {"url": "https://shop.example/a", "referrer": "https://[bad"}}, None),
        ({"page": 3, "campaign": "x"}, None),
        ({}, None),
    ],
)
def test_the_channel_is_that_of_the_campaign_or_the_page_before(context: dict[str, Any], channel: str | None) -> None:
    assert channel_of(context) == channel
