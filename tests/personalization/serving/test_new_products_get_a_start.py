"""New products get a place now and then: those that suit, by a known chance, within a budget that nobody overruns."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import redis as redis_library
from prometheus_client import REGISTRY

from catalog.models import Product
from catalog.services import put_product
from common import clock, redis
from modelops.services.registry import promote
from personalization.rules.slate import Cap
from personalization.services.placements import save_placement
from personalization.services.recommend import Slot, recommend, recommend_page
from personalization.services.rules import create_rule
from personalization.serving import budget
from personalization.serving import exploration as exploring
from personalization.serving.answers import Answer, Degraded
from personalization.serving.asking import Ask, Who
from personalization.serving.budget import Reserved, reserve
from personalization.serving.exploration import explore
from personalization.serving.exposures import exposure_of
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot_refresher import keeper
from recsys.arrays import Ints
from recsys.data.profile import Context, Profile
from recsys.ranking import extension
from tests.modelops.releases import admitted
from tests.personalization.shop import (
    ADA,
    BO,
    CY,
    views,
)
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("aged")]
SOFA = {"title": "Oak sofa", "category": ["Furniture", "Sofas"], "brand": "Nord", "price": "900.00", "currency": "EUR"}
KILIM = {"title": "Wool kilim", "category": ["Textiles"], "brand": "Weft", "price": "80.00", "currency": "EUR"}


@pytest.fixture
def aged(trained: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop whose products are a year old, but for a sofa and a kilim; every answer of the home page explores."""
    Product.objects.update(available_from=clock.now() - timedelta(days=365))  # a trigger keeps created_at
    put_product("sofa", data=SOFA, actor="key:test")
    put_product("kilim", data=KILIM, actor="key:test")
    explores()
    keeper.forget()
    monkeypatch.setattr(budget.rest, "until", 0.0)


def explores(**settings: Any) -> None:
    fields = {"explore_share": 0.5, "size": 5, "fresh_slots": 0, **settings}
    save_placement("home", data=fields, actor="staff:1")


def asked(who: dict[str, Any] | None = None, **fields: Any) -> Answer:
    return recommend(Ask(placement="home", who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    return [item.product_id for item in answer.items]


MANY = 100
"""Answers in which what comes with a chance of one in six comes: not so once in eighty million times."""


def explored_in_states(count: int = 24, **fields: Any) -> list[Answer]:
    """Return the answers to Ada after each of so many views: each view is another draw."""
    found = []
    for number in range(count):
        views(ADA, ("rug", "chair", "throw")[number % 3])
        found.append(asked(ADA, **fields))
    return found


def shown(answers: list[Answer]) -> list[str]:
    return [product for answer in answers for product in answer.propensities]


def tried(
    slate: str,
    *,
    fixed: str = "",
    caps: Sequence[Cap] = (),
    context: str = "",
    latest: str = "",
    degraded: Degraded | None = None,
) -> dict[str, float]:
    """Return each new product that came onto a slate of the products named, for strangers, and the chance it had."""
    snapshot = keeper.current()
    code = snapshot.shelf.columns.codes
    found = dict[str, float]()
    for _ in range(MANY):
        profile = Profile.empty(clock.now().timestamp())
        one = explore(
            snapshot,
            snapshot.placements["home"],
            Shopper(profile, degraded=degraded, latest={code[name]: "view" for name in latest.split()}),
            tuple(code[name] for name in context.split()),
            [code[name] for name in slate.split()],
            mask=snapshot.on_sale,
            fixed={code[name] for name in fixed.split()},
            caps=caps,
        )
        if one is not None:
            found[snapshot.shelf.columns.product_ids[one.code]] = one.propensity
    return found


def test_about_the_share_of_answers_shows_a_new_product_in_one_place() -> None:
    answers = explored_in_states(40)

    explored = [answer for answer in answers if answer.propensities]
    assert 8 <= len(explored) <= 32  # fair coins: outside once in thirty thousand
    assert all(len(ids(answer)) == 5 == len(set(ids(answer))) for answer in answers)
    for answer in explored:
        ((product, chance),) = answer.propensities.items()
        item = answer.items[3]
        assert (item.product_id, item.reason.code, item.reason.text) == (product, "exploration", "New in our shop")
        assert 0 < chance <= 0.5


def test_a_small_share_explores_in_few_answers() -> None:
    explores(explore_share=0.05)

    assert len(shown(explored_in_states(40))) < 20  # not so once in a million million times


@pytest.mark.parametrize(("days", "new"), [(9, {"kilim"}), (11, {"kilim", "sofa"})])
def test_a_product_is_new_for_as_many_days_as_the_placement_says(days: int, new: set[str]) -> None:
    Product.objects.filter(product_id="sofa").update(available_from=clock.now() - timedelta(days=10))
    explores(explore_days=days)
    keeper.forget()

    assert set(tried("desk chair lamp bulb rug")) == new


def test_the_same_question_in_the_same_state_has_the_same_answer() -> None:
    answers = explored_in_states(12)
    again = [asked(ADA) for _ in range(3)]

    assert len({tuple(ids(answer)) for answer in again}) == 1
    assert ids(again[0]) == ids(answers[-1])


def test_what_suits_has_the_better_chance_and_chances_add_up_to_the_share() -> None:
    views(ADA, *["rug"] * 3)
    answers = []
    for _ in range(MANY):
        views(ADA, "throw")
        answers.append(asked(ADA))

    chances = {product: chance for answer in answers for product, chance in answer.propensities.items()}
    assert chances == pytest.approx({"kilim": 0.5 * 2 / 3, "sofa": 0.5 / 3})


def test_what_suits_is_told_by_words_where_the_model_was_not_extended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extension, "MOST_PAIRS", 0)
    promote(admitted(model(("popular", "content"))), actor="staff:1")
    answers = []
    for number in range(MANY):
        views(ADA, ("chair", "stool")[number % 2])
        answers.append(asked(ADA))

    chances = {product: chance for answer in answers for product, chance in answer.propensities.items()}
    assert chances == pytest.approx({"sofa": 0.5 * 2 / 3, "kilim": 0.5 / 3})  # of oak, as what was looked at


@pytest.mark.parametrize(
    ("context", "latest", "best"),
    [
        ("chair", "", "sofa"),  # of oak
        ("rug", "", "kilim"),  # of wool
        ("", "rug throw lamp chair bulb", "sofa"),  # of the last three one is of oak, none of wool
        ("", "", "kilim"),  # the newest
    ],
)
def test_what_suits_is_told_by_what_is_looked_at_now_and_the_last_three_before(
    context: str, latest: str, best: str
) -> None:
    chances = tried("desk-xl stool lamp bulb bowl", context=context, latest=latest)

    assert max(chances, key=chances.__getitem__) == best
    assert sorted(chances.values()) == pytest.approx([0.5 / 3, 0.5 * 2 / 3])


def test_of_what_nothing_tells_apart_the_category_looked_at_suits_best(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "_likeness", lambda *told: np.zeros(len(told[-1]), np.float32))
    Product.objects.filter(product_id="kilim").update(available_from=clock.now() - timedelta(days=2))
    keeper.forget()

    suits = tried("desk chair lamp bulb bowl", latest="rug"), tried("desk chair lamp bulb bowl")

    assert [max(chances, key=chances.__getitem__) for chances in suits] == ["kilim", "sofa"]


@pytest.mark.parametrize(("knows", "told"), [(12, [9.0, 5.0]), (11, [0.0, 0.0])])
def test_the_first_source_that_knows_every_new_product_says_what_suits(knows: int, told: list[float]) -> None:
    snapshot, profile = keeper.current(), Profile.empty(0.0)
    code = snapshot.shelf.columns.codes
    young = np.array([code["sofa"], code["kilim"]], np.int32)
    assert young.max() == 11, "the last of the catalog"

    def score(of: Profile, context: Context, codes: Ints) -> list[float]:
        assert (of, context.items, codes.tolist()) == (profile, (code["rug"],), young.tolist())
        return [9.0, 5.0]

    sources = {"content": None, "new_arrivals": SimpleNamespace(n_items=knows, score=score)}
    model: Any = SimpleNamespace(shelf=snapshot.shelf, sources=sources)

    assert list(exploring._likeness(model, Shopper(profile), (code["rug"],), [], young)) == told


def test_a_spent_budget_gives_the_place_back() -> None:
    explores(explore_cap=2)
    spent = outcomes("shown"), outcomes("no_budget")

    answers = explored_in_states(30)

    assert outcomes("shown") - spent[0] == 4
    assert outcomes("no_budget") - spent[1] > 0
    assert sorted(shown(answers)) == ["kilim", "kilim", "sofa", "sofa"]
    last = next(answer for answer in reversed(answers) if answer.propensities)
    assert list(last.propensities.values()) == [0.5]


def outcomes(outcome: str) -> float:
    labels = {"placement": "home", "outcome": outcome}
    return REGISTRY.get_sample_value("vitrine_explorations_total", labels) or 0.0


def test_a_product_shown_often_enough_stands_on_its_own() -> None:
    explores(explore_enough=3)

    answers = explored_in_states(MANY)

    assert sorted(shown(answers)) == ["kilim"] * shown(answers).count("kilim") + ["sofa"] * shown(answers).count("sofa")
    assert {shown(answers).count("kilim"), shown(answers).count("sofa")} <= {1, 2, 3}


def test_budgets_are_of_a_product_a_placement_and_a_day_and_counts_end_by_themselves() -> None:
    def reserved(placement: str = "home", *, days: int = 0, shown: Sequence[str] = ()) -> Reserved | None:
        now = clock.now() + timedelta(days=days)
        return reserve(placement, ["sofa", "kilim"], shown=shown, cap=1, enough=6, now=now)

    first, second = Reserved(0, (True, True)), Reserved(1, (False, True))
    found = [reserved(), reserved(), reserved(), reserved("trending"), reserved(days=1), reserved(days=1)]

    assert found == [first, second, None, first, first, second]
    assert reserved(days=1, shown=["sofa", "sofa", "sofa"]) is None
    assert reserved(days=2) == second, "six times the sofa was shown, wherever"
    counts = {key: int(redis.client().get(key) or 0) for key in redis.client().keys(f"{budget.TOTAL}*")}
    assert sorted(counts.values()) == [1] * 6 + [3, 6]
    for key, count in counts.items():
        day = 86_400 * (92 if count > 1 else 2)
        assert day - 3_600 < redis.client().ttl(key) <= day


def test_an_engine_that_forgot_the_script_is_told_it_anew() -> None:
    redis.client().script_flush()

    assert reserve("home", ["sofa"], shown=(), cap=1, enough=1, now=clock.now()) == Reserved(0, (True,))


def test_counting_costs_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    client = redis.client()
    calls: list[str] = []
    original = client.execute_command

    def noted(*args: Any, **options: Any) -> Any:
        calls.append(args[0])
        return original(*args, **options)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(client, "execute_command", noted)
    asked()
    calls.clear()

    answers = explored_in_states(1)
    while not answers[0].propensities:
        calls.clear()
        answers = explored_in_states(1)

    # The shopper, the budget. An EVAL comes only behind an EVALSHA whose script the engine did not know yet.
    assert calls.count("EVALSHA") == 2


@pytest.mark.parametrize("error", [redis_library.ConnectionError("refused"), redis_library.OutOfMemoryError("full")])
def test_without_redis_the_answer_goes_on_without_exploring(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def down(*_: object) -> None:
        calls.append(1)
        raise error

    monkeypatch.setattr(budget, "_run", down)
    monkeypatch.setattr(budget.rest, "seconds", 3600.0)

    answers = explored_in_states(30)

    assert shown(answers) == []
    assert all(len(answer.items) == 5 for answer in answers)
    assert all(answer.degraded is None for answer in answers)
    assert len(calls) == 1  # then the process lets it rest


def test_while_the_store_is_down_it_is_not_asked_about_budgets() -> None:
    assert tried("desk chair lamp bulb sofa", degraded="store_down") == {}

    assert redis.client().keys(f"{budget.TOTAL}*") == []


def test_strangers_see_new_products_too_and_without_consent_the_answer_is_a_strangers() -> None:
    views(CY, "rug")

    for who in (CY, None):
        answers = [asked(who) for _ in range(30)]
        assert 0 < len(shown(answers)) < 30, "each of many who are alike is drawn for by itself"
    explores(explore_share=0.0)
    keeper.forget()
    assert ids(asked(CY)) == ids(asked())


def test_rules_and_filters_hold_for_new_products_too() -> None:
    create_rule(name="No sofas", wording={"effect": "exclude", "products": ["sofa"]}, actor="staff:1")

    answers = explored_in_states(20)

    assert set(shown(answers)) == {"kilim"}
    assert shown([asked(ADA, exclude=("kilim",)) for _ in range(3)]) == []


@pytest.mark.parametrize(
    ("slate", "fixed", "new"),
    [
        ("desk chair lamp bulb rug", "", {"kilim", "sofa"}),  # the rug leaves
        ("desk chair lamp rug bulb", "", {"sofa"}),
        ("desk chair lamp rug bulb", "bulb", {"kilim", "sofa"}),
        ("desk chair lamp bulb rug", "rug", {"sofa"}),
        ("desk chair lamp bulb rug", "desk chair lamp bulb rug", set()),
    ],
)
def test_a_cap_holds_for_a_new_product_beside_what_stays(slate: str, fixed: str, new: set[str]) -> None:
    columns = keeper.current().shelf.columns

    assert set(tried(slate, fixed=fixed, caps=[Cap(1, about=columns.in_brands(("Weft",)))])) == new


def test_what_is_shown_already_or_as_a_variant_is_not_shown_anew_and_a_slate_of_one_stays() -> None:
    put_product("desk-s", data={**SOFA, "group_id": "oak-desk"}, actor="key:test")
    keeper.forget()

    assert set(tried("chair lamp bulb rug stool")) == {"desk-s", "kilim", "sofa"}
    assert set(tried("desk lamp kilim rug stool")) == {"sofa"}
    assert tried("chair") == {}
    assert set(tried("chair lamp")) == {"desk-s", "kilim", "sofa"}


def test_a_pin_keeps_its_place() -> None:
    create_rule(name="Lamp first", wording={"effect": "pin", "products": ["lamp"], "position": 4}, actor="staff:1")

    answers = [answer for answer in explored_in_states(20) if answer.propensities]

    assert answers
    assert {ids(answer)[3] for answer in answers} == {"lamp"}


def test_a_shop_that_has_just_begun_explores_nothing() -> None:
    Product.objects.update(available_from=clock.now())
    keeper.forget()

    assert shown(explored_in_states(12)) == []


def test_half_of_what_is_on_sale_may_be_new() -> None:
    """The mug and, new, the pouf are not on sale."""
    put_product("pouf", data=SOFA, actor="key:test")
    Product.objects.filter(product_id__in=["mug", "pouf"]).update(active=False)

    def begins(name: str, *, days_ago: int) -> bool:
        Product.objects.filter(product_id=name).update(available_from=clock.now() - timedelta(days=days_ago))
        keeper.forget()
        return bool(tried("desk lamp rug bowl"))

    assert [begins(name, days_ago=0) for name in ("chair", "stool", "throw")] == [True] * 3, "five of eleven"
    assert not begins("bulb", days_ago=0), "six of eleven"
    put_product("vase", data=KILIM, actor="key:test")
    assert begins("vase", days_ago=365), "six of twelve"


def test_a_placement_without_a_share_counts_nothing() -> None:
    explores(explore_share=0.0)

    assert shown(explored_in_states(6, limit=100)) == []
    assert redis.client().keys(f"{budget.TOTAL}*") == []


def test_impressions_outside_exploration_count_as_well() -> None:
    asked(BO, limit=100)

    assert int(redis.client().get(f"{budget.TOTAL}sofa") or 0) == 1
    assert redis.client().keys(f"{budget.TODAY}*") == []


def test_a_page_shows_no_product_twice() -> None:
    save_placement("trending", data={"explore_share": 0.5, "size": 5}, actor="staff:1")
    slots = {name: Slot(Ask(placement=name, who=Who(**ADA))) for name in ("home", "trending")}
    for _ in range(10):
        views(ADA, "rug")

        answers = recommend_page(slots)

        products = [product for answer in answers.values() for product in ids(answer)]
        assert len(products) == len(set(products))


def test_the_trace_and_the_exposure_say_so() -> None:
    answers = explored_in_states(20, explain=True)
    answer = next(one for one in answers if one.propensities)

    explored = answer.items[3]
    assert explored.explanation is not None
    assert explored.explanation.rules[0].startswith("Exploration: a new product, shown with propensity 0.")
    lines = exposure_of(answer, Ask(placement="home", who=Who(**ADA))).properties["products"]
    assert [set(line) - {"product_id", "position", "score", "reason"} for line in lines] == [
        {"propensity"} if place == 3 else set() for place in range(5)
    ]


def test_the_preview_spends_no_budget() -> None:
    from portal.trial import try_out

    for _ in range(8):
        views(ADA, "rug")
        trial = try_out(Ask(placement="home", who=Who(**ADA), explain=True))
        assert trial.now.propensities == {}

    assert redis.client().keys(f"{budget.TOTAL}*") == []
