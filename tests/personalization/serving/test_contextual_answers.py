"""Answers about a product or a cart: alike is called similar, prices are in proportion, complements stand alone."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from personalization.serving.likeness import is_alike
from personalization.serving.proposals import Question, propose
from personalization.serving.reasons import Reasoner
from personalization.serving.shoppers import Shopper
from recsys.data.catalog import Catalog
from recsys.data.profile import Context, Profile
from recsys.sources.base import Ranked
from recsys.sources.registry import make
from tests.recsys import shops

BULB, LAMP, MATTRESS, OTHER_BULB, SOFA = range(5)
CATEGORIES = ("Bulbs", "Lamps", "Mattresses", "Sofas", "")
CATALOG = SimpleNamespace(
    title=lambda code: "Juna LED bulb",
    columns=SimpleNamespace(
        product_ids=("bulb", "lamp", "mattress", "other-bulb", "sofa"),
        categories=CATEGORIES,
        category_of=np.array([0, 1, 2, 0, 3]),
        prices=np.array([9.0, 40.0, 400.0, 12.0, 1340.0]),
    ),
    kinship=SimpleNamespace(nearest=lambda code, mask, k: np.array([MATTRESS, OTHER_BULB])),
)


def proposes(*items: int) -> Any:
    ranked = Ranked(np.array(items, np.int32), np.full(len(items), 0.5, np.float32))
    return SimpleNamespace(recommend=lambda profile, context, k: ranked, knows=lambda code: True)


def question(strategy: str, *context: int, fallback: tuple[str, ...] = ()) -> Question:
    return Question(
        placement=cast("Any", SimpleNamespace(sources={}, fallback=fallback)),
        strategy=strategy,
        shopper=Shopper(Profile.empty(0.0)),
        context=Context(items=context),
        allowed=np.ones(5, bool),
        k=5,
    )


def shop(**sources: Any) -> Any:
    popular = np.array([SOFA, MATTRESS, LAMP], np.int32)
    return SimpleNamespace(bundle=None, sources=sources, serving_catalog=CATALOG, popular=popular, n_popular=3)


def test_a_list_of_substitutes_is_not_filled_up() -> None:
    proposals = propose(shop(substitutes=proposes(OTHER_BULB)), question("substitutes", BULB))

    assert proposals.items == [OTHER_BULB]
    assert proposals.closed


def test_without_any_substitute_the_fallbacks_answer() -> None:
    proposals = propose(shop(substitutes=proposes(), content=proposes()), question("substitutes", BULB))

    assert proposals.items == [LAMP, SOFA, MATTRESS]  # the nearest in price, then the popular ones
    assert not proposals.closed


def test_texts_replace_a_model_that_does_not_know_the_product() -> None:
    proposals = propose(shop(), question("substitutes", BULB))

    assert proposals.items == [OTHER_BULB]  # the mattress of the same series is not alike


@pytest.mark.parametrize("strategy", ["basket", "complements", "bought_together"])
def test_what_completes_is_not_filled_up_by_what_is_alike(strategy: str) -> None:
    proposals = propose(shop(), question(strategy, BULB))

    assert OTHER_BULB not in proposals.items


def test_a_list_of_complements_is_not_filled_up() -> None:
    sources = {"complements": proposes(LAMP), "trending": proposes(MATTRESS)}

    proposals = propose(shop(**sources), question("complements", BULB, fallback=("trending",)))

    assert proposals.items == [LAMP]
    assert proposals.closed


def test_other_evidence_of_orders_comes_before_fillers() -> None:
    sources = {"complements": proposes(), "bought_together": proposes(LAMP), "trending": proposes(SOFA)}

    proposals = propose(
        shop(**sources), question("complements", BULB, fallback=("trending", "complements", "bought_together"))
    )

    assert proposals.items == [LAMP]


def test_without_complements_a_cart_gets_what_is_liked_of_other_categories() -> None:
    popular = shop()
    popular.popular = np.array([OTHER_BULB, MATTRESS, LAMP], np.int32)

    proposals = propose(popular, question("basket", BULB, fallback=("complements",)))

    assert proposals.items == [LAMP, MATTRESS]
    assert not proposals.closed


@pytest.mark.parametrize("has_orders", [True, False])
def test_what_replaces_a_line_needs_orders_of_both(has_orders: bool) -> None:
    def scores(*alike: int) -> Any:
        def score(profile: Profile, context: Context, items: Any) -> Any:
            return np.array([1.0 if code in alike and BULB in context.items else 0.0 for code in items.tolist()])

        return SimpleNamespace(score=score, recommend=proposes().recommend, knows=lambda code: True)

    sources = {
        "complements": proposes(OTHER_BULB, LAMP),
        "substitutes": scores(OTHER_BULB),
        "bought_together": scores(*((OTHER_BULB,) if has_orders else ())),
    }

    proposals = propose(shop(**sources), question("complements", MATTRESS, BULB))

    assert (OTHER_BULB in proposals.items) == has_orders
    assert LAMP in proposals.items


def trained(scores: dict[int, float], *, free_octaves: float) -> Any:
    """Return complements with these scores, of a shop with this usual distance in price."""
    ranked = Ranked(np.array(list(scores), np.int32), np.array(list(scores.values()), np.float32))
    model: Any = make("complements").fit(shops.interactions([], n_users=0), Catalog(item_ids=()))
    model.arrays["free_octaves"] = np.array([free_octaves])
    model.recommend = lambda profile, context, k: Ranked(ranked.items[:k], ranked.scores[:k])
    model.score = lambda profile, context, items: np.array([scores.get(code, 0.0) for code in items.tolist()])
    return model


def test_weak_complements_are_left_out() -> None:
    complements = trained({LAMP: 10.0, SOFA: 0.2, MATTRESS: 0.05}, free_octaves=9.0)

    proposals = propose(shop(complements=complements), question("complements", BULB))

    assert proposals.items == [LAMP, SOFA]


def test_what_completes_may_cost_less_but_not_much_more() -> None:
    usual = trained({SOFA: 0.5, LAMP: 0.5}, free_octaves=7.0)

    cheap, dear = (propose(shop(complements=usual), question("complements", line)).items for line in (BULB, MATTRESS))

    assert cheap == [LAMP, SOFA]
    assert dear == [LAMP, SOFA]  # less than the mattress, by a factor that is usual


def test_prices_out_of_proportion_move_back() -> None:
    """A candle in the cart brings no sofa, unless there is nothing else."""
    complements = proposes(SOFA, LAMP, OTHER_BULB)

    proposals = propose(shop(complements=complements), question("complements", BULB))

    assert proposals.items[:3] == [OTHER_BULB, LAMP, SOFA]


def test_the_nearest_line_of_a_cart_gives_the_proportion() -> None:
    proposals = propose(shop(complements=proposes(SOFA, LAMP)), question("complements", BULB, MATTRESS))

    assert proposals.items[:2] == [SOFA, LAMP]


@pytest.mark.parametrize(("code", "reason"), [(OTHER_BULB, "similar"), (MATTRESS, "exploration")])
def test_one_word_in_common_makes_nothing_similar(code: int, reason: str) -> None:
    shopper = SimpleNamespace(personal=False, latest={}, profile=Profile.empty(0.0))
    content = SimpleNamespace(contextual=True, knows=lambda code: True, explain=lambda *args: (BULB,))
    context = Context(items=(BULB,))

    reasoner = Reasoner(cast("Any", CATALOG), cast("Any", shopper), {"content": cast("Any", content)}, context)

    assert reasoner.reason(code, {"content"}).code == reason


def test_products_without_a_category_are_alike_by_their_texts() -> None:
    similarities = np.array([0.0, 0.2, 0.5])
    catalog = SimpleNamespace(
        columns=SimpleNamespace(categories=("",), category_of=(0, 0, 0)),
        kinship=SimpleNamespace(similarities=lambda code: similarities),
    )

    assert [is_alike(cast("Any", catalog), code, 0) for code in (1, 2)] == [False, True]


def test_what_the_history_proposed_is_not_said_to_go_with_the_cart() -> None:
    shopper = SimpleNamespace(personal=False, latest={}, profile=Profile.empty(0.0))
    source = SimpleNamespace(contextual=True, knows=lambda code: True, explain=lambda *args: (BULB,))
    sources = {"rp3beta": cast("Any", source)}

    by_lines = Reasoner(cast("Any", CATALOG), cast("Any", shopper), sources, Context(items=(BULB,)))
    by_history = Reasoner(
        cast("Any", CATALOG), cast("Any", shopper), sources, Context(items=(BULB,)), of_history=("rp3beta",)
    )

    assert by_lines.reason(LAMP, {"rp3beta"}).text == "Often looked at with Juna LED bulb"
    assert by_history.reason(LAMP, {"rp3beta"}).code == "exploration"
