"""Attributes are the latest said, whatever order they come in, and no more of them than a row can bear."""

from random import Random
from typing import Any

import pytest

from customers.services import MAX_ATTRIBUTES, MAX_VALUE_BYTES, StatedTraits, merge


def merged(stated: list[StatedTraits]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return attributes and stamps after these words, in this order."""
    attributes: dict[str, Any] = {}
    stamps: dict[str, Any] = {}
    for one in stated:
        merge(attributes, stamps, one)
    return attributes, stamps


@pytest.mark.parametrize("seed", range(20))
def test_any_order_gives_the_same_attributes_and_the_last_said_are_kept(seed: int) -> None:
    chance = Random(seed)
    words = [
        StatedTraits("user:ada", chance.randrange(50), f"m{at}", {
            f"name {chance.randrange(2 * MAX_ATTRIBUTES)}": chance.choice([at, None, "x" * (MAX_VALUE_BYTES + 1)])
            for _ in range(10)
        })
        for at in range(60)
    ]  # fmt: skip
    attributes, stamps = merged(words)

    assert merged(chance.sample(words, len(words))) == (attributes, stamps)
    assert merged(words * 2) == (attributes, stamps)
    assert len(stamps) <= MAX_ATTRIBUTES
    assert set(attributes) <= set(stamps)
    assert not any(isinstance(value, str) for value in attributes.values())


def test_a_value_that_is_too_large_leaves_no_older_one_behind() -> None:
    words = [
        StatedTraits("user:ada", 1, "m1", {"address": {"city": "Graz"}}),
        StatedTraits("user:ada", 5, "m5", {"address": {"city": "Wien", "note": "x" * MAX_VALUE_BYTES}}),
    ]

    assert merged(words)[0] == merged(words[::-1])[0] == {}
    assert merged([*words, StatedTraits("user:ada", 6, "m6", {"address": {"city": "Linz"}})])[0] == {
        "address": {"city": "Linz"}
    }


def test_what_was_said_long_ago_gives_way() -> None:
    attributes, _ = merged([StatedTraits("user:ada", at, "m", {f"day {at}": at}) for at in range(MAX_ATTRIBUTES + 3)])

    assert len(attributes) == MAX_ATTRIBUTES
    assert not attributes.keys() & {"day 0", "day 1", "day 2"}
