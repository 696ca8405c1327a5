"""Questions within visits: also of shoppers never seen before, and of product pages."""

from collections.abc import Callable

import numpy as np
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.folds import Fold, temporal
from recsys.data.time_split import cut_times
from recsys.data.visits import mid_session_questions, next_item, product_page
from tests.recsys import shops
from tests.recsys.shop_history import history, products

CUT = 1_000.0
ROWS = [
    (0, 0, 10.0, "view"),
    # A shopper known before the cut comes back.
    *((0, item, CUT + at, "view") for at, item in ((10, 1), (20, 1), (25, 3), (40, 2))),
    (0, 2, CUT + 50, "cart"),
    # A newcomer: a first visit of four events, two of them at once, and a second visit.
    *((1, item, CUT + at, "view") for at, item in ((100, 3), (110, 4))),
    *((1, item, CUT + 120, "purchase") for item in (4, 5)),
    *((1, item, CUT + at, "view") for at, item in ((9_000, 0), (9_010, 1))),
    # A newcomer who looks at one product only.
    (2, 5, CUT + 200, "view"),
]
SHOP = Dataset(shops.interactions(sorted(ROWS, key=lambda row: row[2]), n_users=3), shops.catalog(6), ())


def question_rows(fold: Fold) -> list[tuple[int, list[int], int]]:
    """Return (shopper, items of the profile, target) of each question."""
    known = [profile.items.tolist() for profile in fold.profiles]
    return list(zip(fold.users.tolist(), known, [int(own[0]) for own in fold.targets], strict=True))


def test_next_items_are_asked_of_first_visits_too() -> None:
    fold = next_item(SHOP, start=CUT, end=float("inf"), new_only=False)

    assert [one for one in question_rows(fold) if one[0] > 0] == [
        (1, [3], 4),
        (1, [3, 4], 4),
        (1, [3, 4], 5),
    ], "neither the first event, of which nothing is known, nor the second visit"
    assert sum(user == 0 for user, *_ in question_rows(fold)) == 5, "every event of a shopper known before"
    assert fold.newcomers.tolist() == (fold.users > 0).tolist()


def test_newcomers_are_hidden_from_what_models_learn() -> None:
    fold = next_item(SHOP, start=CUT, end=float("inf"), new_only=False)

    assert set(fold.past.users.tolist()) == {0}
    assert fold.past.times.max() < CUT == fold.until


def test_newcomers_take_half_of_the_questions_at_most() -> None:
    fold = next_item(SHOP, start=CUT, end=float("inf"), new_only=False, limit=4)
    few = next_item(SHOP, start=CUT, end=float("inf"), new_only=False, limit=7)

    assert (len(fold), fold.newcomers.sum()) == (4, 2)
    assert (len(few), few.newcomers.sum()) == (7, 3)


def test_a_page_asks_which_other_product_the_visit_views_next() -> None:
    fold = product_page(SHOP, start=CUT, end=float("inf"), new_only=False)

    assert question_rows(fold) == [
        (0, [0, 1], 3),
        (0, [0, 1, 1], 3),
        (0, [0, 1, 1, 3], 2),
        (1, [3], 4),
        (1, [3, 4, 4, 5, 0], 1),
    ], "no purchase or cart, not the product itself, nothing beyond the visit"
    assert fold.pages is not None
    assert fold.pages.tolist() == [profile.items[-1] for profile in fold.profiles]
    assert [context.page for context in fold.contexts] == fold.pages.tolist()
    assert all(profile.times[-1] == profile.now for profile in fold.profiles)
    assert fold.of_rows(np.array([3])).contexts[0].page == 3


def test_pages_of_a_shop_for_new_products_ask_for_those_only() -> None:
    again = [(0, item, CUT + at, "view") for at, item in ((10, 0), (20, 1), (30, 0), (40, 2))]
    shop = Dataset(shops.interactions([(0, 0, 10.0, "view"), *again], n_users=1), shops.catalog(3), ())

    every, fresh = (product_page(shop, start=CUT, end=float("inf"), new_only=new_only) for new_only in (False, True))

    assert [int(own[0]) for own in every.targets] == [1, 0, 2]
    assert [int(own[0]) for own in fresh.targets] == [1, 2]


@pytest.mark.parametrize("ask", [next_item, product_page])
def test_a_window_without_visits_asks_nothing(ask: Callable[..., Fold]) -> None:
    assert len(ask(SHOP, start=1e9, end=float("inf"), new_only=False)) == 0


def test_rankers_are_taught_on_pages_and_first_visits() -> None:
    rows = history().assign(event="view")
    rows["timestamp"] += 60.0 * rows.groupby(["user_id", "timestamp"]).cumcount()
    dataset = build(rows, products())
    start, end = cut_times(dataset.interactions.times, [0.3, 0.85])
    window = temporal(dataset, start=start, end=end, new_only=False)

    live = mid_session_questions(window, dataset, end=end)

    assert live.pages is not None
    is_page = live.pages >= 0
    assert len(live) == len(window), "as many as ever: the cost of a training does not grow"
    assert 0 < is_page.sum() <= len(live) / 2
    assert [context.page for context in live.contexts] == [page if page >= 0 else None for page in live.pages.tolist()]
