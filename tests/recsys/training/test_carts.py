"""Questions of carts, and the ranker that learns from them: a shop whose carts are planted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from recsys.data.dataset import Dataset, build
from recsys.data.profile import Context, Profile
from recsys.evaluation.carts import cart_lines, evaluate_carts
from recsys.evaluation.evaluate import Options
from recsys.ranking.cart_ranker import BASKET, EVIDENCE, QUOTAS, cart_candidates, nearest_gap
from recsys.ranking.item_statistics import ItemStatistics
from recsys.ranking.model import HybridModel
from recsys.sources.registry import make
from recsys.training.cart_questions import CartFold, cart_questions
from recsys.training.cart_training import CartTraining, train_cart_ranker

START, DAY = 1_700_000_000.0, 86_400.0
PAIRS = 40


def planted(orders: int = 900, *, carts: bool = False, seed: int = 3) -> Dataset:
    """Return orders of a main product m, the accessory a of the same number, and the shopper's usual coffee.

    With `carts`, views and carts come before: first of the main product, then of the others.
    """
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for number in range(orders):
        user, pair, at = int(rng.integers(90)), int(rng.integers(PAIRS)), START + number * DAY / 10
        lines = [f"m{pair:02d}", f"a{pair:02d}", f"coffee{user}"]
        for place, item in enumerate(lines if carts else []):
            rows += [(user, item, at + 60 * place, "view", None), (user, item, at + 60 * place + 5, "cart", None)]
        rows += [(user, item, at + 600, "purchase", number) for item in lines]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "order_id"])
    items = pd.DataFrame({"item_id": sorted(frame["item_id"].unique())})
    items["category"] = ["accessory" if i[0] == "a" else "main" if i[0] == "m" else "coffee" for i in items["item_id"]]
    items["price"] = [10.0 if i[0] == "a" else 20.0 for i in items["item_id"]]
    return build(frame.assign(user_id=frame["user_id"].astype(str)), items)


@pytest.fixture(scope="module")
def shop() -> Dataset:
    return planted()


@pytest.fixture(scope="module")
def training(shop: Dataset) -> CartTraining:
    return train_cart_ranker(shop, {})


def test_lines_and_targets_are_the_order(shop: Dataset) -> None:
    names = shop.catalog.item_ids
    fold = cart_questions(shop, start=START + 60 * DAY, end=np.inf)

    assert len(fold) > 200
    for lines, targets, context in zip(fold.lines, fold.targets, fold.contexts, strict=True):
        own = {names[code] for code in (*lines, *targets.tolist())}
        assert len(own) == 3
        assert not set(lines) & set(targets.tolist())
        assert context.items == lines
    assert {len(lines) for lines in fold.lines} == {1, 2}


def test_the_past_and_the_profile_end_before_the_question(shop: Dataset) -> None:
    start = START + 60 * DAY
    fold = cart_questions(shop, start=start, end=np.inf)

    assert fold.past.times.max() < start
    assert all(profile.times.max(initial=0.0) < profile.now for profile in fold.profiles)


def test_carts_that_grow_are_asked_about_as_they_grew() -> None:
    shop = planted(carts=True)
    fold = cart_questions(shop, start=START + 60 * DAY, end=np.inf)
    names = shop.catalog.item_ids

    for lines, targets, profile in zip(fold.lines, fold.targets, fold.profiles, strict=True):
        given, rest = ([names[code] for code in codes] for codes in (lines, targets.tolist()))
        assert "m" in {name[0] for name in given}  # it came first
        assert set(lines) <= set(profile.items[profile.times > profile.now - 600].tolist())
        late = profile.items[profile.times > profile.now - 1]
        assert not set(late.tolist()) & set(targets.tolist()), (given, rest)


def test_orders_of_one_product_and_of_offices_are_no_question() -> None:
    rows = [("a", f"p{item}", START + item, "purchase", 1) for item in range(101)]
    rows += [("b", "p1", START + 500, "purchase", 2), ("c", "p1", START + 600, "purchase", 3)]
    rows += [("c", "p2", START + 600, "purchase", 3)]
    frame = pd.DataFrame(rows, columns=["user_id", "item_id", "timestamp", "event", "order_id"])

    fold = cart_questions(build(frame), start=START, end=np.inf)

    assert len(fold) == 1
    assert len(fold.profiles[0].items) == 0


def test_a_sample_keeps_lines_with_their_targets(shop: Dataset) -> None:
    fold = cart_questions(shop, start=START + 60 * DAY, end=np.inf)

    part = fold.sample(20)

    assert isinstance(part, CartFold)
    places = {
        (int(user), profile.now): row for row, (user, profile) in enumerate(zip(fold.users, fold.profiles, strict=True))
    }
    for user, profile, lines, context in zip(part.users, part.profiles, part.lines, part.contexts, strict=True):
        assert fold.lines[places[int(user), profile.now]] == lines == context.items


def test_products_new_to_the_shopper_are_asked_apart(shop: Dataset) -> None:
    fold = cart_questions(shop, start=START + 60 * DAY, end=np.inf).discoveries()

    assert not any(context.seen_allowed for context in fold.contexts)
    for targets, profile in zip(fold.targets, fold.profiles, strict=True):
        assert len(targets)
        assert not set(targets.tolist()) & set(profile.items.tolist())


def test_the_ranker_uses_lines_and_history(training: CartTraining) -> None:
    """The accessory is known by the lines, the coffee by the history: each recommender finds one of them."""
    singles = {name: value for name, value in training.values.items() if name != "ranker"}

    assert training.ranker is not None
    assert training.values["ranker"] > max(singles.values())


def test_a_few_orders_teach_nothing() -> None:
    training = train_cart_ranker(planted(60), {})

    assert training.ranker is None
    assert not training.json()["released"]


@pytest.fixture(scope="module")
def model(shop: Dataset, training: CartTraining) -> HybridModel:
    rows, catalog = shop.interactions, shop.catalog
    return HybridModel(
        catalog=catalog,
        sources={name: make(name).fit(rows, catalog) for name in (*QUOTAS, "popular")},
        statistics=ItemStatistics.fit(rows, catalog, until=float(rows.times[-1])),
        ranker=None,
        quotas={"popular": 50},
        blend={"popular": 1.0},
        manifest={"stage": "blend", "single": "popular", "seed": 7},
        cart_ranker=training.ranker,
    )


def profile_of(shop: Dataset, user: int) -> Profile:
    from tests.recsys import shops

    return shops.profile(shop.interactions, user)


def test_basket_completes_the_cart_for_the_shopper(shop: Dataset, model: HybridModel) -> None:
    names = list(shop.catalog.item_ids)
    user = shop.user_ids.index("7")

    slate = model.slate(profile_of(shop, user), Context(items=(names.index("m03"),)), 2, strategy=BASKET)

    assert {names[code] for code in slate.items.tolist()} == {"a03", "coffee7"}


def test_what_is_only_looked_at_or_liked_by_others_completes_no_cart(shop: Dataset, model: HybridModel) -> None:
    names, profile = list(shop.catalog.item_ids), profile_of(shop, shop.user_ids.index("7"))
    contexts = [Context(items=(names.index(name),)) for name in ("m03", "a05")]

    candidates = cart_candidates(model.sources, [profile] * 2, contexts, n_items=shop.catalog.n_items)

    columns = [candidates.sources.index(name) for name in EVIDENCE]
    proposed = ~np.isnan(candidates.ranks)
    assert proposed[:, columns].any(axis=1).all()
    assert set(candidates.rows.tolist()) == {0, 1}
    assert proposed.sum() > proposed[:, columns].sum(), "the others still add ranks"


def test_basket_without_a_ranker_gives_complements_and_without_a_cart_the_released_stage(
    shop: Dataset, model: HybridModel
) -> None:
    bare, profile, context = replace(model, cart_ranker=None), profile_of(shop, 7), Context(items=(3,))

    slate = bare.slate(profile, context, 3, strategy=BASKET)
    empty = model.slate(profile, Context(), 3, strategy=BASKET)

    assert slate.items.tolist() == bare.slate(profile, context, 3, strategy="complements").items.tolist()
    assert empty.items.tolist() == model.slate(profile, Context(), 3).items.tolist()


def test_a_saved_model_ranks_carts_alike(
    shop: Dataset, model: HybridModel, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, profile, context = tmp_path_factory.mktemp("model") / "m", profile_of(shop, 7), Context(items=(3,))
    model.save(folder)

    loaded = HybridModel.load(folder)

    wanted = model.slate(profile, context, 5, strategy=BASKET)
    assert loaded.slate(profile, context, 5, strategy=BASKET).items.tolist() == wanted.items.tolist()


def test_the_protocol_reports_new_products_apart_and_compares_with_peers(shop: Dataset) -> None:
    evaluation = evaluate_carts(shop, Options(protocol="cart", with_peers=True))

    report = evaluation.report
    assert report["stage"] == "ranker"
    assert set(report["ours"]["released"]) == {"all", "new"}
    assert "user-kNN, lines as newest purchases" in report["peers"]
    over = report["over_best_peer"]["all"]
    assert over["ratio"] > 1
    assert over["difference"]["low"] > 0
    text = "\n".join(cart_lines(report))
    assert "recall@10, products new to the shopper: over" in text
    assert {"user", "rank", "item", "score", "question", "time"} == set(evaluation.recommendations)


def test_new_products_only_is_refused_for_it_is_always_reported(shop: Dataset) -> None:
    with pytest.raises(ValueError, match="--mode new"):
        evaluate_carts(shop, Options(protocol="cart", new_only=True))


def test_the_price_gap_is_that_of_the_nearest_line() -> None:
    assert nearest_gap(np.array([1.0, 2.4, 9.0]), np.array([2.0, 3.0])).tolist() == pytest.approx([-1.0, 0.4, 6.0])
