"""What identify says of a shopper is in the profile by the same rules as what they do."""

from typing import Any

import pytest

from common import privacy, redis
from events.types.base import Event
from profiles import keys, services
from profiles.selectors import read_person
from tests.events.builders import event

pytestmark = pytest.mark.django_db(transaction=True)


def says(number: int, user: str | None = "ada", **fields: Any) -> Event:
    """Return an identify of Ada's that says she lives in the country C and the number."""
    defaults: dict[str, Any] = {"traits": {"country": f"C{number}"}, **fields}
    return event(number, kind="identify", name="", user_id=user, properties={}, **defaults)


def apply(*events: Event) -> None:
    services.apply_events(events, offsets={})


def attributes(**who: Any) -> dict[str, Any]:
    return read_person(**(who or {"user_id": "ada"})).attributes


def test_the_latest_said_counts_whatever_the_order() -> None:
    apply(says(2, traits={"country": "AT", "age": 34}), says(1), says(2, traits={"country": "AT", "age": 34}))

    assert attributes() == {"age": 34, "country": "AT"}


def test_only_what_the_shop_named_and_what_is_short_is_kept() -> None:
    apply(says(1, traits={"email": "ada@example.com", "country": "x" * 300, "region": "DE-HB"}))

    assert attributes() == {"region": "DE-HB"}
    assert "ada@example.com" not in str(redis.client().hgetall(f"{keys.ATTRIBUTES}user:ada"))


def test_what_is_taken_back_is_gone() -> None:
    apply(says(1), says(3, traits={"country": None}), says(2))

    assert attributes() == {}


def test_nothing_is_kept_without_consent() -> None:
    apply(says(1, allowed=("analytics", "train_models")))

    assert attributes() == {}
    assert not redis.client().exists(f"{keys.ATTRIBUTES}user:ada")


def test_a_refusal_removes_what_was_said_before_it_and_what_comes_late() -> None:
    refusal = event(5, name="Consent Updated", consents={"personalization": False}, allowed=())

    apply(says(1), refusal, says(3, traits={"age": 34}))
    before = attributes()
    apply(says(6))

    assert before == {}
    assert attributes() == {"country": "C6"}


def test_a_shared_device_does_not_mix_two_accounts() -> None:
    apply(
        event(1, kind="identify", name="", user_id="ada", anonymous_id="phone", properties={}),
        says(2, None, anonymous_id="phone"),
        event(5, kind="identify", name="", user_id="bo", anonymous_id="phone", properties={}),
    )

    assert attributes(user_id="ada") == {"country": "C2"}
    assert attributes(user_id="bo") == {}


def test_the_version_grows_with_what_is_said() -> None:
    apply(says(1))
    before = read_person(user_id="ada").version

    apply(says(1))
    same = read_person(user_id="ada").version
    apply(says(2))

    assert (same, read_person(user_id="ada").version) == (before, before + 1)


def test_erasure_and_export_reach_it() -> None:
    apply(says(1, anonymous_id="phone"), event(2, anonymous_id="phone"))
    store = next(one for one in privacy.stores() if one.name == "profiles")
    ada = privacy.Person(subjects=("user:ada", "anonymous:phone"))

    exported = store.export(ada)
    store.erase(ada)

    assert exported["said"] == [{"name": "country", "value": "C1"}]
    assert [row["product_id"] for row in exported["profile"]] == ["P2"]
    assert store.verify(ada) == 0
    assert not [name for prefix in keys.ALL for name in redis.client().keys(f"{prefix}*")]


def test_an_export_holds_nothing_of_who_has_the_device_now() -> None:
    apply(
        says(1, anonymous_id="phone"),
        event(2, user_id=None, anonymous_id="phone"),
        says(5, "bo", anonymous_id="phone"),
        event(6, user_id="bo"),
    )
    store = next(one for one in privacy.stores() if one.name == "profiles")

    exported = store.export(privacy.Person(subjects=("user:ada", "anonymous:phone")))

    assert exported["said"] == [{"name": "country", "value": "C1"}]
    assert [row["product_id"] for row in exported["profile"]] == ["P2"]
