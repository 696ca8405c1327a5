"""New products get a place now and then: those that suit, by a known chance, within a budget that nobody overruns."""

from datetime import timedelta
from typing import Any

import pytest
import redis as redis_library

from catalog.models import Product
from catalog.services import put_product
from common import clock, redis
from personalization.ranking import extension
from personalization.services.placements import save_placement
from personalization.services.recommend import Slot, recommend, recommend_page
from personalization.services.registry import promote
from personalization.services.rules import create_rule
from personalization.serving import budget
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposure_of
from personalization.serving.keeper import keeper
from tests.personalization.releases import admitted
from tests.personalization.shop import ADA, BO, CY, model, views

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


def test_a_spent_budget_gives_the_place_back() -> None:
    explores(explore_cap=2)

    answers = explored_in_states(30)

    assert sorted(shown(answers)) == ["kilim", "kilim", "sofa", "sofa"]
    last = next(answer for answer in reversed(answers) if answer.propensities)
    assert list(last.propensities.values()) == [0.5]


def test_a_product_shown_often_enough_stands_on_its_own() -> None:
    explores(explore_enough=3)

    answers = explored_in_states(MANY)

    assert sorted(shown(answers)) == ["kilim"] * shown(answers).count("kilim") + ["sofa"] * shown(answers).count("sofa")
    assert {shown(answers).count("kilim"), shown(answers).count("sofa")} <= {1, 2, 3}


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


def test_without_redis_the_answer_goes_on_without_exploring(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def down(*_: object) -> None:
        calls.append(1)
        raise redis_library.ConnectionError("refused")

    monkeypatch.setattr(budget, "_run", down)
    monkeypatch.setattr(budget.rest, "seconds", 3600.0)

    answers = explored_in_states(8)

    assert shown(answers) == []
    assert all(len(answer.items) == 5 for answer in answers)
    assert all(answer.degraded is None for answer in answers)
    assert len(calls) == 1  # then the process lets it rest


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


def test_a_pin_keeps_its_place() -> None:
    create_rule(name="Lamp first", wording={"effect": "pin", "products": ["lamp"], "position": 4}, actor="staff:1")

    answers = [answer for answer in explored_in_states(20) if answer.propensities]

    assert answers
    assert {ids(answer)[3] for answer in answers} == {"lamp"}


def test_a_shop_that_has_just_begun_explores_nothing() -> None:
    Product.objects.update(available_from=clock.now())
    keeper.forget()

    assert shown(explored_in_states(12)) == []


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
