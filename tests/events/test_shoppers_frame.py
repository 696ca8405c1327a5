"""Attributes for training: of those who allow it, of the person they belong to, what was said last."""

from typing import Any

import pytest

from events.selectors import shoppers_frame
from events.types.base import Event
from tests.events.builders import event
from tests.events.test_training_frame import recorded

pytestmark = pytest.mark.django_db(transaction=True)


def says(number: int, user: str | None = "ada", **fields: Any) -> Event:
    defaults: dict[str, Any] = {"traits": {"country": f"C{number}", "email": "ada@example.com"}, **fields}
    return event(number, kind="identify", name="", user_id=user, properties={}, **defaults)


def frame() -> dict[str, Any]:
    result = shoppers_frame(["country", "age"])
    assert list(result.columns) == ["user_id", "country", "age"]
    return {row["user_id"]: (row["country"], row["age"]) for row in result.fillna("").to_dict("records")}


def test_what_was_said_last_is_in_the_row_of_the_person() -> None:
    recorded(says(1, traits={"age": 34}), says(3), says(2), says(4, "bo"))

    assert frame() == {"user:ada": ("C3", 34), "user:bo": ("C4", "")}


def test_an_anonymous_saying_belongs_to_who_had_the_device() -> None:
    recorded(says(1, None, anonymous_id="phone"), event(2, kind="identify", name="", anonymous_id="phone"))

    assert frame() == {"user:ada": ("C1", "")}


def test_only_those_who_allow_training_count() -> None:
    refusal = event(9, name="Consent Updated", consents={"train_models": False}, properties={}, user_id="bo")
    recorded(says(1, allowed=("analytics", "personalization")), says(2, "bo"), refusal, says(3, "cy"))

    assert frame() == {"user:cy": ("C3", "")}


def test_an_empty_shop_has_an_empty_frame() -> None:
    assert frame() == {}
