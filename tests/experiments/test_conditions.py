"""Conditions are decided as GrowthBook's Python SDK decides them."""

from typing import Any

import pytest
from growthbook.core import evalCondition, paddedVersionString
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.conditions import errors_of, holds, padded_version

ATTRIBUTES: dict[str, Any] = {
    "id": "u1",
    "age": 30,
    "score": 0,
    "premium": True,
    "country": "DE",
    "name": "Ärger",
    "version": "v1.10.2-rc.1",
    "tags": ["new", "vip", 3, None],
    "empty": [],
    "address": {"city": "Köln", "zip": {"code": 50667}},
    "orders": [{"total": 10, "items": ["a"]}, {"total": 99, "items": []}],
    "nothing": None,
}
CONDITIONS: list[Any] = [
    {},
    {"country": "DE"},
    {"country": "de"},
    {"age": 30},
    {"age": "30"},
    {"premium": 1},
    {"nothing": None},
    {"missing": None},
    {"address.city": "Köln"},
    {"address": {"city": "Köln", "zip": {"code": 50667}}},
    {"address": {"zip": {"code": 50667}, "city": "Köln"}},
    {"orders.1.total": 99},
    {"orders.length": 2},
    {"orders.01.total": 99},
    {"tags": ["new", "vip", 3, None]},
    {"$or": []},
    {"$and": []},
    {"$nor": []},
    {"$or": [{"age": 1}, {"country": "DE"}]},
    {"$nor": [{"age": 1}, {"country": "FR"}]},
    {"$and": [{"age": 30}, {"country": "DE"}]},
    {"$not": {"age": 30}},
    {"age": {"$not": {"$gt": 40}}},
    {"age": {}},
    {"age": {"$gt": 20, "$lt": 40}},
    {"age": {"$gt": "20"}},
    {"name": {"$lt": "Z"}},
    {"name": {"$gte": "Ärger"}},
    {"premium": {"$gt": 0}},
    {"score": {"$in": [False]}},
    {"score": {"$in": [0]}},
    {"premium": {"$in": [1]}},
    {"tags": {"$in": ["vip"]}},
    {"tags": {"$nin": ["vip"]}},
    {"tags": {"$in": "vip"}},
    {"tags": {"$all": ["vip", {"$gt": 2}]}},
    {"tags": {"$alli": ["VIP"]}},
    {"tags": {"$ini": ["VIP"]}},
    {"country": {"$nini": ["de", "fr"]}},
    {"address": {"$in": [{"city": "Köln"}]}},
    {"tags": {"$size": 4}},
    {"tags": {"$size": {"$gt": 3}}},
    {"tags": {"$elemMatch": {"$eq": "vip"}}},
    {"orders": {"$elemMatch": {"total": {"$gt": 50}}}},
    {"orders": {"$elemMatch": {"$or": [{"total": 10}]}}},
    {"tags": {"$exists": True}},
    {"missing": {"$exists": False}},
    {"missing": {"$exists": 0}},
    {"missing": {"$ne": "a"}},
    {"missing": {"$not": {"$exists": True}}},
    {"country": {"$regex": "^D"}},
    {"country": {"$regexi": "^d"}},
    {"country": {"$notRegex": "^D"}},
    {"country": {"$regex": "("}},
    {"country": {"$notRegex": "("}},
    {"missing": {"$regex": "a"}},
    {"missing": {"$notRegexi": "a"}},
    {"version": {"$vgt": "1.9.0"}},
    {"version": {"$vlt": "1.10.2"}},
    {"version": {"$veq": "1.10.2-rc.1+build7"}},
    {"age": {"$vne": "30"}},
    {"age": {"$veq": 30}},
    {"age": {"$type": "number"}},
    {"premium": {"$type": "boolean"}},
    {"tags": {"$type": "array"}},
    {"address": {"$type": "object"}},
    {"nothing": {"$type": "null"}},
    {"age": {"$unknown": 1}},
    {"$not": {"age": {"$unknown": 1}}},
    {"$or": [{"age": {"$unknown": 1}}, {"age": 30}]},
    {"$unknown": 1},
    {"country": {"$inGroup": "g"}},
    {"country": {"$notInGroup": "g"}},
    {"country": {"$notInGroup": 3}},
    {"$savedGroup": {"id": "g"}},
    {"$or": 3},
    {"tags": {"$elemMatch": 3}},
    {"age": {"$eq": float("nan")}},
]


@pytest.mark.parametrize("condition", CONDITIONS, ids=str)
def test_a_condition_holds_as_in_the_sdk(condition: Any) -> None:
    assert holds(condition, ATTRIBUTES) is evalCondition(ATTRIBUTES, condition)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from(["", "a", "A", "ä", "1.2.3", "v1.2"])
    | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "1"]), inner, max_size=2),
    max_leaves=5,
)
OPERATORS = st.sampled_from(
    [
        f"${one}"
        for one in ("eq", "ne", "lt", "lte", "gt", "gte", "veq", "vne", "vgt", "vlte", "in", "nin", "ini", "nini")
    ]
    + ["$all", "$alli", "$exists", "$type", "$size", "$not", "$x"]
)
LEAVES = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "a.1", "c"]), VALUES | st.dictionaries(OPERATORS, VALUES, max_size=2), max_size=2
)
NESTED = st.recursive(
    LEAVES,
    lambda inner: (
        st.dictionaries(st.sampled_from(["$or", "$and", "$nor"]), st.lists(inner, max_size=3), max_size=1)
        | st.dictionaries(st.just("$not"), inner, max_size=1)
    ),
    max_leaves=4,
)


@settings(max_examples=500)
@given(NESTED, st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2))
def test_any_condition_holds_as_in_the_sdk(condition: Any, attributes: dict[str, Any]) -> None:
    assert holds(condition, attributes) is evalCondition(attributes, condition)


@given(st.from_regex(r"v?[0-9]{1,3}(\.[0-9]{1,3}){0,3}(-[a-z0-9.]{0,5})?(\+[a-z]{0,3})?", fullmatch=True))
def test_versions_sort_as_in_the_sdk(version: str) -> None:
    assert padded_version(version) == paddedVersionString(version)


def test_errors_name_the_attribute_and_the_operator() -> None:
    assert errors_of({"age": {"$gt": 1}, "$or": [{"segments": {"$in": ["vip"]}}]}) == []
    assert errors_of({"age": {"$more": 1}}) == ["age: there is no operator $more"]
    assert errors_of({"$and": [{"$many": 1}]}) == ["$and: there is no operator $many here"]
    assert errors_of([1]) == ["must be an object of attributes with values"]
    (lookahead,) = errors_of({"path": {"$regex": "(?=a)"}})
    assert lookahead.startswith("path: this pattern is not understood")
    assert errors_of({"path": {"$notRegexi": 5}}) == ["path: a pattern is a text"]


@pytest.mark.parametrize("pattern", ["^(a+)+$", "(a|aa)+$", "(.*)*x"])
def test_no_pattern_runs_for_ever(pattern: str) -> None:
    condition = {"path": {"$regex": pattern}}

    assert errors_of(condition) == []
    assert holds(condition, {"path": "a" * 50_000 + "!"}) is False


def test_half_a_surrogate_pair_matches_no_pattern() -> None:
    assert holds({"path": {"$regex": "a"}}, {"path": "\ud800a"}) is False
