"""What a rule with a hold-out brought, by group: counted in whatever order events come, and the same when recounted."""

import random
from decimal import Decimal
from typing import Any

import pytest

from events.models import RuleImpressions
from events.rule_performance import LotResult, results_of_rule
from events.services import performance
from events.types.base import Event
from tests.events.test_performance import DAY, line, ordered, record, touched
from tests.events.test_performance import served as served_of

pytestmark = pytest.mark.django_db


def answer_id(number: int) -> str:
    """Return the id of an answer."""
    return f"00000000-0000-7000-8000-{number:012}"


def served(second: int, number: int, **holdout: list[str]) -> Event:
    """Return an answer with the lots of its rules."""
    event = served_of(second, answer_id(number), "home", "sofa", "lamp")
    event.properties.update({"holdout": holdout} if holdout else {})
    return event


STORY = (
    served(1, 1, applied=["7.2", "9.1"]),
    served(2, 2, applied=["7.2"]),
    served(3, 3, held_out=["7.2"], applied=["9.1"]),
    served(4, 4),
    served(DAY + 5, 5, held_out=["7.3"]),
    touched(10, "Product Clicked", "sofa", answer_id(1)),
    touched(11, "Product Clicked", "lamp", answer_id(1)),
    touched(12, "Product Added", "lamp", answer_id(1)),
    touched(13, "Product Clicked", "sofa", answer_id(3)),
    touched(14, "Product Clicked", "sofa", answer_id(4)),
    ordered(20, "O1", line("lamp", 30, list_id=answer_id(1))),
    ordered(21, "O2", line("sofa", 8, list_id=answer_id(3)), line("lamp", 2, list_id=answer_id(4))),
)
EXPECTED = [
    (3, LotResult(), LotResult(answers=1)),
    (
        2,
        LotResult(answers=2, clicked=1, clicks=2, carts=1, orders=1, revenue=Decimal(30)),
        LotResult(answers=1, clicked=1, clicks=1, orders=1, revenue=Decimal(8)),
    ),
]


def results() -> list[Any]:
    """Return version and both groups of the rule 7."""
    return [(one.version, one.applied, one.held_out) for one in results_of_rule(7)]


@pytest.mark.parametrize("seed", range(4))
def test_groups_are_counted_in_any_order_and_found_again(seed: int) -> None:
    chance = random.Random(seed)
    story = list(STORY)
    chance.shuffle(story)
    for one in story:
        record(chance.choice([0, 1]), one)
        if chance.random() < 0.4:
            performance.count_new()
    performance.count_new()
    rows = sorted(RuleImpressions.objects.values_list("rule", "day", "held_out", "n"))

    assert results() == EXPECTED
    assert results_of_rule(9)[0].applied.answers == 2
    performance.recount()
    assert results() == EXPECTED
    assert sorted(RuleImpressions.objects.values_list("rule", "day", "held_out", "n")) == rows


def test_lots_of_another_shape_stop_no_count() -> None:
    odd = served(1, 1)
    odd.properties["holdout"] = {"applied": "7.2", "held_out": {"x": 1}}
    record(0, odd)
    record(0, served(2, 2, applied=["7.2"]))

    performance.count_new()

    assert results_of_rule(7)[0].applied.answers == 2
