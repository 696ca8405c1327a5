"""Experiments decide what is served: the same arm as everywhere, with consent alone, kept over a login."""

from typing import Any

import pytest

from common import clock, redis
from common.errors import InvalidInput
from experiments.arms import assign, subject_of
from experiments.models import StickyArm, Withheld
from experiments.selectors.designs import design
from experiments.selectors.sticky import read_sticky
from experiments.services.designs import create_experiment
from experiments.services.holdout import start_holdout
from experiments.services.lifecycle import archive, change_weights, ship, stop, undo
from experiments.services.sticky import READY, arm_keeper, restore_redis
from personalization.services.recommend import Slot, recommend_page
from personalization.services.rules import create_rule
from personalization.serving.arms import NO_TRIAL
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposure_of, exposures
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles import keys as profile_keys
from tests.personalization.experiments import MO, answer_to, arm_of, consenting, running
from tests.personalization.shop import ADA, CY, Ids, says, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]
POPULAR = {"placement": "home", "strategy": "popular"}


def exposed(answer: Any, who: Ids, **fields: Any) -> list[dict[str, Any]]:
    """Return the experiments that the exposure of an answer names."""
    ask = Ask(placement=answer.placement, who=Who(**who), **fields)
    experiments: list[dict[str, Any]] = exposure_of(answer, ask).properties.get("experiments", [])
    return experiments


def visitors(n: int) -> list[Ids]:
    return [consenting({"anonymous_id": f"a{number}"}) for number in range(n)]


def test_each_arm_is_served_and_exposed_as_assigned() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    arms = []
    for who in visitors(40):
        answer = answer_to(who)

        expected = assign(design("home-ranker"), subject_of(None, who["anonymous_id"])).arm_key
        arms.append(expected)
        assert answer.trial.in_force == (("home-ranker", expected),)
        assert answer.strategy == ("popular" if expected == "treatment" else "hybrid")
        assert exposed(answer, who) == [{"key": "home-ranker", "variation": expected, "epoch": 1}]

    assert set(arms) == {"control", "treatment"}


def test_other_placements_are_left_alone() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    who = consenting({"user_id": "ada"})

    answer = answer_to(who, "trending")

    assert (answer.trial.in_force, exposed(answer, who)) == ((), [])


def test_strangers_who_share_remembered_answers_get_their_own_arm() -> None:
    running("size", kind="parameters", payload={"placement": "home", "parameters": {"size": 2}})
    for _ in range(2):
        for who in visitors(20):
            answer = answer_to(who)
            assert (len(answer.items) == 2) == (arm_of(answer, "size") == "treatment")


def test_without_consent_all_get_the_control_and_are_only_counted() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    for number in range(20):
        who = {"anonymous_id": f"a{number}"}
        says(who, "personalization")
        answer = answer_to(who)
        assert (answer.strategy, answer.trial.in_force, exposed(answer, who)) == ("hybrid", (), [])
    arm_keeper.flush()

    assert not StickyArm.objects.exists()
    assert list(Withheld.objects.values_list("arm", "reason", "n")) == [("control", "no_consent", 20)]


def test_a_withdrawn_consent_ends_participation_at_once() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    treated = next(who for who in visitors(20) if answer_to(who).strategy == "popular")
    arm_keeper.flush()

    says(treated, "experiments", allowed=False)

    answer = answer_to(treated)
    assert (answer.strategy, exposed(answer, treated)) == ("hybrid", [])
    arm_keeper.flush()
    raw_id = f"anonymous:{treated['anonymous_id']}"
    assert not StickyArm.objects.filter(raw_id=raw_id).exists()
    assert read_sticky([raw_id]) == {raw_id: {}}
    assert StickyArm.objects.exists() or treated["anonymous_id"] == "a0"


@pytest.mark.parametrize("fields", [{"personalized": False}, {"strategy": "trending"}])
def test_who_wants_no_profile_or_another_strategy_is_in_no_experiment(fields: dict[str, Any]) -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    for who in visitors(10):
        answer = answer_to(who, **fields)
        assert (answer.trial.in_force, exposed(answer, who, **fields)) == ((), [])


def test_the_arm_is_kept_over_a_login_and_on_the_next_device() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    moved = 0
    for number, visitor in enumerate(visitors(20)):
        user = consenting({"user_id": f"u{number}"})
        before = arm_of(answer_to(visitor), "home-ranker")
        arm_keeper.flush()

        after = answer_to({**visitor, **user})
        arm_keeper.flush()
        elsewhere = answer_to({**user, **consenting({"anonymous_id": f"b{number}"})})

        assert (arm_of(after, "home-ranker"), arm_of(elsewhere, "home-ranker")) == (before, before)
        moved += assign(design("home-ranker"), subject_of(f"u{number}", None)).arm_key != before
    assert moved > 0  # the hash alone would have moved some


def test_arms_survive_a_redis_that_lost_its_data() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    visitor, user = consenting({"anonymous_id": "a0"}), {"user_id": "u1"}
    before = arm_of(answer_to(visitor), "home-ranker")
    arm_keeper.flush()
    redis.client().flushdb()
    consenting({**visitor, **user})

    assert restore_redis() == 1
    assert restore_redis() == 0
    assert arm_of(answer_to({**visitor, **user}), "home-ranker") == before
    assert redis.client().exists(READY)


def test_another_split_assigns_anew_and_names_its_epoch() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    who = next(one for one in visitors(20) if arm_of(answer_to(one), "home-ranker") == "control")
    arm_keeper.flush()
    change_weights("home-ranker", weights={"control": 0.0, "treatment": 1.0}, actor=MO)

    answer = answer_to(who)

    assert exposed(answer, who) == [{"key": "home-ranker", "variation": "treatment", "epoch": 2}]
    arm_keeper.flush()
    assert set(StickyArm.objects.filter(raw_id="anonymous:a0").values_list("epoch", flat=True)) <= {1, 2}


def test_the_end_is_served_to_everybody_and_exposes_nobody() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    shoppers_ = [*visitors(5), CY, {}]

    step = ship("home-ranker", arm="treatment", actor=MO)
    for who in shoppers_:
        answer = answer_to(who)
        assert (answer.strategy, exposed(answer, who)) == ("popular", [])
        assert arm_of(answer, "home-ranker") == "treatment"
    undo(step.pk, actor=MO)
    stop("home-ranker", actor=MO)
    assert {answer_to(who).strategy for who in shoppers_} == {"hybrid"}
    archive("home-ranker", actor=MO)
    assert answer_to(CY).trial is NO_TRIAL


def test_staff_see_the_arm_they_chose_and_expose_nothing() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR, test_units={"user:ada": "treatment"})
    who = consenting(ADA)

    answer = answer_to(who)

    assert (answer.strategy, exposed(answer, who)) == ("popular", [])
    arm_keeper.flush()
    assert not StickyArm.objects.exists()


def test_a_rule_is_off_in_one_arm_and_exposes_only_where_it_applies() -> None:
    rule = create_rule(
        name="Rugs", wording={"effect": "pin", "position": 1, "products": ["rug"], "placements": ["home"]}, actor=MO
    )
    running("rugs", kind="rules", payload={"off": [rule.pk]})
    firsts = {"control": set(), "treatment": set()}  # type: ignore[var-annotated]
    for who in visitors(20):
        answer, elsewhere = answer_to(who), answer_to(who, "trending")
        arm = arm_of(answer, "rugs")
        assert arm is not None
        firsts[arm].add(answer.items[0].product_id == "rug")
        assert len(exposed(answer, who)) == 1
        assert exposed(elsewhere, who) == []

    assert firsts == {"control": {True}, "treatment": {False}}


def test_placement_settings_are_read_as_a_row_of_a_placement() -> None:
    settings = {"filters": {"brand": ["nord"]}, "sources": [{"name": "popular", "weight": 1}], "max_per_brand": 2}
    running("nord", kind="placement", payload={"placement": "home", "settings": settings})
    for who in visitors(10):
        answer = answer_to(who)
        if arm_of(answer, "nord") == "treatment":
            assert {item.brand.lower() for item in answer.items} == {"nord"}


@pytest.mark.parametrize(
    ("kind", "payload", "field"),
    [
        ("strategy", {"placement": "home", "strategy": "nonsense"}, "strategy"),
        ("strategy", {"placement": "nowhere", "strategy": "popular"}, "placement"),
        ("strategy", {"strategy": "popular"}, ""),
        ("ranker", {"placement": "home", "ranker": "popular"}, "ranker"),
        ("parameters", {"placement": "home", "parameters": {"filters": {}}}, "settings"),
        ("parameters", {"placement": "home", "parameters": {"size": 0}}, "size"),
        ("parameters", {"placement": "home", "parameters": {"size": "5"}}, "size"),
        ("parameters", {"placement": "home", "parameters": {"size": True}}, "size"),
        ("parameters", {"placement": "home", "parameters": {}}, "settings"),
        ("placement", {"placement": "home", "settings": {"filters": {"color": 1}}}, "filters"),
        ("placement", {"placement": "home", "settings": {"key": "other"}}, "settings"),
        ("rules", {"off": [999]}, "off"),
        ("rules", {"off": "all"}, "off"),
        ("rules", [], ""),
    ],
)
def test_an_impossible_payload_is_refused_and_names_the_field(kind: str, payload: Any, field: str) -> None:
    arms = [{"key": "a", "weight": 0.5}, {"key": "b", "weight": 0.5, "payload": payload}]

    with pytest.raises(InvalidInput) as refusal:
        create_experiment("bad", data={"payload_kind": kind, "arms": arms}, actor=MO)

    assert f"arms.b.payload{'.' if field else ''}{field}" in [error.field for error in refusal.value.errors]


def test_arms_on_two_placements_are_refused_and_the_arm_is_named() -> None:
    arms = [
        {"key": "now", "weight": 0.2},
        {"key": "popular", "weight": 0.4, "payload": POPULAR},
        {"key": "cart", "weight": 0.4, "payload": {**POPULAR, "placement": "cart"}},
    ]

    with pytest.raises(InvalidInput) as refusal:
        create_experiment("bad", data={"payload_kind": "strategy", "arms": arms}, actor=MO)

    assert [str(error) for error in refusal.value.errors] == [
        "arms.cart.payload.placement: must be home, as in the arm popular"
    ]


def in_segment(who: Ids, key: str) -> None:
    redis.client().hset(f"{profile_keys.SEGMENTS}user:{who['user_id']}", key, str(clock.epoch_us()))


@pytest.mark.parametrize(
    "condition",
    [
        {"segments": {"$in": ["vip"]}},
        {"traits.last_viewed": {"$exists": True}},
        {"consent.experiments": True, "id": "ada"},
    ],
)
def test_conditions_read_segments_traits_and_consent(condition: dict[str, Any]) -> None:
    running("targeted", kind="strategy", payload=POPULAR, condition=condition)
    inside, outside = consenting(ADA), consenting({"user_id": "eve"})
    views(inside, "desk")
    in_segment(inside, "vip")

    assert arm_of(answer_to(inside), "targeted") is not None
    assert arm_of(answer_to(outside), "targeted") is None


def test_a_page_is_one_subject() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    who = consenting(ADA)
    single = arm_of(answer_to(who), "home-ranker")

    page = recommend_page({key: Slot(Ask(placement=key, who=Who(**who))) for key in ("home", "trending")})

    assert arm_of(page["home"], "home-ranker") == single
    assert page["trending"].trial.in_force == ()


def test_the_hold_out_gets_no_personalization_and_every_shopper_is_exposed_to_it() -> None:
    start_holdout(share=0.5, actor=MO)
    running("home-ranker", kind="strategy", payload=POPULAR)
    arms = set()
    for number in range(20):
        who = consenting({"user_id": f"u{number}"})
        views(who, "desk", "lamp")
        answer = answer_to(who)
        names = {one["key"]: one["variation"] for one in exposed(answer, who)}
        arm = names["global-holdout"]
        arms.add(arm)
        assert answer.personalized == (arm == "personalized")
        assert ("home-ranker" in names) == (arm == "personalized")
        assert (("global-holdout", "held-out") in answer.trial.in_force) == (arm == "held-out")

    assert arms == {"held-out", "personalized"}


def test_without_experiments_nothing_more_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def counting(*scripts: Any) -> Any:
        calls.append(len(scripts))
        return redis.run_scripts(*scripts)

    monkeypatch.setattr("personalization.serving.shoppers.run_scripts", counting)
    answer = answer_to(consenting(ADA))
    assert (answer.trial is NO_TRIAL, calls) == (True, [1])

    running("home-ranker", kind="strategy", payload=POPULAR)
    answer_to(ADA)
    assert calls == [1, 2]  # in the same round trip


def test_a_write_reaches_the_snapshot() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    first = snapshot_refresher.current()
    assert first.experiments.by_target.keys() == {"placement:home"}
    assert snapshot_refresher.current() is first

    ship("home-ranker", arm="treatment", actor=MO)

    assert snapshot_refresher.current().experiments.by_key["home-ranker"].forced_arm == 1


def test_the_exposure_reaches_the_log_once() -> None:
    running("home-ranker", kind="strategy", payload=POPULAR)
    exposures.flush()
    answer_to(consenting(ADA))

    assert exposures.flush() == 1
    assert exposures.flush() == 0
