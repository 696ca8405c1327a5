"""Single cases of measuring: logins, switches, ends, epochs, robots, erasure, other plans; and the counter."""

import threading
import time
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from common import clock, privacy, redis
from events.models import Event as EventRow
from events.services.positions import recorded_events_estimate
from events.types.base import Event
from experiments import counter
from experiments.keys import CHANGED
from experiments.measuring.plan import Plan
from experiments.measuring.rows import compute_all
from experiments.models import BusyUnit, Cell, Experiment, Exposure
from experiments.selectors.counting import counted_until
from experiments.selectors.results import results_of
from experiments.services import measuring
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import archive, change_weights, start, stop, undo
from experiments.services.metrics import define_metric
from experiments.stats.sketches import sketch_from_json, sketch_of
from tests.events.builders import event
from tests.experiments.test_measuring import (
    DAY,
    HOUR,
    MO,
    begin,
    compare_with_reference,
    count,
    list_id,
    ordered,
    record,
    second_of,
    served,
    stored,
)

VISITOR: dict[str, Any] = {"user_id": None, "anonymous_id": "phone"}
STARTED: dict[str, Any] = {"goal_metric": "revenue_per_visitor", "secondary_metrics": ["click_through_rate"]}


def record_and_count(*events: Event) -> None:
    record(*events)
    count()


def cell(**more: Any) -> Cell:
    return Cell.objects.get(**{"dimension": "", **more})


def units(dimension: str) -> dict[str, int]:
    return dict(Cell.objects.filter(dimension=dimension).values_list("value", "n"))


@pytest.mark.django_db
def test_a_login_makes_two_units_one_and_the_first_arm_holds() -> None:
    begin("button", **STARTED)
    visit, later = served(10, "treatment", **VISITOR), served(50, "treatment")
    record_and_count(visit, later, ordered(60, "o1", 20))
    assert {(one.unit, one.arm) for one in Exposure.objects.all()} == {
        ("anonymous:phone", "treatment"),
        ("user:ada", "treatment"),
    }

    login = event(100, kind="identify", name="", anonymous_id="phone")
    record_and_count(login)

    (row,) = Exposure.objects.all()
    assert (row.unit, row.first_at, row.switches) == ("user:ada", second_of(10), 0)
    assert (cell().n, int(cell().sums[0])) == (1, 20)
    compare_with_reference([visit, later, ordered(60, "o1", 20), login])


@pytest.mark.django_db
def test_a_switch_is_quarantined_and_counted_and_the_answers_stay_out_of_the_sums() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"), ordered(20, "o1", 20))
    record_and_count(served(30, "treatment"), served(40, "treatment"))

    assert Exposure.objects.get().switches == 2
    one = cell(arm="control")
    assert (one.n, one.quarantined, sum(one.sums), sum(one.products), one.sketches) == (0, 1, 0, 0, {})
    assert not Cell.objects.filter(arm="treatment").exists()


@pytest.mark.django_db
def test_a_refund_and_a_cancellation_change_what_was_counted() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"), ordered(20, "o1", 20), ordered(30, "o2", 7))
    assert cell().sums[0] == 27

    record_and_count(event(40, name="Order Refunded", user_id="shop", properties={"order_id": "o1", "revenue": 5}))
    assert cell().sums[0] == 22
    record_and_count(event(50, name="Order Cancelled", user_id="shop", properties={"order_id": "o2"}))
    assert [int(one) for one in (cell().sums[0], cell().products[0])] == [15, 225]


@pytest.mark.django_db
def test_an_order_that_changes_hands_leaves_its_first_owner() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control", **VISITOR), served(11, "control", user_id="bo"))
    record_and_count(ordered(20, "o1", 20, **VISITOR))
    assert Exposure.objects.get(unit="anonymous:phone").values[0] == 20

    record_and_count(ordered(30, "o1", 20, what="Updated", user_id="bo"))

    assert Exposure.objects.get(unit="user:bo").values[0] == 20
    assert sum(Exposure.objects.get(unit="anonymous:phone").values[:1]) == 0


@pytest.mark.django_db
def test_a_window_ends_and_goes_on_after_the_end_of_the_experiment() -> None:
    early = {"source": "orders", "aggregate": "sum", "field": "revenue", "window_hours": 24}
    define_metric("early_revenue", data={"name": "Early", "kind": "mean", "numerator": early}, actor=MO)
    begin("button", end=2 * HOUR, goal_metric="early_revenue", secondary_metrics=["revenue_per_visitor"])
    record_and_count(served(HOUR, "control"), served(3 * HOUR, "control", user_id="late"))
    record_and_count(ordered(HOUR + 1, "o1", 1), ordered(5 * HOUR, "o2", 10), ordered(26 * HOUR, "o3", 100))

    assert Exposure.objects.get().unit == "user:ada"
    assert cell().sums[:2] == [11, 1]


@pytest.mark.django_db
def test_a_stop_and_its_undo_leave_the_numbers_of_a_recount() -> None:
    begin("button", **STARTED)
    record_and_count(event(0), served(10, "control"))
    step = stop("button", actor=MO)
    later = round((clock.now() - second_of(0)).total_seconds()) + HOUR
    record_and_count(ordered(later, "o1", 20), served(later + 1, "control", user_id="bo"))
    assert (cell().n, int(cell().sums[0])) == (1, 0)

    undo(step.id, actor=MO)
    count()
    assert (cell().n, int(cell().sums[0])) == (2, 20)
    at_once = stored()
    measuring.recount()
    assert stored() == at_once


@pytest.mark.django_db
def test_a_unit_counts_once_in_the_epoch_of_its_first_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    create_experiment("button", data=STARTED, actor=MO)
    start("button", actor=MO)
    began = Experiment.objects.get().started_at
    assert began is not None
    second = round((began - second_of(0)).total_seconds()) + 10
    record(event(second))
    count()
    monkeypatch.setattr(measuring, "compute_all", None)  # a step does not count everything again
    record_and_count(served(second + 1, "control"), ordered(second + 2, "o1", 20))
    change_weights("button", weights={"control": 0.2, "treatment": 0.8}, actor=MO)
    count()
    record_and_count(served(second + 5, "treatment", epoch=2), ordered(second + 6, "o2", 7))

    record_and_count(
        served(second + 7, "treatment", epoch=2, user_id="new"), ordered(second + 8, "o3", 4, user_id="new")
    )

    cells = Cell.objects.filter(dimension="").order_by("epoch")
    found = [(one.epoch, one.arm, one.n, int(one.sums[0])) for one in cells]
    assert found == [(1, "control", 1, 27), (2, "treatment", 1, 4)]


@pytest.mark.django_db
def test_an_sdk_may_name_an_arm_by_its_position_and_the_time_says_which_epoch() -> None:
    begin("button", epochs=(DAY,), **STARTED)
    stated = {"experiment_id": "button", "variation_id": "1"}
    record_and_count(*(event(at, name="Experiment Viewed", properties=stated) for at in (-5, 10, DAY)))

    record_and_count(event(DAY + 1, name="Experiment Viewed", properties=stated, user_id="new"))

    assert [(one.epoch, one.arm) for one in Exposure.objects.order_by("epoch")] == [(1, "treatment"), (2, "treatment")]


@pytest.mark.django_db
def test_a_unit_counts_from_its_activation_on() -> None:
    begin("button", activation_metric="add_to_cart_rate", **STARTED)
    record_and_count(served(10, "control"), served(11, "control", user_id="idle"), ordered(20, "o1", 5))
    assert not Cell.objects.exists()

    record_and_count(event(30, name="Product Added"), ordered(40, "o2", 20))

    assert (cell().n, int(cell().sums[0])) == (1, 20)
    assert Exposure.objects.get(unit="user:ada").counts_from == second_of(30)
    assert Exposure.objects.get(unit="user:idle").counts_from is None


@pytest.mark.django_db
def test_units_are_broken_down_by_what_was_known_at_the_first_exposure() -> None:
    begin("button", **STARTED)
    phone = {"device": {"type": "mobile"}}
    record_and_count(
        event(-2 * DAY, name="Segment Entered", properties={"segment": "vip"}),
        event(-1 * DAY, name="Segment Entered", properties={"segment": "gone"}),
        event(-1 * HOUR, name="Segment Left", properties={"segment": "gone"}),
        event(12, kind="page", name="Home", context=phone),
        served(11, "control"),
        served(20, "control", user_id="bo"),
    )

    assert units("segment") == {"vip": 1}
    assert units("device") == {"mobile": 1, "unknown": 1}
    assert units("visitor") == {"returning": 1, "new": 1}
    assert units("placement") == {"home": 1, "cart": 1}
    assert units("day") == {"2026-09-21": 2}


@pytest.mark.django_db
def test_a_day_is_a_day_of_the_shop_and_another_time_zone_counts_again(settings: Any) -> None:
    begin("button", **STARTED)
    record_and_count(served(0, "control"))  # 2026-09-21 14:13 UTC
    settings.SHOP_TIME_ZONE = "Pacific/Auckland"
    count()

    assert units("day") == {"2026-09-22": 1}


@pytest.mark.django_db
def test_a_robot_is_counted_now_and_then_and_comes_out_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "MANY_EVENTS", 5)
    begin("button", **STARTED)
    record_and_count(event(0))
    record_and_count(*(served(at, "control") for at in range(1, 7)))
    assert BusyUnit.objects.get().unit == "user:ada"
    BusyUnit.objects.update(due_at=clock.now() + timedelta(hours=1))

    record_and_count(served(20, "control"), served(21, "control", user_id="bo"))
    assert Exposure.objects.get(unit="user:ada").values[2] == 6
    assert Exposure.objects.get(unit="user:bo").values[2] == 1
    assert BusyUnit.objects.get().has_news

    BusyUnit.objects.update(due_at=clock.now())
    measuring.count_new()
    assert Exposure.objects.get(unit="user:ada").values[2] == 7
    assert not BusyUnit.objects.get().has_news


@pytest.mark.django_db
@pytest.mark.parametrize("is_archived", [False, True])
def test_an_erased_shopper_leaves_rows_and_cells(is_archived: bool) -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control", **VISITOR), event(11, kind="identify", name="", anonymous_id="phone"))
    record_and_count(ordered(12, "o1", 20), served(13, "control", user_id="bo"), ordered(14, "o2", 7, user_id="bo"))
    assert cell().sums[0] == 27
    if is_archived:
        stop("button", actor=MO)
        archive("button", actor=MO)
        count()
    person = privacy.Person(("user:ada", "anonymous:phone"))

    for store in privacy.stores():
        store.erase(person)

    assert all(store.verify(person) == 0 for store in privacy.stores() if store.name == "experiments")
    assert [one.unit for one in Exposure.objects.all()] == ["user:bo"]
    assert [cell().n, *map(int, (cell().sums[0], cell().products[0]))] == [1, 7, 49]
    assert sketch_from_json(cell().sketches["0"]) == sketch_of([7.0])


@pytest.mark.django_db
def test_an_archived_experiment_keeps_its_numbers_and_counts_no_more() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"))
    stop("button", actor=MO)
    step = archive("button", actor=MO)
    count()
    record_and_count(served(11, "control", user_id="bo"))
    measuring.recount()
    assert cell().n == 1

    undo(step.id, actor=MO)
    measuring.count_new()
    assert cell().n == 2


@pytest.mark.django_db
def test_cells_that_do_not_hold_what_is_taken_out_are_made_anew() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"), served(11, "control", user_id="bo"))
    expected = stored()
    Cell.objects.all().delete()

    record_and_count(served(12, "treatment"), ordered(13, "o1", 20, user_id="bo"))

    measured = stored()
    assert measured != expected
    measuring.recount()
    assert stored() == measured


@pytest.mark.django_db
def test_postgresql_and_numpy_put_values_into_the_same_buckets() -> None:
    from experiments.measuring.cells import BUCKETS
    from experiments.stats.sketches import GAMMA

    borders = [round(GAMMA**power + step, 4) for power in range(-100, 900) for step in (-0.0001, 0.0, 0.0001)]
    values = sorted({one for one in borders if 0 < one < 1e9})
    formula = BUCKETS.partition("ELSE ")[2].partition(" END")[0]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {formula} FROM unnest(%s::numeric[]) AS amount", [values])
        buckets = [row[0] for row in cursor.fetchall()]

    assert [((bucket, 1),) for bucket in buckets] == [sketch_of([one]).positive for one in values]


@pytest.mark.django_db
@pytest.mark.parametrize(("n_recorded", "is_recount"), [(100, False), (10, True)])
def test_far_behind_everybody_is_counted_again_where_that_is_cheaper(
    monkeypatch: pytest.MonkeyPatch, n_recorded: int, is_recount: bool
) -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"))
    recounts: list[Any] = []

    def count_all(plan: Plan) -> None:
        recounts.append(plan)
        compute_all(plan)

    monkeypatch.setattr(measuring, "compute_all", count_all)
    monkeypatch.setattr(measuring, "STEP", 1)
    monkeypatch.setattr(measuring, "recorded_events_estimate", lambda: n_recorded)

    record_and_count(ordered(12, "o1", 20), served(13, "treatment", user_id="bo"), ordered(14, "o2", 7, user_id="bo"))

    assert bool(recounts) == is_recount
    at_once = stored()
    assert Exposure.objects.count() == 2
    measuring.recount()
    assert stored() == at_once


@pytest.mark.django_db
def test_the_number_of_recorded_events_is_known_about() -> None:
    record_and_count(served(10, "control"), served(11, "control"))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE events_event")
    assert recorded_events_estimate() >= 2


@pytest.mark.django_db
def test_the_command_counts_again() -> None:
    begin("button", **STARTED)
    record_and_count(served(10, "control"))
    EventRow.objects.all().delete()

    call_command("recount_experiments")

    assert not Exposure.objects.exists()
    assert not Cell.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_the_counter_counts_at_once_and_tells_who_listens() -> None:
    begin("button", **STARTED)
    record_and_count(event(1))
    assert counted_until(clock.now()) is not None
    listener: Any = redis.client().pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
    listener.subscribe(CHANGED)
    listener.get_message(timeout=1)
    stop_event = threading.Event()

    def run() -> None:
        try:
            counter.run(stop_event)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        time.sleep(0.5)
        began = time.monotonic()
        record(served(10, "control"))
        message = None
        while message is None and time.monotonic() - began < 20:
            message = listener.get_message(timeout=0.05)
        assert message is not None
        assert message["data"] == b"button"
        assert cell().n == 1
    finally:
        stop_event.set()
        thread.join()
        listener.close()


@pytest.mark.django_db
def test_lists_and_clicks_count_for_the_experiment_that_they_name() -> None:
    begin("button", **STARTED)
    begin("other", **STARTED)
    click = {"product_id": "sofa", "list_id": list_id(10)}
    record_and_count(
        served(10, "control"),
        served(20, "control", key="other"),
        event(30, name="Product Clicked", properties=click),
        event(31, name="Product Clicked", properties=click),
        event(32, name="Product Clicked", properties={**click, "list_id": "autumn"}),
        event(33, name="Product Clicked", user_id="bo", properties=click),
    )

    assert cell(experiment__key="button").sums[1:3] == [Decimal(1), Decimal(1)]
    assert cell(experiment__key="other").sums[1:3] == [Decimal(0), Decimal(1)]


@pytest.mark.django_db
def test_a_declared_machine_is_counted_and_set_aside() -> None:
    begin("button", **STARTED)
    crawler: dict[str, Any] = {"context": {"device": {"type": "bot"}}}
    events = [
        *(served(second, "treatment", user_id="crawler", **crawler) for second in range(10, 40)),
        served(50, "treatment", user_id="bo"),
        served(60, "control"),
        ordered(70, "o1", 20),
    ]

    record_and_count(*events)

    assert units("") == {"": 1}
    assert units("device") == {"bot": 1, "unknown": 1}
    results = results_of("button", at=second_of(DAY))
    assert [(one.arm, one.units, one.machines) for one in results.arms] == [("control", 1, 0), ("treatment", 1, 1)]
    assert {group.value for metric in results.metrics for one in metric.breakdowns for group in one.groups} >= {
        "unknown"
    }
    assert "bot" not in {group.value for one in results.metrics[0].breakdowns for group in one.groups}
    compare_with_reference(events)


@pytest.mark.django_db
def test_of_a_visitor_with_hundreds_of_lists_the_first_fifty_count() -> None:
    begin("button", goal_metric="click_through_rate")
    clicked = [
        event(1_000 + second, name="Product Clicked", properties={"list_id": list_id(second), "product_id": "sofa"})
        for second in (10, 59, 60, 300)
    ]
    events = [
        *(served(second, "treatment") for second in range(10, 320)),
        *clicked,
        *(served(second, "control", user_id="bo") for second in range(400, 450)),
    ]

    record_and_count(*events)

    assert [int(one) for one in cell(arm="treatment").sums] == [2, 50]
    assert [int(one) for one in cell(arm="control").sums] == [0, 50]
    for with_breakdowns in (True, False):
        results = results_of("button", at=second_of(DAY), with_breakdowns=with_breakdowns)
        assert [(one.arm, one.units, one.capped) for one in results.arms] == [("control", 1, 0), ("treatment", 1, 1)]
        assert "capped" not in {one.dimension for one in results.metrics[0].breakdowns}
    compare_with_reference(events)
