"""Arms are kept in both stores, the first of an epoch; a store that is down loses none."""

from unittest import mock

import pytest
from django.db import OperationalError

from common import privacy, redis
from common.errors import Unavailable
from experiments.arms import StickyArm as Arm
from experiments.arms import assign, subject_of
from experiments.design import Design
from experiments.models import StickyArm, Withheld
from experiments.selectors.designs import design
from experiments.selectors.sticky import PREFIX, merged, read_sticky
from experiments.services import sticky
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import change_weights, start
from experiments.services.sticky import ArmKeeper, Note, write

pytestmark = pytest.mark.django_db
ID = "user:ü😀"


@pytest.fixture
def button() -> Design:
    create_experiment("button", data={}, actor="staff:1")
    start("button", actor="staff:1")
    return design("button")


def rows() -> list[tuple[str, int, str]]:
    return list(StickyArm.objects.order_by("raw_id", "epoch").values_list("raw_id", "epoch", "arm"))


def test_the_first_arm_of_an_epoch_stays(button: Design) -> None:
    write([Note("button", 1, "control", ID)])
    write([Note("button", 1, "treatment", ID), Note("button", 1, "control", ID)])

    assert read_sticky([ID]) == {ID: {"button": Arm(1, "control")}}
    assert rows() == [(ID, 1, "control")]


def test_a_later_epoch_replaces_the_arm_and_an_earlier_one_does_not(button: Design) -> None:
    write([Note("button", 2, "treatment", ID)])
    write([Note("button", 1, "control", ID)])

    assert read_sticky([ID])[ID]["button"] == Arm(2, "treatment")


def test_each_id_of_a_request_gets_the_arm_and_known_ones_are_not_written_again(button: Design) -> None:
    keeper, subject = ArmKeeper(), subject_of("u1", "a1")
    keeper.keep(assign(button, subject), subject, {})
    assert keeper.flush() == 2

    known = read_sticky(subject.raw_ids)
    keeper.keep(assign(button, subject), subject, known)

    assert keeper.flush() == 0
    assert {arm for _, _, arm in rows()} == {assign(button, subject).arm_key}


def test_who_takes_no_part_is_not_kept(button: Design) -> None:
    keeper, subject = ArmKeeper(), subject_of("u1", None, consents=False)

    keeper.keep(assign(button, subject), subject, {})

    assert keeper.flush() == 0
    assert rows() == []


def test_the_users_arm_goes_before_the_devices() -> None:
    by_id = {"user:u": {"x": Arm(1, "a")}, "anonymous:d": {"x": Arm(1, "b"), "y": Arm(1, "c")}}

    assert merged(by_id) == {"x": Arm(1, "a"), "y": Arm(1, "c")}
    assert merged({"user:u": {"x": Arm(1, "a")}, "anonymous:d": {"x": Arm(2, "b")}}) == {"x": Arm(2, "b")}


def test_what_a_store_refuses_waits(button: Design) -> None:
    keeper, subject = ArmKeeper(), subject_of("u1", None)
    keeper.keep(assign(button, subject), subject, {})
    keeper.count("button", "control", "no_consent")
    with (
        mock.patch.object(sticky, "_fill_redis", side_effect=OperationalError),
        mock.patch.object(sticky, "connection"),
        pytest.raises(Unavailable),
    ):
        keeper.flush()

    assert keeper.flush() == 1
    assert len(rows()) == 1
    assert Withheld.objects.get().n == 1


def test_counts_add_up_by_arm_and_day(button: Design) -> None:
    keeper = ArmKeeper()
    for _ in range(2):
        for _ in range(3):
            keeper.count("button", "control", "no_consent")
        keeper.count("button", "treatment", "undecided")
        keeper.count("unknown", "control", "no_consent")
        keeper.flush()

    assert list(Withheld.objects.order_by("arm").values_list("arm", "reason", "n")) == [
        ("control", "no_consent", 6),
        ("treatment", "undecided", 2),
    ]


def test_a_later_epoch_is_a_row_of_its_own(button: Design) -> None:
    write([Note("button", 1, "control", ID)])
    change_weights("button", weights={"control": 0.1, "treatment": 0.9}, actor="staff:1")
    write([Note("button", 2, "treatment", ID)])

    assert rows() == [(ID, 1, "control"), (ID, 2, "treatment")]


def test_an_erased_person_has_no_arm_in_either_store(button: Design) -> None:
    write([Note("button", 1, "control", ID), Note("button", 1, "control", "user:bo")])
    store = next(one for one in privacy.stores() if one.name == "experiments")
    person = privacy.Person((ID, "anonymous:a1"))
    assert store.verify(person) == 2

    assert store.erase(person) == 2

    assert store.verify(person) == 0
    assert [raw_id for raw_id, _, _ in rows()] == ["user:bo"]
    assert redis.client().exists(f"{PREFIX}user:bo") == 1
