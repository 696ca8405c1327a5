"""A placement is answered for everybody: known, anonymous, without consent; with a model and without."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from common import clock
from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import keeper
from profiles.selectors import read_person
from recsys.data.profile import Context, Profile
from recsys.data.signals import PURCHASE, SIGNAL_CODES
from tests.personalization.shop import ADA, BO, CY, does, finite, says, views

pytestmark = pytest.mark.django_db
VIEW = SIGNAL_CODES["view"]


def asked(who: dict[str, Any] | None = None, placement: str = "home", **fields: Any) -> Answer:
    """Return the answer to a shopper."""
    return recommend(Ask(placement=placement, who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    """Return the product ids of an answer."""
    return [item.product_id for item in answer.items]


@pytest.mark.usefixtures("stocked")
def test_a_shop_without_model_and_events_answers_in_catalog_order() -> None:
    answer = asked()

    assert ids(answer) == ["bowl", "bulb", "chair", "desk", "lamp", "rug", "stool", "throw", "mug"]
    assert (answer.personalized, answer.degraded, answer.model_version) == (False, "no_model", None)
    assert {item.reason.code for item in answer.items} == {"exploration"}


@pytest.mark.usefixtures("stocked")
def test_one_view_is_enough_without_any_model() -> None:
    views(ADA, "desk")

    answer = asked(ADA)

    assert answer.personalized
    named = [item for item in answer.items if "desk" in item.reason.product_ids]
    assert named
    assert named[0].reason.code == "because_viewed"
    assert named[0].reason.text == "Because you viewed Oak desk"


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize("product_id", ["desk", "rug", "bowl", "bulb"])
def test_the_product_just_viewed_is_named_in_the_next_answer(product_id: str) -> None:
    views(ADA, "mug", "bowl", "rug", "lamp", product_id)

    answer = asked(ADA)

    assert answer.degraded is None
    assert product_id in [named for item in answer.items for named in item.reason.product_ids]


@pytest.mark.usefixtures("trained")
def test_an_answer_is_what_the_model_says_of_the_history_that_was_sent() -> None:
    save_placement("plain", data={"name": "Plain"}, actor="staff:1")
    views(ADA, "rug", "bulb")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": one} for one in ("lamp", "mug", "lamp")])

    found = asked(ADA, "plain", exclude=("desk-xl",), limit=5)

    snapshot, times = keeper.current(), [one.at / 1e6 for one in read_person(**ADA).history[:4]]
    assert snapshot.bundle is not None
    codes, allowed = snapshot.shelf.codes, snapshot.on_sale.copy()
    allowed[codes["desk-xl"]] = False
    profile = Profile(
        items=np.array([codes[one] for one in ("rug", "bulb", "lamp", "mug")], np.int32),
        times=np.array(times),
        signals=np.array([VIEW, VIEW, PURCHASE, PURCHASE], np.int8),
        weights=np.array([1, 1, 4, 4], np.float32),
        values=np.ones(4, np.float32),
        now=times[-1],
    )
    slate = snapshot.bundle.slate(profile, Context(allowed=allowed), 5)
    assert ids(found) == [snapshot.bundle.catalog.item_ids[code] for code in slate.items]
    assert [item.score for item in found.items] == [round(score, 6) for score in slate.scores.tolist()]


@pytest.mark.usefixtures("trained")
def test_what_one_shopper_does_changes_nothing_for_another() -> None:
    views(BO, "rug")
    before = asked(BO)

    views(ADA, "desk", "chair")
    after = asked(BO)

    assert after.items == before.items


@pytest.mark.usefixtures("trained")
def test_without_consent_the_answer_is_that_of_a_stranger() -> None:
    views(CY, "desk")

    cy, stranger = asked(CY), asked()

    assert (cy.personalized, cy.degraded) == (False, "no_consent")
    assert cy.items == stranger.items
    assert stranger.degraded is None


@pytest.mark.usefixtures("trained")
def test_a_withdrawal_holds_for_the_next_answer() -> None:
    views(ADA, "desk")
    assert asked(ADA).personalized

    says(ADA, given=False)

    assert (asked(ADA).personalized, asked(ADA).degraded) == (False, "no_consent")


@pytest.mark.usefixtures("trained")
def test_global_privacy_control_counts_as_a_refusal_where_opt_in_applies() -> None:
    views(ADA, "desk")

    answer = recommend(Ask(placement="home", who=Who(user_id="ada", gpc=True)))

    assert answer.degraded == "no_consent"


@pytest.mark.usefixtures("trained")
def test_a_shopper_who_agreed_and_did_nothing_gets_the_cold_start() -> None:
    answer = asked(ADA)

    assert (answer.personalized, answer.degraded) == (False, "no_profile")
    assert answer.items == asked().items


@pytest.mark.usefixtures("trained")
def test_personalized_false_looks_at_nobody() -> None:
    views(ADA, "desk")

    answer = asked(ADA, personalized=False)

    assert (answer.personalized, answer.degraded) == (False, None)
    assert answer.items == asked().items


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(
    "placement", ["home", "product", "similar", "bundle", "cart", "trending", "recent", "onboarding"]
)
def test_every_default_placement_answers_with_reasons_of_the_contract(placement: str) -> None:
    from personalization.serving.reasons import CODES

    views(ADA, "rug", "chair")

    answer = asked(ADA, placement, product_ids=("desk",), limit=4)

    assert len(answer.items) == 4
    assert {item.reason.code for item in answer.items} <= set(CODES)
    assert [item.position for item in answer.items] == [1, 2, 3, 4]
    assert finite([item.score for item in answer.items])


@pytest.mark.usefixtures("trained")
def test_the_context_and_its_variants_are_not_offered_again() -> None:
    for placement in ("similar", "bundle", "cart", "product"):
        shown = ids(asked(placement=placement, product_ids=("desk", "lamp"), limit=10))

        assert shown
        assert not {"desk", "desk-xl", "lamp"} & set(shown), placement


@pytest.mark.usefixtures("trained")
def test_of_variants_one_is_shown() -> None:
    shown = ids(asked(limit=100))

    assert len({"desk", "desk-xl"} & set(shown)) == 1


@pytest.mark.usefixtures("trained")
def test_what_is_near_a_product_says_so() -> None:
    answer = asked(placement="similar", product_ids=("rug",), limit=1)

    assert answer.items[0].product_id == "throw"
    assert answer.items[0].reason.product_ids == ("rug",)


@pytest.mark.usefixtures("trained")
def test_recently_viewed_comes_first_in_its_placement() -> None:
    views(ADA, "rug", "chair", "bowl")

    assert ids(asked(ADA, "recent"))[:3] == ["bowl", "chair", "rug"]


@pytest.mark.usefixtures("trained")
def test_unknown_context_is_listed_and_ignored() -> None:
    answer = asked(placement="similar", product_ids=("rug", "nothing"))

    assert answer.unknown_products == ("nothing",)
    assert answer.items


@pytest.mark.usefixtures("trained")
def test_an_unverified_user_gets_reasons_that_name_no_products() -> None:
    views(ADA, "desk")

    answer = recommend(Ask(placement="home", who=Who(user_id="ada", verified=False)))

    assert answer.personalized
    assert all(item.reason.product_ids == () for item in answer.items)
    assert "Oak desk" not in "".join(item.reason.text for item in answer.items)


@pytest.mark.usefixtures("trained")
def test_nor_that_one_was_theirs() -> None:
    views(ADA, "desk")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "lamp"}])

    mine, claimed = (
        {item.reason.text for item in recommend(Ask(placement="recent", who=Who(user_id="ada", verified=proved))).items}
        for proved in (True, False)
    )

    assert {"You looked at this lately", "You bought this before"} <= mine
    assert not any("You " in text for text in claimed)


@pytest.mark.usefixtures("trained")
def test_the_cart_speaks_in_its_own_words() -> None:
    does(ADA, "Product Added", "rug")

    reasons = [item.reason for item in asked(ADA).items if "rug" in item.reason.product_ids]

    assert reasons
    assert reasons[0].text == "Because you put Wool rug in your cart"


@pytest.mark.usefixtures("trained")
def test_what_was_bought_is_not_offered_again_where_the_placement_says_so() -> None:
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "lamp"}])

    shown = [set(ids(asked(ADA, placement, product_ids=("desk",), limit=20))) for placement in ("bundle", "product")]

    assert ["lamp" in own for own in shown] == [False, True]


@pytest.mark.usefixtures("trained")
@pytest.mark.parametrize(("days", "shown"), [(1, False), (8, True)])
def test_what_was_bought_rests_as_many_days_as_the_placement_says(
    days: int, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_placement("product", data={"rest_days": 7}, actor="staff:1")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "lamp"}])
    views(ADA, "rug")

    later = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: later)

    found = ids(asked(ADA, "product", product_ids=("desk",), limit=20))
    assert ("lamp" in found, "rug" in found) == (shown, True)


@pytest.mark.usefixtures("trained")
def test_a_strategy_that_has_nothing_to_say_gives_way_to_the_placements_fallbacks_in_their_order() -> None:
    views(ADA, "rug")

    def order(fallback: str) -> list[str]:
        data = {"name": "Tips", "strategy": "complements", "fallback": [fallback], "size": 4}
        save_placement("tips", data=data, actor="staff:1")
        return ids(asked(ADA, "tips"))

    likely, popular = order("rp3beta"), order("popular")

    assert likely[:2] == ids(asked(ADA, "tips", strategy="rp3beta"))[:2]
    assert likely != popular
