"""Newcomers with attributes get products of similar shoppers; a click overrides the attributes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from common import clock
from common.ids import uuid7
from events.types.base import Event
from modelops.services.registry import promote
from personalization.services.recommend import recommend
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from profiles.services import apply_events
from recsys.data.dataset import build
from recsys.data.profile import Context, Profile
from recsys.sources.registry import make
from tests.modelops.releases import passed_version
from tests.personalization.shop import (
    ADA,
    CY,
    says,
    views,
)
from tests.recsys.furniture import history, items, model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
KNOWN = pd.DataFrame({"user_id": [f"u{n}" for n in range(40)], "country": ["DE", "at"] * 20})
"""Buyers of desks and mugs live in Germany, buyers of rugs and large desks in Austria: see `shop.TASTES`."""
TAKEN = {"de": {"desk", "chair", "lamp", "mug", "bowl"}, "AT": {"rug", "throw", "bulb", "desk-xl", "stool", "lamp"}}


@pytest.fixture
def live(stocked_shop: None) -> None:
    """A live model with the countries of its shoppers."""
    dataset = build(history(), items(), KNOWN)
    prior = make("prior").fit(dataset.interactions, dataset.catalog)
    bundle = model()
    promote(passed_version(replace(bundle, sources={**bundle.sources, "prior": prior})), actor="staff:1")


def lives(who: dict[str, Any], country: str, *, allowed: tuple[str, ...] = ("personalization",)) -> None:
    """Send a login with the shopper's country."""
    event = Event(
        message_id=str(uuid7()), kind="identify", name="", at=clock.epoch_us(), received_at=clock.epoch_us(),
        traits={"country": country}, allowed=allowed, source="test", **who,
    )  # fmt: skip
    apply_events([event], offsets={})


def answer_for(who: dict[str, Any]) -> Answer:
    return recommend(Ask(placement="home", who=Who(**who), limit=4))


def ids(answer: Answer) -> set[str]:
    return {item.product_id for item in answer.items}


@pytest.mark.usefixtures("live")
@pytest.mark.parametrize("country", ["AT", "de"])
def test_newcomer_gets_products_of_similar_shoppers(country: str) -> None:
    lives(ADA, country)

    answer = answer_for(ADA)

    assert ids(answer) < TAKEN[country]
    assert (answer.personalized, answer.degraded) == (True, None)
    assert {item.reason.code for item in answer.items} == {"in_segment"}
    assert answer.items[0].reason.text == "Popular with shoppers like you"


@pytest.mark.usefixtures("live")
def test_unknown_country_gets_cold_start() -> None:
    lives(ADA, "NZ")

    assert ids(answer_for(ADA)) == ids(answer_for({}))


@pytest.mark.usefixtures("live")
def test_first_click_overrides_attributes() -> None:
    lives(ADA, "AT")
    views(ADA, "desk")

    reasons = [reason for item in answer_for(ADA).items for reason in item.reason.product_ids]

    assert "desk" in reasons


@pytest.mark.usefixtures("live")
def test_attributes_need_consent() -> None:
    says(CY, allowed=False)
    lives(CY, "AT")

    answer = answer_for(CY)

    assert (answer.personalized, answer.degraded) == (False, "no_consent")
    assert ids(answer) == ids(answer_for({}))


def test_batch_slates_equal_single_slates() -> None:
    dataset = build(history(), items(), KNOWN)
    bundle = model()
    prior = make("prior").fit(dataset.interactions, dataset.catalog)
    bundle = replace(bundle, sources={**bundle.sources, "prior": prior})
    empty = Profile.empty(1_760_000_000.0)
    with_country = replace(empty, attributes=("country=de",))
    one = np.ones(1)
    clicked = replace(
        empty,
        items=one.astype(np.int32),
        times=one,
        signals=one.astype(np.int8),
        weights=one.astype(np.float32),
        values=one.astype(np.float32),
    )
    profiles = [with_country, empty, clicked, with_country]

    many = bundle.slate_many(profiles, [Context()] * 4, 3)

    single = [bundle.slate(profile, Context(), 3) for profile in profiles]
    assert [one.items.tolist() for one in many] == [one.items.tolist() for one in single]
    assert many[0].items.tolist() != many[1].items.tolist()
