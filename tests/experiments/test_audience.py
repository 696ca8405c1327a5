"""The audience of an experiment: rows become a condition, a condition rows, and both a sentence."""

import pytest

from experiments.audience import Clause, clauses_of, condition_of, sentence_of
from experiments.conditions import errors_of, holds

ADA = {
    "segments": ["vip"],
    "traits": {"rfm": {"frequency": 3}, "device": "mobile", "sessions": {"count": 4}},
    "attributes": {"loyalty": "gold", "age": 30},
    "consent": {"marketing": True},
    "country": "DE",
}
HOLDS = [
    (Clause("segment:vip"), True),
    (Clause("segment:vip", "is_not"), False),
    (Clause("segment:new", "is_not"), True),
    (Clause("number:rfm.frequency", "at_least", "3"), True),
    (Clause("number:rfm.frequency", "at_most", "2.5"), False),
    (Clause("number:rfm.frequency", "is", "3"), True),
    (Clause("number:rfm.frequency", "is_not", "3"), False),
    (Clause("name:device", "is", "tablet, mobile"), True),
    (Clause("name:device", "is_not", "tablet, mobile"), False),
    (Clause("attribute:loyalty", "is", "gold"), True),
    (Clause("attribute:age", "is", "30"), True),
    (Clause("attribute:age", "at_least", "31"), False),
    (Clause("visitor", "is", "returning"), True),
    (Clause("visitor", "is", "new"), False),
    (Clause("consent:marketing"), True),
    (Clause("consent:marketing", "is_not"), False),
    (Clause("page:country", "is", "DE, AT"), True),
]


@pytest.mark.parametrize(("clause", "expected"), HOLDS)
def test_a_row_decides_as_it_says(clause: Clause, expected: bool) -> None:
    condition = condition_of([clause])

    assert errors_of(condition) == []
    assert holds(condition, ADA) is expected


@pytest.mark.parametrize(("clause", "_"), HOLDS)
def test_a_condition_becomes_the_same_rows_again(clause: Clause, _: bool) -> None:
    other = Clause("segment:vip")

    assert [condition_of([one]) for one in clauses_of(condition_of([clause])) or ()] == [condition_of([clause])]
    assert len(clauses_of(condition_of([clause, other])) or ()) == 2


def test_who_never_came_is_new() -> None:
    assert holds(condition_of([Clause("visitor", "is", "new")]), {"traits": {}})
    assert not holds(condition_of([Clause("visitor", "is", "returning")]), {"traits": {}})


@pytest.mark.parametrize(
    "condition",
    [{"$or": [{"country": "DE"}]}, {"country": "DE"}, {"a": {"$regex": "x"}}, {"$and": "x"}, {"a": {"$gt": 1}}],
)
def test_a_condition_of_another_shape_has_no_rows(condition: dict[str, object]) -> None:
    assert clauses_of(condition) is None


@pytest.mark.parametrize(
    ("clause", "text"),
    [
        (Clause("number:rfm.frequency", "is", "many"), "must be a number"),
        (Clause("name:device", "is", " , "), "say a value"),
        (Clause("page:", "is", "DE"), "name the attribute"),
        (Clause("visitor", "is", "sometimes"), "first visit"),
        (Clause("", "is", "x"), "choose what"),
    ],
)
def test_a_row_that_says_nothing_is_refused(clause: Clause, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        condition_of([clause])


def test_the_audience_in_a_sentence() -> None:
    clauses = [
        Clause("segment:vip"),
        Clause("name:device", "is", "mobile, tablet"),
        Clause("number:rfm.frequency", "at_least", "2"),
        Clause("visitor", "is", "returning"),
        Clause("consent:marketing", "is_not"),
    ]
    titles = {"segment:vip": "Best customers", "name:device": "Device", "number:rfm.frequency": "Orders"}

    assert sentence_of(clauses, titles) == (
        "Shoppers in the segment Best customers, and whose device is mobile or tablet, and whose orders is at least 2, "
        "and who came before, and who did not allow marketing."
    )
    assert sentence_of([], {}) == "Everybody."
