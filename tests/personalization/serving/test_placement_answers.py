"""Answers of placements: known, anonymous and non-consenting shoppers, with and without a model."""

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from common import clock
from personalization.services.placements import save_placement
from personalization.services.recommend import recommend
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles.selectors import read_person
from recsys.data.profile import Context, Profile
from recsys.data.signals import PURCHASE, SIGNAL_CODES
from tests.personalization.shop import ADA, BO, CY, does, finite, says, views

pytestmark = pytest.mark.django_db
VIEW = SIGNAL_CODES["view"]


def answer_for(who: dict[str, Any] | None = None, placement: str = "home", **fields: Any) -> Answer:
    """Return the answer to a shopper."""
    return recommend(Ask(placement=placement, who=Who(**(who or {})), **fields))


def ids(answer: Answer) -> list[str]:
    """Return the product ids of an answer."""
    return [item.product_id for item in answer.items]


@pytest.mark.usefixtures("stocked_shop")
def test_without_model_and_events_answers_are_in_catalog_order() -> None:
    answer = answer_for()

    assert ids(answer) == ["bowl", "bulb", "chair", "desk", "lamp", "rug", "stool", "throw"]
    assert (answer.personalized, answer.degraded, answer.model_version) == (False, "no_model", None)
    assert {item.reason.code for item in answer.items} == {"exploration"}


@pytest.mark.usefixtures("stocked_shop")
def test_one_view_personalizes_without_a_model() -> None:
    views(ADA, "desk")

    answer = answer_for(ADA)

    assert answer.personalized
    because_of_desk = [item for item in answer.items if "desk" in item.reason.product_ids]
    assert because_of_desk
    assert because_of_desk[0].reason.code == "because_viewed"
    assert because_of_desk[0].reason.text == "Because you viewed Oak desk"


@pytest.mark.usefixtures("live_model")
@pytest.mark.parametrize("product_id", ["desk", "rug", "bowl", "bulb"])
def test_next_answer_names_the_viewed_product(product_id: str) -> None:
    views(ADA, "mug", "bowl", "rug", "lamp", product_id)

    answer = answer_for(ADA)

    assert answer.degraded is None
    assert product_id in [cause for item in answer.items for cause in item.reason.product_ids]


@pytest.mark.usefixtures("live_model")
def test_answer_equals_the_models_ranking() -> None:
    save_placement("plain", data={"name": "Plain", "discovery_share": 0.0, "sold_out": True}, actor="staff:1")
    views(ADA, "rug", "bulb")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": one} for one in ("lamp", "mug", "lamp")])

    answer = answer_for(ADA, "plain", exclude=("desk-xl",), limit=5)

    snapshot, times = snapshot_refresher.current(), [one.at / 1e6 for one in read_person(**ADA).history[:4]]
    assert snapshot.bundle is not None
    codes, allowed = snapshot.serving_catalog.codes, snapshot.on_sale.copy()
    allowed[[codes[one] for one in ("desk-xl", "lamp", "mug")]] = False  # nobody buys lamps and mugs again
    profile = Profile(
        items=np.array([codes[one] for one in ("rug", "bulb", "lamp", "mug")], np.int32),
        times=np.array(times),
        signals=np.array([VIEW, VIEW, PURCHASE, PURCHASE], np.int8),
        weights=np.array([1, 1, 4, 4], np.float32),
        values=np.ones(4, np.float32),
        now=times[-1],
    )
    slate = snapshot.bundle.slate(profile, Context(allowed=allowed), 5)
    assert ids(answer) == [snapshot.bundle.catalog.item_ids[code] for code in slate.items]
    assert [item.score for item in answer.items] == [round(score, 6) for score in slate.scores.tolist()]


@pytest.mark.usefixtures("live_model")
def test_shoppers_do_not_affect_each_other() -> None:
    views(BO, "rug")
    before = answer_for(BO)

    views(ADA, "desk", "chair")
    after = answer_for(BO)

    assert after.items == before.items


@pytest.mark.usefixtures("live_model")
def test_without_consent_the_answer_is_not_personal() -> None:
    views(CY, "desk")

    cy, stranger = answer_for(CY), answer_for()

    assert (cy.personalized, cy.degraded) == (False, "no_consent")
    assert cy.items == stranger.items
    assert stranger.degraded is None


@pytest.mark.usefixtures("live_model")
def test_withdrawal_applies_to_the_next_answer() -> None:
    views(ADA, "desk")
    assert answer_for(ADA).personalized

    says(ADA, allowed=False)

    assert (answer_for(ADA).personalized, answer_for(ADA).degraded) == (False, "no_consent")


@pytest.mark.usefixtures("live_model")
def test_privacy_signal_is_a_refusal_in_opt_in_regions() -> None:
    views(ADA, "desk")

    answer = recommend(Ask(placement="home", who=Who(user_id="ada", gpc=True)))

    assert answer.degraded == "no_consent"


@pytest.mark.usefixtures("live_model")
def test_consenting_shopper_without_history_gets_cold_start() -> None:
    answer = answer_for(ADA)

    assert (answer.personalized, answer.degraded) == (False, "no_profile")
    assert answer.items == answer_for().items


@pytest.mark.usefixtures("live_model")
def test_personalized_false_ignores_the_profile() -> None:
    views(ADA, "desk")

    answer = answer_for(ADA, personalized=False)

    assert (answer.personalized, answer.degraded) == (False, None)
    assert answer.items == answer_for().items


@pytest.mark.usefixtures("live_model")
@pytest.mark.parametrize(
    ("placement", "size"),
    [
        *((name, 4) for name in ("home", "product", "similar", "bundle", "cart", "trending", "onboarding")),
        ("recent", 2),
    ],
)
def test_default_placements_use_documented_reasons(placement: str, size: int) -> None:
    from personalization.serving.reasons import CODES

    views(ADA, "rug", "chair")

    answer = answer_for(ADA, placement, product_ids=("desk",), limit=4)

    assert len(answer.items) == size
    assert {item.reason.code for item in answer.items} <= set(CODES)
    assert [item.position for item in answer.items] == [1, 2, 3, 4][:size]
    assert finite([item.score for item in answer.items])


@pytest.mark.usefixtures("live_model")
def test_context_and_its_variants_are_excluded() -> None:
    for placement in ("similar", "bundle", "cart", "product"):
        products = ids(answer_for(placement=placement, product_ids=("desk", "lamp"), limit=10))

        assert products
        assert not {"desk", "desk-xl", "lamp"} & set(products), placement


@pytest.mark.usefixtures("live_model")
def test_only_one_variant_is_shown() -> None:
    products = ids(answer_for(limit=100))

    assert len({"desk", "desk-xl"} & set(products)) == 1


@pytest.mark.usefixtures("live_model")
def test_similar_placement_names_the_product() -> None:
    answer = answer_for(placement="similar", product_ids=("rug",), limit=1)

    assert answer.items[0].product_id == "throw"
    assert answer.items[0].reason.product_ids == ("rug",)


@pytest.mark.usefixtures("live_model")
def test_recent_shows_what_was_viewed_and_nothing_else() -> None:
    views(ADA, "rug", "chair", "bowl")

    assert ids(answer_for(ADA, "recent")) == ["bowl", "chair", "rug"]
    assert ids(answer_for(ADA, "recent", limit=2)) == ["bowl", "chair"]
    assert answer_for(ADA, "recent", exclude=("rug", "chair", "bowl")).items == ()
    assert answer_for(placement="recent").items == ()


@pytest.mark.usefixtures("live_model")
def test_unknown_context_is_listed_and_ignored() -> None:
    answer = answer_for(placement="similar", product_ids=("rug", "nothing"))

    assert answer.unknown_products == ("nothing",)
    assert answer.items


@pytest.mark.usefixtures("live_model")
def test_cart_has_its_own_reasons() -> None:
    does(ADA, "Product Added", "rug")

    reasons = [item.reason for item in answer_for(ADA).items if "rug" in item.reason.product_ids]

    assert reasons
    assert reasons[0].text == "Because you put Wool rug in your cart"


@pytest.mark.usefixtures("repeat_model")
def test_placement_can_exclude_bought_products() -> None:
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "bulb"}])

    products = [
        set(ids(answer_for(ADA, placement, product_ids=("desk",), limit=20))) for placement in ("bundle", "product")
    ]

    assert ["bulb" in own for own in products] == [False, True]


@pytest.mark.usefixtures("repeat_model")
@pytest.mark.parametrize(("days", "is_shown"), [(1, False), (8, True)])
def test_bought_products_rest_for_the_placements_days(
    days: int, is_shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_placement("product", data={"rest_days": 7}, actor="staff:1")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "bulb"}])
    views(ADA, "rug")

    later = clock.now() + timedelta(days=days)
    monkeypatch.setattr(clock, "now", lambda: later)

    products = ids(answer_for(ADA, "product", product_ids=("desk",), limit=20))
    assert ("bulb" in products, "rug" in products) == (is_shown, True)


@pytest.mark.usefixtures("live_model")
def test_empty_strategy_uses_fallbacks_in_order() -> None:
    views(ADA, "rug")

    def order(fallback: str) -> list[str]:
        data = {"name": "Tips", "strategy": "complements", "fallback": [fallback], "size": 4}
        save_placement("tips", data=data, actor="staff:1")
        return ids(answer_for(ADA, "tips"))

    likely, popular = order("rp3beta"), order("popular")

    assert likely[:2] == ids(answer_for(ADA, "tips", strategy="rp3beta"))[:2]
    assert likely != popular
