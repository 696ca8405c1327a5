"""Rule segments: who meets them, until when, what is refused, and how they read."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import InvalidInput
from profiles.history import LASTING
from profiles.segments.rules.conditions import as_json
from profiles.segments.rules.evaluation import Verdict, evaluate, meets
from profiles.segments.rules.necessary import Minimum, minima
from profiles.segments.rules.parsing import parse
from profiles.segments.rules.wording import sentence
from tests.profiles.segments.shoppers import DAY, MINUTE, NOW, did, shopper

CHAIRS = {"event": "view", "is": "at_least", "times": 3, "within": "30 minutes", "category": "Furniture/Chairs"}
BUYER = {"trait": "rfm.frequency", "is": "at_least", "value": 2}


def holds(rule: dict[str, Any], *history: Any, **more: Any) -> bool:
    return evaluate(parse(rule), shopper(*history, **more)).holds


def test_three_chairs_in_thirty_minutes_end_when_the_first_is_thirty_minutes_old() -> None:
    views = [did("view", "chair", minutes_ago=29), did("view", "stool", minutes_ago=5), did("view", "chair")]

    assert evaluate(parse(CHAIRS), shopper(*views)) == Verdict(True, NOW - 29 * MINUTE + 30 * MINUTE)
    assert not holds(CHAIRS, *views, now=NOW + MINUTE)
    assert not holds(CHAIRS, *views[:2], did("view", "rose"))


def test_with_more_than_needed_the_verdict_changes_when_too_few_are_left() -> None:
    views = [did("view", minutes_ago=minutes) for minutes in (28, 20, 10, 5)]

    assert evaluate(parse(CHAIRS), shopper(*views)).changes_at == NOW + 10 * MINUTE


def test_an_event_counts_once_however_many_products_it_names() -> None:
    rule = {"event": "purchase", "is": "equals", "times": 1}

    assert holds(rule, did("purchase", "chair", message_id="m1"), did("purchase", "rose", message_id="m1"))


def test_at_most_begins_to_hold_by_time_alone() -> None:
    rule = {"event": "view", "is": "at_most", "times": 0, "within": "1 hour"}

    assert evaluate(parse(rule), shopper(did("view", minutes_ago=50))) == Verdict(False, NOW + 10 * MINUTE)
    assert holds(rule, did("view", minutes_ago=60))


def test_last_event_within_and_before() -> None:
    within, before = {"last": "purchase", "within": "7 days"}, {"last": "purchase", "before": "7 days"}
    recent, old = did("purchase", minutes_ago=1440), did("purchase", minutes_ago=8 * 1440)

    assert holds(within, recent)
    assert not holds(within, old)
    assert holds(before, old)
    assert not holds(before, old, recent)
    assert not holds(before, did("view"))
    assert evaluate(parse(before), shopper(recent)) == Verdict(False, recent.at + 7 * DAY)


def test_traits_attributes_and_groups() -> None:
    orders = [did("purchase", order_id="O1", minutes_ago=9), did("purchase", order_id="O2")]

    assert holds(BUYER, *orders)
    assert not holds(BUYER, orders[0])
    assert holds({"not": BUYER}, orders[0])
    assert holds({"trait": "favorite_brands", "value": "nord"}, did("view"))
    assert holds({"attribute": "loyalty", "value": ["Gold", "silver"]}, attributes={"loyalty": "gold"})
    assert holds({"any": [BUYER, {"all": [{"not": BUYER}, {"event": "view", "times": 1}]}]}, did("view"))
    assert not holds({"all": [BUYER, {"event": "view", "times": 1}]}, *orders)


def test_days_since_last_seen_change_a_day_later() -> None:
    rule = {"trait": "recency_days", "is": "at_least", "value": 2}
    seen = did("view", minutes_ago=1.5 * 1440)

    assert evaluate(parse(rule), shopper(seen)) == Verdict(False, seen.at + 2 * DAY)
    assert holds(rule, seen, now=seen.at + 2 * DAY)


def test_who_is_unknown_is_in_no_segment_also_not_in_those_of_absence() -> None:
    assert evaluate(parse({"not": BUYER}), shopper()) == Verdict(False)
    assert evaluate(parse({"event": "view", "is": "at_most", "times": 5}), shopper()) == Verdict(False)


@given(
    st.lists(st.integers(0, 90), max_size=8),
    st.sampled_from(["at_least", "at_most", "equals"]),
    st.integers(1, 4),
    st.sampled_from([None, "within", "before"]),
)
def test_no_verdict_changes_before_its_time(ages: list[int], comparison: str, times: int, last: str | None) -> None:
    count = {"event": "view", "is": comparison, "times": times, "within": "45 minutes"}
    rule = parse({"any": [count, {"last": "view", last: "60 minutes"}]} if last else count)
    state = shopper(*(did("view", minutes_ago=age, message_id=f"m{place}") for place, age in enumerate(ages)))

    verdict = evaluate(rule, state)

    assert meets(rule, state) == verdict.holds
    for minute in range(120):
        now = NOW + minute * MINUTE
        if verdict.changes_at is None or now < verdict.changes_at:
            assert evaluate(rule, replace(state, now=now)).holds == verdict.holds


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ([], "rule"),
        ({}, "rule"),
        ({"all": []}, "rule.all"),
        ({"all": [{"any": [3]}]}, "rule.all[0].any[0]"),
        ({"event": "view", "trait": "rfm.frequency"}, "rule"),
        ({"event": "flew", "times": 1}, "rule.event"),
        ({"event": "view", "times": -1}, "rule.times"),
        ({"event": "view", "times": True}, "rule.times"),
        ({"event": "view", "is": "at_least", "times": 0}, "rule.times"),
        ({"event": "view", "times": 1, "within": "soon"}, "rule.within"),
        ({"event": "view", "times": 1, "within": "0 days"}, "rule.within"),
        ({"event": "view", "times": 1, "colour": "red"}, "rule.colour"),
        ({"event": "view", "times": 1, "is": "many"}, "rule.is"),
        ({"event": "view", "times": 1, "category": [{}]}, "rule.category"),
        ({"last": "view"}, "rule.within"),
        ({"last": "view", "within": "1 day", "before": "2 days"}, "rule.within"),
        ({"trait": "luck", "value": 1}, "rule.trait"),
        ({"trait": ["rfm"], "value": 1}, "rule.trait"),
        ({"trait": "rfm.frequency", "value": float("nan")}, "rule.value"),
        ({"trait": "favorite_brands", "value": ""}, "rule.value"),
        ({"attribute": "", "value": "gold"}, "rule.attribute"),
        ({"attribute": "loyalty", "is": "at_least", "value": "gold"}, "rule.is"),
        ({"not": {"not": {"not": {"not": {"not": {"not": {"not": BUYER}}}}}}}, "rule.not.not.not.not.not.not"),
        ({"all": [BUYER] * 51}, "rule"),
    ],
)
def test_an_error_names_its_field(rule: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as error:
        parse(rule)

    assert [one.field for one in error.value.errors] == [field]


def test_each_wrong_condition_has_an_error() -> None:
    with pytest.raises(InvalidInput) as error:
        parse({"all": [{"event": "flew"}, BUYER, {"last": "view"}]})

    assert [one.field for one in error.value.errors] == ["rule.all[0].event", "rule.all[2].within"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (CHAIRS, "Viewed products in Furniture/Chairs at least 3 times within 30 minutes"),
        (
            {"all": [BUYER, {"last": "view", "before": "1 day"}]},
            "Orders at least 2 and last viewed a product more than",
        ),
        ({"any": [BUYER, {"all": [BUYER, {"not": BUYER}]}]}, "Orders at least 2 or (orders at least 2 and not (orders"),
        ({"attribute": "loyalty", "value": ["gold", "silver"]}, "Loyalty is gold or silver"),
        ({"trait": "favorite_brands", "value": "Nord"}, "Favorite brands: Nord"),
        ({"event": "cart", "times": 1, "product": "P1"}, "Added to the cart product P1 at least 1 time"),
    ],
)
def test_a_rule_reads_as_a_sentence_and_survives_json(rule: dict[str, Any], words: str) -> None:
    node = parse(rule)

    assert sentence(node).startswith(words)
    assert parse(as_json(node)) == node


SIMPLE = [
    {"event": "view", "is": "at_least", "times": 2, "within": "45 minutes"},
    {"event": "purchase", "is": "equals", "times": 1},
    {"event": "cart", "is": "at_most", "times": 1},
    {"last": "view", "before": "20 minutes"},
    {"last": "purchase", "within": "60 minutes"},
    {"trait": "rfm.frequency", "is": "at_least", "value": 1},
    {"trait": "action_counts.view", "is": "at_least", "value": 1.5},
]


@given(
    st.lists(st.tuples(st.sampled_from(["view", "cart", "purchase"]), st.integers(0, 90)), max_size=8),
    st.sampled_from(["all", "any"]),
    st.lists(st.sampled_from([*SIMPLE, *({"not": one} for one in SIMPLE)]), min_size=1, max_size=3),
)
def test_every_member_has_what_a_scan_asks_for_first(
    events: list[tuple[Any, int]], mode: str, parts: list[dict[str, Any]]
) -> None:
    rule = parse({mode: parts})
    history = [did(signal, minutes_ago=age, message_id=f"m{at}") for at, (signal, age) in enumerate(events)]

    if meets(rule, shopper(*history)):
        for one in minima(rule):
            since = 0 if one.window is None else NOW - one.window
            own = [row for row in history if (row.signal in LASTING) == one.is_lasting and row.at > since]
            assert len(own) >= one.times


def test_a_scan_asks_for_what_the_rule_needs_at_least() -> None:
    bought = {"event": "purchase", "times": 1}

    assert minima(parse({"all": [CHAIRS, bought]})) == (
        Minimum(is_lasting=False, window=30 * MINUTE, times=3),
        Minimum(is_lasting=True, window=None, times=1),
    )
    assert minima(parse({"any": [CHAIRS, bought]})) == ()
    assert minima(parse({"not": CHAIRS})) == ()
