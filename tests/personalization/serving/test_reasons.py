"""Reasons of sources, with and without products of the shopper."""

import re
from types import SimpleNamespace
from typing import Any, cast

import pytest

from personalization.selectors.placements import OWN_PRODUCTS
from personalization.serving.reasons import (
    CODES,
    CONTEXT_SOURCES,
    PERSONAL_SOURCES,
    PLAIN_SOURCES,
    Reasoner,
)
from recsys.data.profile import Context, Profile
from recsys.sources.base import Recommender
from recsys.sources.registry import RECOMMENDERS
from recsys.training.plan import OPTIONAL, ranked_sources
from tests.house.tree import text_of


def reason_of(source: str, *, personal: bool) -> str:
    """Return the reason for a product from one source, for a shopper without history."""
    shopper = SimpleNamespace(personal=personal, latest={}, profile=Profile.empty(0.0))
    return Reasoner(cast("Any", None), cast("Any", shopper), {}, Context()).reason(3, {source}).code


@pytest.mark.parametrize(
    ("source", "personal", "code"),
    [
        ("new_arrivals", False, "new"),
        ("trending", False, "trending"),
        ("spark_als", True, "predicted_rating"),
        ("sequence_net", True, "predicted_rating"),
        ("random", True, "exploration"),
    ],
)
def test_each_source_has_its_reason(source: str, personal: bool, code: str) -> None:
    assert reason_of(source, personal=personal) == code


def test_all_sources_have_reasons() -> None:
    spoken = {*PERSONAL_SOURCES, *PLAIN_SOURCES, *OWN_PRODUCTS, *CONTEXT_SOURCES}

    silent = {*ranked_sources(), *OPTIONAL} - spoken
    assert not silent, f"{silent} declare no reason: docs/adding/recommender.md, step 1"
    assert spoken <= {*RECOMMENDERS}


def test_all_reason_codes_are_documented() -> None:
    (codes,) = re.findall(r"Codes: ([a-z_,\s]+)\.", text_of("docs/recommend.md"))

    assert sorted(re.findall(r"[a-z_]+", codes)) == CODES, "the list of docs/recommend.md"


def test_all_history_sources_have_causes() -> None:
    without_cause = {*PLAIN_SOURCES}
    mute = {
        name
        for name in PERSONAL_SOURCES
        if name not in without_cause and RECOMMENDERS[name].explain is Recommender.explain
    }

    assert not mute, f"{mute} need `explain`, or a plain reason: else their items are said to be 'From our range'"


@pytest.mark.parametrize(
    ("signal", "code", "text"),
    [
        ("view", "because_viewed", "You looked at this lately"),
        ("like", "because_liked", "You like this"),
        ("rating", "because_liked", "You rated this"),
        ("cart", "because_carted", "You put this in your cart"),  # whether it is there still, nobody can know
    ],
)
def test_own_items_have_reasons_by_signal(signal: str, code: str, text: str) -> None:
    shopper = SimpleNamespace(personal=True, latest={3: signal}, bought=[], profile=Profile.empty(0.0))
    shelf = SimpleNamespace(columns=SimpleNamespace(product_ids=tuple("abcd")))

    reason = Reasoner(cast("Any", shelf), cast("Any", shopper), {}, Context()).own(3)

    assert (reason.code, reason.text) == (code, text)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("content", "Similar to Oak chair"),
        ("sentences", "Similar to Oak chair"),
        ("new_arrivals", "Similar to Oak chair"),
        ("covisitation", "Often looked at with Oak chair"),
        ("ease", "Often looked at with Oak chair"),
        ("bought_together", "Often bought together with Oak chair"),
        ("complements", "Goes well with Oak chair"),
    ],
)
def test_only_content_sources_say_similar(source: str, text: str) -> None:
    shopper = SimpleNamespace(personal=False, latest={}, profile=Profile.empty(0.0))
    columns = SimpleNamespace(product_ids=("chair", "stool"), categories=("Chairs",), category_of=(0, 0))
    shelf = SimpleNamespace(title=lambda code: "Oak chair", columns=columns)
    recommender = SimpleNamespace(contextual=True, knows=lambda code: True, explain=lambda *args: (0,))

    reasoner = Reasoner(
        cast("Any", shelf), cast("Any", shopper), {source: cast("Any", recommender)}, Context(items=(0,))
    )

    assert reasoner.reason(1, {source}).text == text
