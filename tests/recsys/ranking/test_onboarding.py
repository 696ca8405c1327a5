"""Questions to a newcomer: both tastes first, then what the answers leave open, never the same twice, and quickly."""

import time
from collections.abc import Sequence

import numpy as np
import pytest

from recsys.arrays import Ints
from recsys.data.opinions import MAX_OPINIONS, opinions_of
from recsys.data.profile import Profile
from recsys.data.signals import SIGNAL_CODES
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.onboarding import demote_disliked, questions
from recsys.ranking.taste_space import (
    POOL_SIZE,
    TasteSpace,
    item_vectors,
    question_pool,
)
from recsys.ranking.text_similarity import TextSimilarity
from recsys.sources.registry import make
from tests.recsys.shops import START, catalog, checkerboard

N_ITEMS = 24
EVERYTHING = np.ones(N_ITEMS, np.bool_)
ALL: Ints = np.arange(N_ITEMS, dtype=np.int32)
Event = tuple[int, str, float]


def space(name: str = "ease") -> TasteSpace:
    """Return the space of a shop with two tastes, even and odd, as the source tells likeness."""
    rows, shop = checkerboard(n_users=40, n_items=N_ITEMS), catalog(N_ITEMS)
    vectors = item_vectors({name: make(name).fit(rows, shop)})
    assert vectors is not None
    return TasteSpace.of(vectors, ALL, ItemStatistics.fit(rows, shop, until=float(rows.times.max())))


def said(*events: Event) -> Profile:
    """Return the shopper of (item, signal, value) events, one after the other."""
    items, signals, values = zip(*events, strict=True) if events else ((), (), ())
    return Profile(
        items=np.array(items, np.int32),
        times=START + np.arange(len(events), dtype=np.float64),
        signals=np.array([SIGNAL_CODES[name] for name in signals], np.int8),
        weights=np.ones(len(events), np.float32),
        values=np.array(values, np.float32),
        now=START + 100,
    )


def liked(*items: int) -> list[Event]:
    return [(item, "like", 1.0) for item in items]


def disliked(*items: int) -> list[Event]:
    return [(item, "rating", 1.0) for item in items]


def next_items(where: TasteSpace, events: Sequence[Event] = (), k: int = 4) -> list[int]:
    result: list[int] = questions(where, opinions_of(said(*events)), EVERYTHING, k).items.tolist()
    return result


@pytest.mark.parametrize("name", ["ease", "als", "rp3beta", "content"])
def test_the_first_two_questions_are_of_both_tastes(name: str) -> None:
    first = next_items(space(name), k=2)

    assert {item % 2 for item in first} == {0, 1}


@pytest.mark.parametrize("name", ["ease", "als", "rp3beta", "content"])
def test_after_likes_of_one_taste_and_a_dislike_of_the_other_the_questions_stay_in_the_liked_one(name: str) -> None:
    page = next_items(space(name), [*liked(2), *disliked(3)], k=4)

    assert {item % 2 for item in page} == {0}


def test_a_like_and_a_dislike_of_the_same_product_lead_to_different_questions() -> None:
    where = space()

    after_like, after_dislike = next_items(where, liked(2), k=6), next_items(where, disliked(2), k=6)

    assert sum(item % 2 == 0 for item in after_like) > sum(item % 2 == 0 for item in after_dislike)


def test_what_was_answered_is_never_asked_again() -> None:
    where = space()
    events: list[Event] = []
    for number in range(N_ITEMS):
        (item,) = next_items(where, events, k=1)
        assert item not in {one[0] for one in events}
        events += liked(item) if number % 3 else disliked(item)

    assert next_items(where, events) == []


def test_a_view_is_no_answer_and_a_purchase_is_one() -> None:
    assert 5 in next_items(space(), [(5, "view", 1.0)], k=N_ITEMS)
    assert 5 not in next_items(space(), [(5, "purchase", 1.0)], k=N_ITEMS)


def test_the_latest_word_counts() -> None:
    changed = opinions_of(said(*disliked(3), *liked(3), *disliked(4), (4, "view", 1.0)))

    assert dict(zip(changed.items.tolist(), changed.values.tolist(), strict=True)) == {3: 1.0, 4: -1.0}
    assert changed.disliked.tolist() == [4]


def test_a_dislike_is_kept_whatever_else_was_looked_at_since() -> None:
    since: list[Event] = [(100 + item, "view", 1.0) for item in range(2 * MAX_OPINIONS)]

    result = opinions_of(said(*disliked(3), *since))

    assert result.disliked.tolist() == [3]
    assert len(result.items) == MAX_OPINIONS
    assert result.with_skipped([3]).items.tolist() == result.items.tolist()


@pytest.mark.parametrize(("stars", "value"), [(5.0, 1.0), (4.0, 0.5), (3.0, 0.0), (1.0, -1.0), (0.0, -1.0)])
def test_stars_are_answers_by_degrees(stars: float, value: float) -> None:
    assert opinions_of(said((3, "rating", stars))).values.tolist() == [value]


def test_a_skip_leads_away_as_a_dislike_does_but_less_surely() -> None:
    where, nothing = space(), opinions_of(said())
    kinds = [
        sum(item % 2 for item in questions(where, opinions, EVERYTHING, 8).items.tolist())
        for opinions in (nothing.with_skipped([2, 4, 6]), opinions_of(said(*disliked(2, 4, 6))))
    ]

    assert 4 < kinds[0] <= kinds[1]


def test_a_skip_does_not_take_an_answer_back() -> None:
    opinions = opinions_of(said(*liked(2))).with_skipped([2, 5, 5])

    assert dict(zip(opinions.items.tolist(), opinions.values.tolist(), strict=True)) == {2: 1.0, 5: -1.0}
    assert opinions.answered.tolist() == [2]


def test_what_is_not_allowed_is_not_asked() -> None:
    allowed = EVERYTHING.copy()
    allowed[::2] = False

    result = questions(space(), opinions_of(said()), allowed, 30).items

    assert sorted(result.tolist()) == list(range(1, N_ITEMS, 2))


def test_the_questions_are_the_same_for_the_same_answers() -> None:
    assert next_items(space(), liked(2), k=8) == next_items(space(), liked(2), k=8)


def test_what_is_close_to_a_dislike_goes_back() -> None:
    where, order = space(), np.arange(12, dtype=np.int32)

    moved = demote_disliked(where, opinions_of(said(*disliked(0), *liked(1))), order).tolist()
    unmoved = demote_disliked(where, opinions_of(said(*liked(1))), order).tolist()

    assert sorted(moved) == order.tolist()
    assert [item % 2 for item in moved[:5]].count(1) >= 4
    assert unmoved == order.tolist()


def test_without_behavior_the_words_of_the_catalog_make_the_space() -> None:
    where = TasteSpace.of(TextSimilarity.of(catalog(N_ITEMS)).rows, ALL, None)

    assert {item % 2 for item in next_items(where, k=2)} == {0, 1}


def test_an_empty_shop_and_products_without_a_word_raise_nothing() -> None:
    nothing = TextSimilarity.of(catalog(0)).rows
    empty = TasteSpace.of(nothing, np.empty(0, np.int32), None)
    silent = TasteSpace.of(lambda codes: np.zeros((len(codes), 3), np.float32), ALL, None)

    assert questions(empty, opinions_of(said()), np.empty(0, np.bool_), 5).items.tolist() == []
    assert next_items(silent, liked(0), k=3) == [1, 2, 3]


def test_a_product_outside_the_pool_stands_where_its_kind_does() -> None:
    rows, shop = checkerboard(n_users=40, n_items=N_ITEMS), catalog(N_ITEMS)
    vectors = item_vectors({"ease": make("ease").fit(rows, shop)})
    assert vectors is not None
    whole = TasteSpace.of(vectors, ALL[:16], None)

    even, odd, outside = (whole.points_of(np.array([code], np.int32))[0] for code in (2, 3, 20))

    assert whole.points_of(ALL[:16]).tolist() == whole.points.tolist()
    assert outside @ even > 0.5 > 0.1 > abs(outside @ odd)


def test_the_pool_holds_the_best_known_one_of_each_variant_group_on_sale() -> None:
    popular, groups = np.array([4, 2, 0, 1, 3], np.int32), np.array([7, -1, 7, -1, 8], np.int32)
    on_sale = np.array([True, False, True, True, True])

    assert question_pool(popular, groups, on_sale).tolist() == [4, 2, 3]
    assert (
        len(question_pool(np.arange(900, dtype=np.int32), np.full(900, -1, np.int32), np.ones(900, np.bool_)))
        == POOL_SIZE
    )


def test_a_page_of_questions_takes_two_milliseconds_at_most() -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(5_000, 64)).astype(np.float32)
    where = TasteSpace.of(lambda codes: vectors[codes], np.arange(POOL_SIZE, dtype=np.int32), None)
    opinions = opinions_of(said(*liked(*range(0, 40, 2)), *disliked(*range(1, 40, 2))))
    allowed, took = np.ones(5_000, np.bool_), []
    for _ in range(20):
        started = time.perf_counter()
        questions(where, opinions, allowed, 1)
        took.append(time.perf_counter() - started)

    assert min(took) < 0.002
