"""Remembered answers equal computed ones, whatever happens between two requests."""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from personalization.services.recommend import recommend
from personalization.services.rules import create_rule
from personalization.serving.answer_memory import AnswerMemory
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.engine import answer
from personalization.serving.shoppers import shopper_cache
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.shop import ADA, BO, CY, does, says, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


def lookups(level: str, outcome: str) -> float:
    labels = {"level": level, "outcome": outcome}
    return REGISTRY.get_sample_value("vitrine_answer_lookups_total", labels) or 0.0


def ask(who: dict[str, Any], **fields: Any) -> Ask:
    return Ask(placement="home", who=Who(**who), explores=False, **fields)


def content(one: Answer) -> Answer:
    """All of an answer but what each repetition has anew."""
    return replace(one, recommendation_id="", took_ms=0.0)


def test_a_repeated_request_is_looked_up_and_has_an_id_of_its_own() -> None:
    views(ADA, "desk")
    first = recommend(ask(ADA))
    before = lookups("answer", "hit"), lookups("shopper", "hit")

    again = recommend(ask(ADA))

    assert content(again) == content(first)
    assert again.recommendation_id != first.recommendation_id
    assert (lookups("answer", "hit"), lookups("shopper", "hit")) == (before[0] + 1, before[1] + 1)


def test_strangers_share_their_answers() -> None:
    recommend(ask({}))
    before = lookups("shared", "hit")

    recommend(ask({"anonymous_id": "unheard of"}, personalized=False))

    assert lookups("shared", "hit") == before + 1


def test_a_withdrawn_consent_is_seen_by_the_next_request() -> None:
    views(ADA, "desk")
    assert recommend(ask(ADA)).personalized

    says(ADA, allowed=False)

    assert recommend(ask(ADA)).degraded == "no_consent"


def test_the_signal_of_a_request_decides_although_the_shopper_is_remembered() -> None:
    views(ADA, "desk")
    assert recommend(ask(ADA)).personalized
    with_signal = Ask(placement="home", who=Who(**ADA, gpc=True), explores=False)

    remembered = recommend(with_signal)
    shopper_cache.clear()

    assert content(remembered) == content(recommend(with_signal))


def test_a_preview_leaves_nothing_in_the_memory() -> None:
    views(ADA, "desk")
    recommend(ask(ADA))
    draft = snapshot_refresher.current().with_rules([])
    before = lookups("shopper", "hit")

    answer(draft, ask(ADA))
    recommend(ask(ADA))

    assert lookups("shopper", "hit") == before + 1


def test_of_two_threads_with_one_question_one_computes() -> None:
    memory, computed, started = AnswerMemory[str](4, level="answer"), [], threading.Event()

    def compute() -> str:
        computed.append(1)
        started.wait(0.2)
        return "answer"

    threads = [threading.Thread(target=memory.get, args=("question", compute)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(computed) == 1


def test_a_full_memory_forgets_the_oldest_answer() -> None:
    memory = AnswerMemory[int](2, level="answer")
    for number in (1, 2, 3):
        memory.get(number, partial(int, number))

    assert [memory.get(number, lambda: 0) for number in (3, 2, 1)] == [3, 2, 0]


NUMBERS = itertools.count()
"""The database keeps what earlier examples wrote, so names may not repeat with the seed."""
ACTS: dict[str, Callable[[Random], object]] = {
    "view": lambda random: views(random.choice((ADA, BO, CY)), random.choice(("desk", "chair", "rug", "lamp"))),
    "buy": lambda random: does(ADA, "Order Completed", "lamp", order_id=f"O{next(NUMBERS)}"),
    "consent": lambda random: says(random.choice((ADA, BO)), allowed=random.random() < 0.7),
    "rule": lambda random: create_rule(
        name=f"Rule {next(NUMBERS)}", wording={"effect": "bury", "products": ["desk"]}, actor="staff:1"
    ),
}


@settings(max_examples=12)
@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=6), st.integers(0, 999))
def test_whatever_happened_a_remembered_answer_equals_a_computed_one(acts: list[str], seed: int) -> None:
    random = Random(seed)
    requests = [
        ask(who, **fields) for who in (ADA, BO, CY, {}) for fields in ({}, {"limit": 3}, {"exclude": ("desk",)})
    ]
    for act in ["view", *acts]:
        ACTS[act](random)
        for one in requests:
            recommend(one)
        remembered = [content(recommend(one)) for one in requests]
        shopper_cache.clear()
        assert remembered == [content(recommend(one)) for one in requests]
