"""Directions, significance, siblings, repeats: what each item table says of a shop built to show it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from recsys.data.catalog import Catalog
from recsys.data.interactions import Interactions
from recsys.data.profile import Context, Profile
from recsys.data.signals import SIGNAL_CODES
from recsys.sources import content, ease, neighbors
from recsys.sources import matrix as matrices
from recsys.sources.bought_together import likelihood_ratio
from recsys.sources.content import Content, ContentConfig
from recsys.sources.decay import Query
from recsys.sources.ease import EASE, EASEConfig
from recsys.sources.neighbors import Neighbors, Rows
from recsys.sources.own_history import BuyAgain
from recsys.sources.registry import make
from recsys.sources.ridge import ridge_columns
from recsys.sources.scoring import Scoring
from tests.recsys import shops

DAY = shops.DAY


def orders(*baskets: tuple[int, ...], times: int = 10) -> Interactions:
    """Return a shop where each basket is bought by `times` shoppers, one order each."""
    rows = [
        (user * len(baskets) + place, item, shops.START + (user * len(baskets) + place) * 60, "purchase")
        for user in range(times)
        for place, basket in enumerate(baskets)
        for item in basket
    ]
    return shops.interactions(rows, n_users=times * len(baskets))


def answer(model: Scoring, *items: int, k: int = 5) -> list[int]:
    return model.recommend(Profile.empty(shops.START), Context(items=items), k).items.tolist()  # type: ignore[no-any-return]


def test_covisitation_follows_the_direction_of_travel() -> None:
    rows = [(user, item, shops.START + user * DAY + item * 60, "view") for user in range(9) for item in (0, 1, 2)]
    model = make("covisitation", backward=0.0).fit(shops.interactions(rows, n_users=9), shops.catalog(4))

    assert answer(model, 1) == [2]
    assert answer(model, 2) == []
    assert answer(model, 0) == [1, 2]


def test_session_knn_is_the_vote_of_all_sessions_and_keeps_none() -> None:
    visits = [(0, 1, 2), (1, 2), (2, 3, 4, 5), (0, 5), (3,)]
    model = make("session_knn", source_power=0.0, matrix_half_life_days=1e6).fit(orders(*visits), shops.catalog(6))
    current = np.array([0, 1, 1, 0, 0, 0])

    sets = np.array([[float(item in visit) for item in range(6)] for visit in visits[:-1]])
    votes = 10 * (sets @ current) / np.sqrt(sets.sum(axis=1)) @ sets
    votes[[1, 2]] = 0  # what was asked about is no answer
    scores = model.scores(Profile.empty(shops.START), Context(items=(1, 2)))
    assert scores[[0, 3, 4, 5]] == pytest.approx(votes[[0, 3, 4, 5]], rel=1e-4)
    assert {len(array) for array in model.arrays.values()} <= {6, 7, len(model.arrays["indices"])}


def test_session_knn_leaves_out_what_no_person_browses_in_one_go() -> None:
    robot = orders(tuple(range(12)))
    model = make("session_knn", longest=10).fit(robot, shops.catalog(12))
    assert answer(model, 0) == []
    assert len(answer(make("session_knn").fit(robot, shops.catalog(12)), 0)) == 5


def test_bought_together_ignores_chance_and_needs_two_orders() -> None:
    model = make("bought_together").fit(orders((0, 1), (2, 3), (4,), (5,)), shops.catalog(8))
    once = make("bought_together").fit(orders((0, 1), (2,), (3,), times=1), shops.catalog(8))

    assert answer(model, 0) == [1]
    assert answer(model, 0, 2) == [1, 3]
    assert answer(model, 4) == []
    assert answer(once, 0) == []


def test_what_was_only_looked_at_together_was_not_bought_together() -> None:
    bought = orders((0, 1), (2, 3))
    looked, carted = (
        replace(bought, signals=np.full(len(bought), SIGNAL_CODES[name], np.int8)) for name in ("view", "cart")
    )

    assert answer(make("bought_together").fit(bought, shops.catalog(4)), 0, k=1) == [1]
    assert answer(make("bought_together").fit(carted, shops.catalog(4)), 0, k=1) == [1]
    for name in ("bought_together", "complements"):
        assert answer(make(name).fit(looked, shops.catalog(4)), 0) == []


def test_the_likelihood_ratio_is_dunnings() -> None:
    # 110, 2442, 111, 29114: the table of the paper for "the swiss"
    assert float(likelihood_ratio(110.0, 2552.0, 221.0, 31777.0)) == pytest.approx(270.72, abs=0.01)
    assert float(likelihood_ratio(10.0, 100.0, 100.0, 1000.0)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("rows", [2_048, 2])
def test_complements_leave_out_variants_and_substitutes(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    monkeypatch.setattr(neighbors, "CHUNK_ROWS", rows)
    bought = orders((0, 1, 3), (2, 5), *[(2,), (5,)] * 3, (4, 6), *[(8,)] * 30)
    n = bought.n_users
    looks = [(n + user, item, shops.START + user * DAY + item, "view") for user in range(30) for item in (2, 5)]
    columns = (bought.users.tolist(), bought.items.tolist(), bought.times.tolist())
    sold = [(user, item, time, "purchase") for user, item, time in zip(*columns, strict=True)]
    data = shops.interactions([*sold, *looks], n_users=n + 30)
    catalog = shops.catalog(9)
    groups = ("same", "same", *catalog.group_ids[2:])
    catalog = replace(catalog, group_ids=groups)

    together = make("bought_together").fit(data, catalog)
    complements = make("complements").fit(data, catalog)

    assert answer(together, 2) == [5]
    assert answer(complements, 2) == []
    assert set(answer(together, 0)) == {1, 3}
    assert answer(complements, 0) == [3]
    assert answer(complements, 4) == [6]
    assert answer(make("complements").fit(shops.interactions(sold, n_users=n), catalog), 2) == [5]


def test_buy_again_prefers_what_people_buy_again() -> None:
    rows = [(user, 0, shops.START + day * DAY + user, "purchase") for user in range(9) for day in range(0, 70, 7)]
    rows += [(user, 1, shops.START + 64 * DAY + user, "purchase") for user in range(9)]
    model = make("buy_again").fit(shops.interactions(rows, n_users=9), shops.catalog(3))
    bought_both_once = Profile(
        items=np.array([1, 0], np.int32),
        times=np.array([shops.START, shops.START]),
        signals=np.full(2, SIGNAL_CODES["purchase"], np.int8),
        weights=np.ones(2, np.float32),
        values=np.ones(2, np.float32),
        now=shops.START + 7 * DAY,
    )

    assert model.recommend(bought_both_once, Context(), 3).items.tolist() == [0, 1]


def test_rate_of_a_rarely_bought_product_is_that_of_its_category() -> None:
    """Of nine shoppers, each buys tea (1) weekly and wool (0) once; tea 3 and wool 2 are bought by one shopper."""
    rows = [(user, 1, shops.START + day * DAY + user, "purchase") for user in range(9) for day in range(0, 70, 7)]
    rows += [(user, 0, shops.START + 64 * DAY + user, "purchase") for user in range(9)]
    rows += [(0, item, shops.START + 65 * DAY, "purchase") for item in (2, 3)]
    model = make("buy_again").fit(shops.interactions(rows, n_users=9), shops.catalog(4))
    assert isinstance(model, BuyAgain)

    usual, prior = 81 / 101, 10.0
    tea, wool = (81 + prior * usual) / (91 + prior), prior * usual / (10 + prior)

    rates = [prior * wool / 19, (81 + prior * tea) / 100, prior * wool / 11, prior * tea / 11]
    assert model.arrays["rate"].tolist() == pytest.approx(rates)


def test_new_products_are_bought_again_like_their_category() -> None:
    rows = [(user, 1, shops.START + day * DAY + user, "purchase") for user in range(9) for day in range(0, 70, 7)]
    rows += [(user, item, shops.START + 64 * DAY + user, "purchase") for user in range(90) for item in (0, 2)]
    model = make("buy_again").fit(shops.interactions(rows, n_users=90), shops.catalog(4))
    assert isinstance(model, BuyAgain)

    wider = model.extend(shops.catalog(7))

    assert model.repurchased.tolist() == [False, True, False, True]
    assert wider.repurchased.tolist() == [False, True, False, True, False, True, False]
    assert wider.arrays["rate"][:4].tolist() == model.arrays["rate"].tolist()
    assert wider.extend(shops.catalog(7)) is wider
    assert model.n_items == 4


def test_content_knows_new_products_without_a_refit() -> None:
    data, before, after = shops.checkerboard(), shops.catalog(12), shops.catalog(15)

    model = make("content").fit(data, before)
    wider = model.extend(after)  # type: ignore[attr-defined]

    assert wider.n_items == 15
    assert model.n_items == 12
    assert answer(wider, 13, k=1)[0] % 2 == 1
    assert set(answer(wider, 12, k=6)) <= set(range(0, 15, 2))
    assert 13 in answer(wider, 1, k=15)
    assert wider.knows(14)
    few = make("content", neighbors=2).fit(data, before)
    assert set(answer(few, 1, k=9)) < set(answer(few.extend(after), 1, k=9))  # type: ignore[attr-defined]
    own = make("content", own_weight=30.0).fit(data, before)
    assert own.extend(after).table.own[:12].tolist() == own.table.own.tolist()  # type: ignore[attr-defined]


def test_products_that_come_one_by_one_fill_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("content", neighbors=5).fit(shops.checkerboard(), shops.catalog(12))
    monkeypatch.setattr(neighbors, "MAX_ENTRIES", 48)

    for n_items in range(13, 40):
        model = model.extend(shops.catalog(n_items))  # type: ignore[attr-defined]

    assert model.table.matrix().nnz < 2 * 48 + 28 * 5  # type: ignore[attr-defined]


def test_content_meets_many_new_products_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    data, before, after = shops.checkerboard(), shops.catalog(12), shops.catalog(40)
    model = make("content", neighbors=5).fit(data, before)
    at_once = model.extend(after)  # type: ignore[attr-defined]
    joined: list[int] = []

    def capped(matrix: Any, most: int) -> Any:
        joined.append(matrix.shape[0])
        return matrices.top_k_per_row(matrix, most)

    monkeypatch.setattr(content, "block_rows", lambda _: 3)
    monkeypatch.setattr(content, "MAX_ENTRIES", 60)
    monkeypatch.setattr(content, "top_k_per_row", capped)
    in_parts = model.extend(after)  # type: ignore[attr-defined]

    assert joined.count(12) > 1, "what known products gain is cut as it grows"
    parted, whole = in_parts.table.matrix(), at_once.table.matrix()
    assert parted.indptr.tolist() == whole.indptr.tolist()
    assert np.array_equal(np.sort(parted.data), np.sort(whole.data))


def test_content_sees_pictures() -> None:
    pictures = np.eye(3, dtype=np.float32)[[0, 1, 2, 0, 1, 2]]
    bare = replace(shops.catalog(6), titles=(), descriptions=(), categories=(), brands=(), attributes=(), prices=None)
    model = make("content").fit(shops.interactions([], n_users=0), replace(bare, images=pictures))

    assert answer(model, 0) == [3]
    assert answer(model, 4) == [1]


def test_what_a_product_counts_for_itself_is_its_own_however_much_others_sell() -> None:
    """All products look and are called alike; each but the first was touched nine times, the first once."""
    touched = [(0, item, shops.START + at, "view") for item, times in enumerate((1, 9, 9)) for at in range(times)]
    data, settings = shops.interactions(touched, n_users=1), ContentConfig(popularity=1.0, neighbors=1)
    bare = Catalog(("a", "b", "c"), titles=("wool hat",) * 3)
    more = replace(bare, item_ids=(*bare.item_ids, "d"), titles=("wool hat",) * 4)
    seen = Catalog(bare.item_ids, images=np.ones((3, 2), np.float32))

    model = Content(settings).fit(data, bare)

    assert model.table.own == pytest.approx([2, 10, 10])
    assert model.extend(more).table.own == pytest.approx([2, 10, 10, 1])
    assert Content(settings).fit(data, seen).table.own == pytest.approx([1, 5, 5])


def test_content_hears_rare_words_where_attributes_are_common() -> None:
    """Products 0 to 3 are of one vast kind; 4 to 7 share ten rare attributes. Two of each share a word of the title."""
    titles = tuple(f"{word} thing{at}" for at, word in enumerate(("anvil", "anvil", "brush", "cello") * 2))
    kinds = (("common",),) * 4 + (tuple(f"rare{at}" for at in range(10)),) * 4 + (("common",),) * 12
    filled = titles + tuple(f"filler{at} thing{at + 8}" for at in range(12))
    bare = replace(shops.catalog(20), descriptions=(), categories=(), brands=(), prices=None)
    model = Content(ContentConfig(popularity=0.0)).fit(
        shops.interactions([], n_users=0), replace(bare, titles=filled, attributes=kinds)
    )
    likeness, words = model.table.matrix().toarray(), model._words()

    np.testing.assert_allclose(np.sqrt(words.multiply(words).sum(axis=1)), 1, atol=1e-6)
    assert likeness[0, 1] > 2 * likeness[0, 2]
    assert likeness[4, 5] < 1.2 * likeness[4, 6]


def test_the_three_ways_of_ease_agree() -> None:
    data, catalog = shops.checkerboard(n_users=30), shops.catalog(12)
    wide = shops.checkerboard(n_users=8)
    over_items = EASE().fit(data, catalog)
    by_ridge = EASE(EASEConfig(dense_limit=1)).fit(data, catalog)
    over_shoppers = EASE().fit(wide, catalog)
    wide_by_ridge = EASE(EASEConfig(dense_limit=1)).fit(wide, catalog)

    for exact, ridge, rows in ((over_items, by_ridge, data), (over_shoppers, wide_by_ridge, wide)):
        profile = shops.profile(rows, 0)
        assert ridge.scores(profile, Context()) == pytest.approx(exact.scores(profile, Context()), abs=1e-3)


def test_a_ridge_per_item_does_not_depend_on_how_many_other_shoppers_there_are() -> None:
    few = sparse.random(60, 40, 0.2, "csr", np.float32, random_state=7)
    many = sparse.csr_matrix((5_000, 40), dtype=np.float32).tolil()
    many[np.arange(60) * 80] = few

    alone, among = (ridge_columns(matrix, ridge=2.0, features=12) for matrix in (few, many.tocsr()))

    assert alone.nnz == 40 * 12
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(among, name), getattr(alone, name))


@pytest.mark.parametrize(
    ("ridge", "events", "within"), [(1.0, 100, 1e-3), (5.0, 100, 1e-3), (200.0, 100, 1e-3), (1.0, 900, 5e-3)]
)
def test_the_inverse_over_shoppers_is_exact_for_what_nearly_everybody_holds(
    ridge: float, events: int, within: float
) -> None:
    """Of products with a long tail: the first ones are held by all shoppers, dozens of times by many."""
    rng, (n_users, n_items) = np.random.default_rng(0), (400, 800)
    chance = np.arange(1, n_items + 1) ** -1.5
    items = rng.choice(n_items, events * n_users, p=chance / chance.sum())
    cells = np.ones(len(items), np.float32), (np.repeat(np.arange(n_users), events), items)
    matrix = sparse.csr_matrix(cells, shape=(n_users, n_items))

    gram = (matrix.T @ matrix).toarray().astype(np.float64)
    inverse = np.linalg.inv(gram + ridge * np.eye(n_items))
    expected, result = -inverse / np.diagonal(inverse), np.vstack(list(ease._over_shoppers(matrix, ridge)))
    for table in (expected, result):
        np.fill_diagonal(table, 0)

    assert np.abs(result - expected).max() < within * np.abs(expected).max()


@pytest.mark.parametrize(
    ("bound", "value", "dense_limit"),
    [
        ("MAX_MULTIPLICATIONS", 24 * 8, 12_500),  # three shoppers for each of the first eight
        ("MAX_DENSE_CELLS", 6 * 8, 12_500),
        ("MAX_REGRESSIONS", 8, 1),
    ],
)
def test_ease_leaves_out_the_tail_where_it_is_too_long(
    monkeypatch: pytest.MonkeyPatch, bound: str, value: int, dense_limit: int
) -> None:
    rows = [(user, item) for user in range(6) for item in range(12) if user % 2 == item % 2 and (item < 8 or user == 0)]
    data = shops.interactions([(user, item, 1.0 + item, "view") for user, item in rows], n_users=6)
    whole = EASE().fit(data, shops.catalog(12))

    monkeypatch.setattr(ease, bound, value)
    model = EASE(EASEConfig(dense_limit=dense_limit)).fit(data, shops.catalog(12))

    assert np.flatnonzero(np.diff(whole.arrays["indptr"])).tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 10]
    assert np.flatnonzero(np.diff(model.arrays["indptr"])).tolist() == list(range(8))
    scores = model.scores(shops.profile(data, 1), Context())
    assert set(np.flatnonzero(scores > 0)) <= {1, 3, 5, 7}


@pytest.mark.parametrize("dense_limit", [12_500, 1])
def test_ease_learns_nothing_of_products_that_nobody_holds(monkeypatch: pytest.MonkeyPatch, dense_limit: int) -> None:
    data, widths = shops.checkerboard(n_users=8), []
    for name in ("_over_shoppers", "ridge_columns"):
        real = getattr(ease, name)

        def counted(matrix: Any, *args: Any, real: Any = real, **options: Any) -> Any:
            widths.append(matrix.shape[1])
            return real(matrix, *args, **options)

        monkeypatch.setattr(ease, name, counted)
    few, many = (EASE(EASEConfig(dense_limit=dense_limit)).fit(data, shops.catalog(n)) for n in (12, 400))

    assert widths == [12, 12]
    for name in ("indices", "values"):
        assert np.array_equal(few.arrays[name], many.arrays[name])


def test_a_table_of_too_many_neighbors_has_its_longest_rows_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths = (1, 5, 2, 0, 7, 7, 3, 1)
    square = np.zeros((8, 8), np.float32)
    for row, length in enumerate(lengths):
        square[row, [at for at in range(8) if at != row][:length]] = 1 + np.arange(length)

    def rows(entries: int) -> list[int]:
        monkeypatch.setattr(neighbors, "MAX_ENTRIES", entries)
        result = neighbors.build_table([sparse.csr_matrix(square)], max_neighbors=7).rows
        for row in range(8):  # the best are kept
            best = square[row][square[row] > 0]
            own = result.values[result.indptr[row] : result.indptr[row + 1]]
            assert sorted(own) == sorted(best)[len(best) - len(own) :]
        return list(np.diff(result.indptr))

    assert rows(26) == list(lengths)
    assert rows(25) == [1, 5, 2, 0, 6, 6, 3, 1]
    assert rows(19) == [1, 4, 2, 0, 4, 4, 3, 1]
    assert rows(2) == [1, 1, 1, 0, 1, 1, 1, 1]


def grown(*sizes: int) -> Neighbors:
    """Return a table by chance that grew from one size to the next."""
    rng = np.random.default_rng(4)

    def by_chance(rows: int, columns: int) -> Any:
        return sparse.random(rows, columns, 0.4, format="csr", dtype=np.float32, random_state=rng)

    first, *others = sizes
    result = neighbors.build_table([by_chance(first, first)], max_neighbors=20)
    for old, new in zip(sizes, others, strict=False):
        below = neighbors.build_table([by_chance(new - old, new)], max_neighbors=20, start=old)
        result = result.extended(by_chance(old, new - old), below)
    return result


def test_a_table_that_grew_is_as_one_written_anew() -> None:
    result, again = grown(20, 26, 27), np.array([26, 3, 0, 25, 3], np.int32)
    whole = result.matrix()
    anew = Neighbors(Rows.of(whole), result.own)

    assert (whole.shape, whole.has_canonical_format) == ((27, 27), True)
    assert whole[:20, :20].nnz == grown(20).matrix().nnz, "known products keep their neighbors"
    assert whole[:20, 20:].nnz > 20 < whole[20:].nnz
    for table in (result, Neighbors.of(result.arrays())):
        indices, values, places = table.lookup(again)
        order = np.lexsort((indices, places))
        assert all(map(np.array_equal, (indices[order], values[order], places[order]), anew.lookup(again)))
        assert np.array_equal(table.lengths(again), anew.lengths(again))
        assert np.array_equal(table.is_neighbor(), np.asarray(whole.sum(axis=0)).ravel() > 0)
        history = (again[:3], np.array([1.0, 0.5, 0.2]))
        assert table.gains(history, 0.5) == pytest.approx(anew.gains(history, 0.5), rel=1e-12)
        even = again[:4], np.ones(4)
        for item in range(27):
            assert table.explain(history, item) == anew.explain(history, item)
            assert table.explain(even, item, 4) == anew.explain(even, item, 4)


def test_what_a_table_gained_is_cut_and_not_what_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    before = grown(20)
    monkeypatch.setattr(neighbors, "MAX_ENTRIES", before.matrix().nnz)

    many = grown(20, 90).matrix()

    assert (many[:20, :20] != before.matrix()).nnz == 0
    assert np.diff(many[:20, 20:].tocsr().indptr).max() <= before.matrix().nnz // 20


def test_one_new_product_has_nothing_of_a_large_table_written_anew() -> None:
    model = make("content", neighbors=5).fit(shops.checkerboard(), shops.catalog(12))

    wider = model.extend(shops.catalog(15)).extend(shops.catalog(16))  # type: ignore[attr-defined]

    assert wider.arrays["indices"] is model.arrays["indices"]
    assert wider.arrays["values"] is model.arrays["values"]


@pytest.mark.parametrize("sizes", [(60,), (50, 59, 60)], ids=["as it was learnt", "that grew"])
def test_few_queries_widen_only_their_rows_of_a_table(sizes: tuple[int, ...]) -> None:
    rng, result = np.random.default_rng(3), grown(*sizes)

    def query() -> Query:
        return np.sort(rng.choice(60, 2, replace=False)).astype(np.int32), rng.random(2)

    nothing = (np.empty(0, np.int32), np.empty(0))
    for queries in ([query()], [nothing, query()], [query() for _ in range(40)], [nothing], []):
        for one, line in zip(queries, result.gains_many(queries, 0.5), strict=True):
            assert line.tolist() == result.gains(one, 0.5).tolist()


def test_which_rows_are_widened_goes_by_all_that_a_table_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    result, query, widened = grown(20, 200), (np.array([0], np.int32), np.ones(1)), []
    wide = Neighbors._wide

    def counted(own: Neighbors, codes: Any) -> Any:
        widened.append(codes)
        return wide(own, codes)

    monkeypatch.setattr(Neighbors, "_wide", counted)
    length = int(result.lengths(query[0])[0])
    assert len(result.rows.values) < 10 * length < result.matrix().nnz

    list(result.gains_many([query], 0.5))

    assert [codes.tolist() for codes in widened] == [[0]]


def test_answering_settings_change_without_another_fit() -> None:
    model = make("rp3beta").fit(shops.checkerboard(), shops.catalog(12))

    fresh = make("rp3beta", step=0.5, own_weight=0.0).fit(shops.checkerboard(), shops.catalog(12))
    profile = shops.profile(shops.checkerboard(), 4)

    changed = model.reconfigured(step=0.5, own_weight=0.0)
    assert changed.scores(profile, Context()).tolist() == fresh.scores(profile, Context()).tolist()
    with pytest.raises(ValueError, match="alpha"):
        model.reconfigured(alpha=1.0)


def test_the_order_of_an_orders_lines_means_nothing_to_covisitation() -> None:
    lines = ((0, "view"), (1, "purchase"), (2, "view"), (3, "view"))
    tables = []
    for history in (lines, lines[::-1]):
        rows = [(user, item, shops.START + user * DAY, signal) for user in range(5) for item, signal in history]
        model = make("covisitation").fit(shops.interactions(rows, n_users=5), shops.catalog(5))
        tables.append(model.scores_many([Profile.empty(shops.START)] * 4, [Context(items=(at,)) for at in range(4)]))

    assert tables[0] == pytest.approx(tables[1], rel=1e-5)
    assert tables[0][2, 3] == pytest.approx(tables[0][3, 2], rel=1e-5)


def test_covisitation_counts_gaps_in_moments_and_not_in_lines() -> None:
    basket = tuple(range(8))
    rows = [
        (user, item, shops.START + user * DAY + later * 60, "purchase")
        for user in range(4)
        for later, lines in enumerate((basket, (8,)))
        for item in lines
    ]
    model = make("covisitation", max_gap=1).fit(shops.interactions(rows, n_users=4), shops.catalog(10))

    assert all(8 in answer(model, item, k=9) for item in basket)


def test_significance_is_reckoned_as_exactly_in_a_large_shop(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[np.dtype[Any]] = []

    def listening(*counts: Any) -> Any:
        heard.extend(np.asarray(one).dtype for one in counts)
        return likelihood_ratio(*counts)

    monkeypatch.setattr("recsys.sources.bought_together.likelihood_ratio", listening)
    make("bought_together").fit(orders((0, 1), (2,)), shops.catalog(4))

    assert np.dtype(np.float32) not in heard  # a million orders have logarithms that differ in the eighth digit


def test_a_lone_new_product_is_known_by_what_it_is_like() -> None:
    rows = [(0, item, shops.START, "view") for item in (0, 1, 2)] + [(1, 0, shops.START + 300 * DAY, "view")]
    data = shops.interactions(rows, n_users=2)
    shelf = replace(shops.catalog(4), first_seen=None)
    model, shopper = make("new_arrivals").fit(data, shelf), shops.profile(data, 0)

    assert model.recommend(shopper, Context(), 5).items.tolist() == [3]
    assert model.knows(3)
    assert model.explain(shopper, Context(), 3)[0] == 1  # of the same kind


def test_what_nobody_touched_for_years_is_no_new_arrival() -> None:
    rows = [(0, item, shops.START, "view") for item in (0, 1, 2)] + [(1, 0, shops.START + 300 * DAY, "view")]
    data, shelf = shops.interactions(rows, n_users=2), shops.catalog(6)
    seen = np.array([np.nan, np.nan, np.nan, 300 - 5 * 365, 299, np.nan]) * DAY + shops.START

    model = make("new_arrivals").fit(data, replace(shelf, first_seen=seen))

    assert sorted(model.recommend(shops.profile(data, 0), Context(), 5).items.tolist()) == [4, 5]


def test_ease_of_products_always_bought_together_is_exact_for_the_heaviest_events() -> None:
    data = orders((0, 1), (2, 3), (0, 1, 2), times=400)
    heavy = replace(data, weights=np.full(len(data.items), 1e4, np.float32))
    model = make("ease", ridge=1.0, damping=1.0, shopper_power=0.0, own_weight=0.0).fit(heavy, shops.catalog(4))

    assert model.scores(shops.profile(data, 0), Context())[[0, 1]] == pytest.approx(1.0, abs=1e-3)
