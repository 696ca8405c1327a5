"""The demo's experiment runs from the start, with a history whose arms and clicks are those planted."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from access.selectors import forget_keys
from audit.selectors import entries
from common.errors import InvalidInput
from common.pseudonyms import pseudonym
from demo import experiment, filling
from demo.datasets import simulated
from demo.datasets.base import DemoData
from demo.experiment import KEY, History
from demo.simulation.home_visits import HYBRID, POPULAR, HomeVisits
from events.log import get_log
from events.types.base import Event
from experiments.arms import assign, subject_of
from experiments.models import Experiment, Step, StickyArm
from experiments.selectors.designs import design
from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start

NOW = datetime.now(UTC)


@pytest.fixture
def small(db: None) -> DemoData:
    """A simulated shop of sixty shoppers, with its experiment and the events of the history."""
    forget_keys()
    data = simulated.load(now=NOW, currency="EUR", shoppers=60)
    filling.fill_catalog(data, ignore)
    filling.send_events(data, ignore)
    experiment.start_experiment(now=NOW, example_shopper=data.known_shopper)
    return data


def ignore(amount: int) -> None:
    """Show no progress."""


def visits_of(data: DemoData) -> HomeVisits:
    assert data.home_visits is not None
    return data.home_visits


def log_events() -> list[Event]:
    log = get_log()
    rows = [entry for shard in range(log.shards) for _, entry in log.read(shard, count=100_000)]
    return [Event.decode(entry.body) for entry in rows if entry.kind == "event"]


def test_experiment_runs_since_three_weeks_and_is_made_once(small: DemoData) -> None:
    experiment.start_experiment(now=NOW, example_shopper=small.known_shopper)

    (row,) = Experiment.objects.all()
    assert (row.status, row.started_at, row.payload_kind) == ("running", NOW - timedelta(days=21), "strategy")
    assert (row.goal_metric, row.policy_mode, row.inference) == ("click_through_rate", "recommend", "always_valid")
    assert [one["metric"] for one in row.guardrail_metrics] == ["revenue_per_visitor"]
    assert row.epochs.get().started_at == row.started_at
    step = Step.objects.get(action="started")
    assert step.at >= NOW
    assert entries(action="experiment.started", limit=1)[0].at >= NOW - timedelta(minutes=1)


def test_history_has_the_arms_of_assignment(small: DemoData) -> None:
    experiment.send_history(visits_of(small), ignore)

    lists = [one for one in log_events() if one.name == "Recommendation Served"]
    arms = Counter(one.properties["experiments"][0]["variation"] for one in lists)
    assert set(arms) == {HYBRID, POPULAR}
    assert all(one.properties["strategy"] == one.properties["experiments"][0]["variation"] for one in lists)
    arms_by_id = dict(StickyArm.objects.values_list("raw_id", "arm"))
    devices = {pseudonym(device): device for one in visits_of(small).shoppers for device in one.devices}
    for one in lists:
        arm = one.properties["experiments"][0]["variation"]
        assert arms_by_id[f"anonymous:{one.anonymous_id}"] == arm or arms_by_id[f"user:{one.user_id}"] == arm
        if one.user_id is None:
            lot = assign(design(KEY), subject_of(None, devices[str(one.anonymous_id)]))
            assert (lot.why, lot.arm_key) == ("hash", arm)


def test_arm_is_kept_over_login(small: DemoData) -> None:
    visits = visits_of(small)
    history = History(design(KEY), visits, size=12)
    history.send(list(visits.since(NOW - timedelta(days=21))))

    lists = [one for one in log_events() if one.name == "Recommendation Served" and one.user_id]
    arms_by_user: dict[str | None, set[str]] = {}
    for one in lists:
        arms_by_user.setdefault(one.user_id, set()).add(one.properties["experiments"][0]["variation"])
    assert lists
    assert {len(arms) for arms in arms_by_user.values()} == {1}
    assert pseudonym(small.known_shopper) not in arms_by_user


def test_clicks_name_lists_that_were_served_to_the_same_shopper(small: DemoData) -> None:
    experiment.send_history(visits_of(small), ignore)

    lists = {one.properties["recommendation_id"]: one for one in log_events() if one.name == "Recommendation Served"}
    clicks = [one for one in log_events() if one.name == "Product Clicked"]
    assert len(lists) == experiment.n_visits(visits_of(small)) - sum(
        1 for _, act in visits_of(small).since(NOW - timedelta(days=21)) if act.logged_in and act.shopper == 0
    )
    assert clicks
    for one in clicks:
        answer = lists[one.properties["list_id"]]
        assert (answer.user_id, answer.anonymous_id) == (one.user_id, one.anonymous_id)
        assert answer.at < one.at < answer.at + 1_000_000
        assert one.properties["product_id"] in {line["product_id"] for line in answer.properties["products"]}


def test_history_is_the_same_when_it_is_sent_again(small: DemoData) -> None:
    experiment.send_history(visits_of(small), ignore)
    first = {one.message_id for one in log_events()}
    experiment.send_history(visits_of(small), ignore)

    assert {one.message_id for one in log_events()} == first


def test_hybrid_gets_the_planted_lift() -> None:
    data = simulated.load(now=NOW, currency="EUR", shoppers=400)
    visits = visits_of(data)
    rates = {}
    for strategy in (POPULAR, HYBRID):
        lists = [visits.list_for(*one, strategy, size=12) for one in visits.since(NOW - timedelta(days=90))]
        clicks = sum(item["event"] == "Product Clicked" for one in lists for item in one.items)
        rates[strategy] = clicks / len(lists)
    assert rates[POPULAR] == pytest.approx(0.35, abs=0.05)
    assert rates[HYBRID] / rates[POPULAR] == pytest.approx(1.3, abs=0.2)


def test_nobody_sees_what_is_not_on_sale_yet() -> None:
    data = simulated.load(now=NOW, currency="EUR", shoppers=40)
    on_sale = {row["product_id"]: datetime.fromisoformat(row["available_from"]) for row in data.products}
    for number, act in visits_of(data).since(NOW - timedelta(days=90)):
        home_list = visits_of(data).list_for(number, act, HYBRID, size=12)
        assert len(home_list.answer["items"]) == 12
        assert all(on_sale[item["product_id"]].timestamp() <= act.at + 1 for item in home_list.answer["items"])


@pytest.mark.django_db
def test_an_experiment_cannot_have_begun_in_the_future() -> None:
    create_experiment("button", data={}, actor="staff:1")
    with pytest.raises(InvalidInput) as error:
        start("button", actor="staff:1", began_at=datetime.now(UTC) + timedelta(days=1))
    assert error.value.errors[0].field == "began_at"
