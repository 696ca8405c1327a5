"""Exploration in answers: suitable new products get a place with a known chance, within the budget."""

from collections.abc import Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import redis as redis_library
from prometheus_client import REGISTRY
from redis.client import Pipeline

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
from personalization.serving.answers import Answer, FallbackReason
from personalization.serving.asking import Ask, Who
from personalization.serving.budget import Reservation, reserve
from personalization.serving.exploration import explore, plan_exploration
from personalization.serving.exposures import exposure_of
from personalization.serving.shoppers import Shopper
from personalization.serving.snapshot_refresher import snapshot_refresher
from recsys.arrays import Ints
from recsys.data.profile import Context, Profile
from recsys.ranking import extension
from tests.modelops.releases import passed_version
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
def aged(live_model: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shop with two new products, sofa and kilim; each answer of the home page explores."""
    Product.objects.update(available_from=clock.now() - timedelta(days=365))  # a trigger keeps created_at
    put_product("sofa", data=SOFA, actor="key:test")
    put_product("kilim", data=KILIM, actor="key:test")
    explores()
    snapshot_refresher.forget()
    monkeypatch.setattr(budget.rest, "until", 0.0)


def explores(**settings: Any) -> None:
    fields = {"explore_share": 0.5, "size": 5, "recent_item_slots": 0, **settings}
    save_placement("home", data=fields, actor="staff:1")


def answer_for(who: dict[str, Any] | None = None, **fields: Any) -> Answer:
    return recommend(Ask(placement="home", who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    return [item.product_id for item in answer.items]


MANY = 100
"""Enough answers for an event with chance 1/6: it is missing once in eighty million runs."""


def answers_in_states(count: int = 24, **fields: Any) -> list[Answer]:
    """Return the answers to Ada after each of `count` views; each view changes the draw."""
    answers = []
    for number in range(count):
        views(ADA, ("rug", "chair", "throw")[number % 3])
        answers.append(answer_for(ADA, **fields))
    return answers


def explored_products(answers: list[Answer]) -> list[str]:
    return [product for answer in answers for product in answer.propensities]


def exploration_chances(
    slate: str,
    *,
    fixed: str = "",
    caps: Sequence[Cap] = (),
    context: str = "",
    latest: str = "",
    degraded: FallbackReason | None = None,
) -> dict[str, float]:
    """Return the propensity of each new product that was added to this slate in many draws."""
    snapshot = snapshot_refresher.current()
    code = snapshot.serving_catalog.columns.codes
    chances = dict[str, float]()
    for _ in range(MANY):
        profile = Profile.empty(clock.now().timestamp())
        home = snapshot.placements["home"]
        plan = plan_exploration(
            snapshot,
            home,
            Shopper(profile, fallback_reason=degraded, latest={code[name]: "view" for name in latest.split()}),
            tuple(code[name] for name in context.split()),
            [code[name] for name in slate.split()],
            mask=snapshot.on_sale,
            fixed={code[name] for name in fixed.split()},
            caps=caps,
        )
        one = None if plan is None else explore(snapshot, home, plan)[0]
        if one is not None:
            chances[snapshot.serving_catalog.columns.product_ids[one.code]] = one.propensity
    return chances


def test_share_of_answers_with_a_new_product() -> None:
    answers = answers_in_states(40)

    explored = [answer for answer in answers if answer.propensities]
    assert 8 <= len(explored) <= 32  # fair coins: outside once in thirty thousand
    assert all(len(ids(answer)) == 5 == len(set(ids(answer))) for answer in answers)
    for answer in explored:
        ((product, chance),) = answer.propensities.items()
        item = answer.items[3]
        assert (item.product_id, item.reason.code, item.reason.text) == (product, "exploration", "New in our shop")
        assert 0 < chance <= 0.5


def test_small_share_explores_rarely() -> None:
    explores(explore_share=0.05)

    assert len(explored_products(answers_in_states(40))) < 20  # not so once in a million million times


@pytest.mark.parametrize(("days", "new"), [(9, {"kilim"}), (11, {"kilim", "sofa"})])
def test_placement_sets_how_long_a_product_is_new(days: int, new: set[str]) -> None:
    Product.objects.filter(product_id="sofa").update(available_from=clock.now() - timedelta(days=10))
    explores(explore_days=days)
    snapshot_refresher.forget()

    assert set(exploration_chances("desk chair lamp bulb rug")) == new


def test_same_request_in_same_state_gets_same_answer() -> None:
    answers = answers_in_states(12)
    again = [answer_for(ADA) for _ in range(3)]

    assert len({tuple(ids(answer)) for answer in again}) == 1
    assert ids(again[0]) == ids(answers[-1])


def test_suitable_products_have_higher_chances() -> None:
    views(ADA, *["rug"] * 3)
    answers = []
    for _ in range(MANY):
        views(ADA, "throw")
        answers.append(answer_for(ADA))

    chances = {product: chance for answer in answers for product, chance in answer.propensities.items()}
    assert chances == pytest.approx({"kilim": 0.5 * 2 / 3, "sofa": 0.5 / 3})


def test_text_similarity_ranks_without_extended_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extension, "MAX_PAIRS", 0)
    promote(passed_version(model(("popular", "content"))), actor="staff:1")
    answers = []
    for number in range(MANY):
        views(ADA, ("chair", "stool")[number % 2])
        answers.append(answer_for(ADA))

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
def test_suitability_uses_context_and_latest_items(context: str, latest: str, best: str) -> None:
    chances = exploration_chances("desk-xl stool lamp bulb bowl", context=context, latest=latest)

    assert max(chances, key=chances.__getitem__) == best
    assert sorted(chances.values()) == pytest.approx([0.5 / 3, 0.5 * 2 / 3])


def test_category_breaks_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exploring, "_likeness", lambda *args: np.zeros(len(args[-1]), np.float32))
    Product.objects.filter(product_id="kilim").update(available_from=clock.now() - timedelta(days=2))
    snapshot_refresher.forget()

    suits = (
        exploration_chances("desk chair lamp bulb bowl", latest="rug"),
        exploration_chances("desk chair lamp bulb bowl"),
    )

    assert [max(chances, key=chances.__getitem__) for chances in suits] == ["kilim", "sofa"]


@pytest.mark.parametrize(("knows", "expected"), [(12, [9.0, 5.0]), (11, [0.0, 0.0])])
def test_first_complete_source_scores_new_products(knows: int, expected: list[float]) -> None:
    snapshot, profile = snapshot_refresher.current(), Profile.empty(0.0)
    code = snapshot.serving_catalog.columns.codes
    young = np.array([code["sofa"], code["kilim"]], np.int32)
    assert young.max() == 11, "the last of the catalog"

    def score(of: Profile, context: Context, codes: Ints) -> list[float]:
        assert (of, context.items, codes.tolist()) == (profile, (code["rug"],), young.tolist())
        return [9.0, 5.0]

    sources = {"content": None, "new_arrivals": SimpleNamespace(n_items=knows, score=score)}
    model: Any = SimpleNamespace(serving_catalog=snapshot.serving_catalog, sources=sources)

    assert list(exploring._likeness(model, Shopper(profile), (code["rug"],), [], young)) == expected


def test_spent_budget_ends_exploration() -> None:
    explores(explore_cap=2)
    spent = outcomes("shown"), outcomes("no_budget")

    answers = answers_in_states(30)

    assert outcomes("shown") - spent[0] == 4
    assert outcomes("no_budget") - spent[1] > 0
    assert sorted(explored_products(answers)) == ["kilim", "kilim", "sofa", "sofa"]
    last = next(answer for answer in reversed(answers) if answer.propensities)
    assert list(last.propensities.values()) == [0.5]


def outcomes(outcome: str) -> float:
    labels = {"placement": "home", "outcome": outcome}
    return REGISTRY.get_sample_value("vitrine_explorations_total", labels) or 0.0


def test_exploration_ends_after_enough_impressions() -> None:
    explores(explore_enough=3)

    answers = answers_in_states(MANY)

    assert sorted(explored_products(answers)) == ["kilim"] * explored_products(answers).count("kilim") + [
        "sofa"
    ] * explored_products(answers).count("sofa")
    assert {explored_products(answers).count("kilim"), explored_products(answers).count("sofa")} <= {1, 2, 3}


def test_budgets_are_per_product_placement_and_day() -> None:
    def reservation(
        placement: str = "home", *, days: int = 0, shown_products: Sequence[str] = ()
    ) -> Reservation | None:
        now = clock.now() + timedelta(days=days)
        return reserve(placement, ["sofa", "kilim"], shown_products=shown_products, cap=1, enough=6, now=now)

    first, second = Reservation(0, (True, True)), Reservation(1, (False, True))
    reservations = [
        reservation(),
        reservation(),
        reservation(),
        reservation("trending"),
        reservation(days=1),
        reservation(days=1),
    ]

    assert reservations == [first, second, None, first, first, second]
    assert reservation(days=1, shown_products=["sofa", "sofa", "sofa"]) is None
    assert reservation(days=2) == second, "six times the sofa was shown, wherever"
    counts = {key: int(redis.client().get(key) or 0) for key in redis.client().keys(f"{budget.TOTAL}*")}
    assert sorted(counts.values()) == [1] * 6 + [3, 6]
    for key, count in counts.items():
        day = 86_400 * (92 if count > 1 else 2)
        assert day - 3_600 < redis.client().ttl(key) <= day


def test_script_is_reloaded_after_redis_forgot_it() -> None:
    redis.client().script_flush()

    assert reserve("home", ["sofa"], shown_products=(), cap=1, enough=1, now=clock.now()) == Reservation(0, (True,))


def test_counting_costs_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    trips = []

    def count_calls(kind: Any, method: str) -> None:
        original = getattr(kind, method)

        def counted(client: Any, *args: Any, **options: Any) -> Any:
            if method == "execute" or args[0] == "EVALSHA":
                trips.append(1)
            return original(client, *args, **options)

        monkeypatch.setattr(kind, method, counted)

    count_calls(Pipeline, "execute")
    count_calls(redis_library.Redis, "execute_command")  # without a pipeline
    explored = False
    while not explored:
        views(ADA, "rug")
        trips.clear()
        explored = bool(answer_for(ADA).propensities)

    assert len(trips) == 2  # the shopper, the budget


@pytest.mark.parametrize("error", [redis_library.ConnectionError("refused"), redis_library.OutOfMemoryError("full")])
def test_no_exploration_without_redis(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def down(*_: object) -> None:
        calls.append(1)
        raise error

    monkeypatch.setattr(budget.RESERVE, "run", down)
    monkeypatch.setattr(budget.rest, "seconds", 3600.0)

    answers = answers_in_states(30)

    assert explored_products(answers) == []
    assert all(len(answer.items) == 5 for answer in answers)
    assert all(answer.degraded is None for answer in answers)
    assert len(calls) == 1  # then the process lets it rest


def test_budget_is_not_read_while_redis_is_down() -> None:
    assert exploration_chances("desk chair lamp bulb sofa", degraded="store_down") == {}

    assert redis.client().keys(f"{budget.TOTAL}*") == []


def test_unknown_shoppers_explore_too() -> None:
    views(CY, "rug")

    for who in (CY, None):
        answers = [answer_for(who) for _ in range(30)]
        assert 0 < len(explored_products(answers)) < 30, "each of many who are alike is drawn for by itself"
    explores(explore_share=0.0)
    snapshot_refresher.forget()
    assert ids(answer_for(CY)) == ids(answer_for())


def test_rules_and_filters_apply_to_explored_products() -> None:
    create_rule(name="No sofas", wording={"effect": "exclude", "products": ["sofa"]}, actor="staff:1")

    answers = answers_in_states(20)

    assert set(explored_products(answers)) == {"kilim"}
    assert explored_products([answer_for(ADA, exclude=("kilim",)) for _ in range(3)]) == []


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
def test_caps_apply_to_explored_products(slate: str, fixed: str, new: set[str]) -> None:
    columns = snapshot_refresher.current().serving_catalog.columns

    assert set(exploration_chances(slate, fixed=fixed, caps=[Cap(1, about=columns.in_brands(("Weft",)))])) == new


def test_exploration_adds_no_variants_and_skips_slates_of_one() -> None:
    put_product("desk-s", data={**SOFA, "group_id": "oak-desk"}, actor="key:test")
    snapshot_refresher.forget()

    assert set(exploration_chances("chair lamp bulb rug stool")) == {"desk-s", "kilim", "sofa"}
    assert set(exploration_chances("desk lamp kilim rug stool")) == {"sofa"}
    assert exploration_chances("chair") == {}
    assert set(exploration_chances("chair lamp")) == {"desk-s", "kilim", "sofa"}


def test_exploration_keeps_pins() -> None:
    create_rule(name="Lamp first", wording={"effect": "pin", "products": ["lamp"], "position": 4}, actor="staff:1")

    answers = [answer for answer in answers_in_states(20) if answer.propensities]

    assert answers
    assert {ids(answer)[3] for answer in answers} == {"lamp"}


def test_new_shop_does_not_explore() -> None:
    Product.objects.update(available_from=clock.now())
    snapshot_refresher.forget()

    assert explored_products(answers_in_states(12)) == []


def test_half_of_what_is_on_sale_may_be_new() -> None:
    """The mug and the new pouf are not on sale."""
    put_product("pouf", data=SOFA, actor="key:test")
    Product.objects.filter(product_id__in=["mug", "pouf"]).update(active=False)

    def begins(name: str, *, days_ago: int) -> bool:
        Product.objects.filter(product_id=name).update(available_from=clock.now() - timedelta(days=days_ago))
        snapshot_refresher.forget()
        return bool(exploration_chances("desk lamp rug bowl"))

    assert [begins(name, days_ago=0) for name in ("chair", "stool", "throw")] == [True] * 3, "five of eleven"
    assert not begins("bulb", days_ago=0), "six of eleven"
    put_product("vase", data=KILIM, actor="key:test")
    assert begins("vase", days_ago=365), "six of twelve"


def test_placement_without_share_counts_no_impressions() -> None:
    explores(explore_share=0.0)

    assert explored_products(answers_in_states(6, limit=100)) == []
    assert redis.client().keys(f"{budget.TOTAL}*") == []


def test_all_impressions_of_new_products_count() -> None:
    answer_for(BO, limit=100)

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


def test_trace_and_exposure_mention_exploration() -> None:
    answers = answers_in_states(20, explain=True)
    answer = next(one for one in answers if one.propensities)

    explored = answer.items[3]
    assert explored.explanation is not None
    assert explored.explanation.rules[0].startswith("Exploration: a new product, shown with propensity 0.")
    lines = exposure_of(answer, Ask(placement="home", who=Who(**ADA))).properties["products"]
    assert [set(line) - {"product_id", "position", "score", "reason"} for line in lines] == [
        {"propensity"} if place == 3 else set() for place in range(5)
    ]


def test_preview_spends_no_budget() -> None:
    from personalization.trials.trial import try_rule

    for _ in range(8):
        views(ADA, "rug")
        trial = try_rule(Ask(placement="home", who=Who(**ADA), explain=True))
        assert trial.now.propensities == {}

    assert redis.client().keys(f"{budget.TOTAL}*") == []
