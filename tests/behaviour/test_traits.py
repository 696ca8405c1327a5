"""What every trait promises: no order, no split over ids, no replay changes its value."""

from copy import deepcopy
from importlib import import_module
from inspect import isabstract
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.types.base import SIGNALS, Interaction
from profiles import traits
from profiles.traits.base import DAY, ProductInfo, Trait
from profiles.traits.registry import TRAITS, values

NOW = 1_790_000_000_000_000
PRODUCTS = {
    "A": ProductInfo(("Furniture", "Chairs"), "Nord", 89.9),
    "B": ProductInfo(("Furniture", "Desks"), "Sol", 250.0),
    "C": ProductInfo(("Garden",), "Nord", 10.0),
    "D": ProductInfo(),
}
UNDONE = {"O1": 500, "O9": None}
INTERACTIONS = st.builds(
    Interaction,
    message_id=st.sampled_from(["m1", "m2", "m3"]),
    at=st.integers(NOW - 50 * DAY, NOW),
    signal=st.sampled_from(SIGNALS),
    product_id=st.sampled_from(["A", "B", "C", "D", "gone"]),
    quantity=st.sampled_from([1.0, 2.0, 0.5]),
    price=st.sampled_from([None, 19.99, 0.1, 0.2]),
    value=st.sampled_from([1.0, 3.0, 4.5, 5.0]),
    order_id=st.sampled_from([None, "O1", "O2"]),
)
HISTORIES = st.lists(INTERACTIONS, max_size=30)


@pytest.fixture(params=TRAITS)
def trait(request: pytest.FixtureRequest) -> Trait[Any]:
    return TRAITS[request.param]


def value(trait: Trait[Any], state: Any) -> Any:
    return trait.value(state, now=NOW, products=PRODUCTS, refunds=UNDONE)


def test_every_trait_of_the_folder_is_in_the_registry_by_a_key_of_its_own() -> None:
    modules = [import_module(f"{traits.__name__}.{file.stem}") for file in Path(*traits.__path__).glob("*.py")]
    classes = {own for module in modules for own in vars(module).values() if isinstance(own, type)}

    for kind in (own for own in classes if issubclass(own, Trait) and not isabstract(own)):
        assert type(TRAITS.get(kind.key)) is kind, f"registry.py needs {kind.__name__}, alone with the key {kind.key}"


@pytest.mark.parametrize("key", TRAITS)
@given(HISTORIES, st.randoms())
def test_the_order_of_the_history_changes_nothing(key: str, history: list[Interaction], random: Random) -> None:
    trait, shuffled = TRAITS[key], list(history)
    random.shuffle(shuffled)

    assert value(trait, trait.fold(history)) == value(trait, trait.fold(shuffled))


@pytest.mark.parametrize("key", TRAITS)
@given(HISTORIES, HISTORIES, HISTORIES)
def test_merging_the_ids_of_a_person_is_the_same_as_one_id(
    key: str, one: list[Interaction], two: list[Interaction], three: list[Interaction]
) -> None:
    trait = TRAITS[key]
    a, b, c = trait.fold(one), trait.fold(two), trait.fold(three)
    before = deepcopy(b)

    whole = value(trait, trait.fold(one + two + three))

    assert value(trait, trait.merge(trait.merge(a, b), c)) == whole
    assert value(trait, trait.merge(c, trait.merge(b, a))) == whole
    assert b == before


def test_nothing_is_said_about_an_empty_history(trait: Trait[Any]) -> None:
    assert value(trait, trait.empty()) is None


@given(HISTORIES)
def test_values_are_json(history: list[Interaction]) -> None:
    result = values(history, now=NOW, products=PRODUCTS)

    assert orjson.loads(orjson.dumps(result)) == result


def test_a_trait_has_a_name_for_the_api_and_one_for_people(trait: Trait[Any]) -> None:
    assert trait.key.isidentifier()
    assert trait.title[0].isupper()
