"""Jobs: they determine members, count, and fit clusters; their rows say how far they are."""

from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from catalog.services import put_product
from common import clock, redis
from common.errors import InvalidInput
from consents import cache as consent_cache
from consents.state import Decision
from events.types.base import Event
from profiles import keys, services
from profiles.models import Segment, SegmentClustering, SegmentCount, SegmentFlow, SegmentJob
from profiles.segments.rules.parsing import parse
from profiles.selectors import read_person
from profiles.selectors.jobs import DEAD_AFTER
from profiles.selectors.segments import live_segments
from profiles.services.segment_counts import count_segments
from profiles.services.segment_estimates import estimate
from profiles.services.segment_jobs import close_dead_jobs, queue_job, run_job
from profiles.services.segments import create_segment
from profiles.tasks import WORK, refit_segments
from tests.events.builders import event
from tests.profiles.segments.conftest import Make
from tests.profiles.segments.live import happened, view

pytestmark = pytest.mark.django_db(transaction=True)
ANY_VIEW = {"event": "view", "times": 1}


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []
    monkeypatch.setattr(
        "profiles.services.segment_jobs.current_app.send_task", lambda name, args: sent.append((name, args))
    )
    monkeypatch.setattr("profiles.services.segment_fill.PROFILERS_READ_SECONDS", 0.0)
    return sent


def say_yes(*raw_ids: str) -> None:
    pipe = redis.client().pipeline()
    for raw_id in raw_ids:
        consent_cache.apply_all(pipe, raw_id, {name: Decision(True, 1) for name in ("analytics", "personalization")})
    pipe.execute()


DAY = 86_400_000_000


def shop_of(lookers: int, buyers: int) -> None:
    """Create shoppers who look at cheap products on few days, and others who buy dear ones."""
    put_product("cheap", data={"title": "Cup", "price": "5.00", "category": ["Kitchen"]}, actor="system:test")
    put_product("dear", data={"title": "Desk", "price": "500.00", "category": ["Furniture"]}, actor="system:test")
    say_yes(*(f"user:u{number}" for number in range(lookers + buyers)))
    services.apply_events(shopping(lookers, buyers), offsets={})


def shopping(lookers: int, buyers: int, *, day: int = 0) -> list[Event]:
    now, events = clock.epoch_us() + day * 86_400_000_000, []
    for number in range(lookers + buyers):
        product, name = ("cheap", "Product Viewed") if number < lookers else ("dear", "Order Completed")
        for time in range(3 + number % 4):
            properties = {"product_id": product} | (
                {"order_id": f"o{day}-{number}-{time}", "products": [{"product_id": product, "price": 500}]}
                if name == "Order Completed"
                else {}
            )
            events.append(
                event(
                    1,
                    message_id=f"{day}-{number}-{time}",
                    name=name,
                    user_id=f"u{number}",
                    at=now - time * 3_600_000_000 * (1 + number % 5),
                    properties=properties,
                )
            )
    return events


def hold_the_morning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock in the morning: whether the shoppers' hours cross midnight changes the clusters."""
    morning = clock.epoch_us() // DAY * DAY + 10 * 3_600_000_000
    monkeypatch.setattr(clock, "epoch_us", lambda: morning)
    monkeypatch.setattr(clock, "now", lambda: clock.from_microseconds(morning))


def run(kind: str, **fields: Any) -> SegmentJob:
    job = run_job(queue_job(kind, actor="system:test", **fields).pk, WORK)
    assert job is not None
    return job


def test_a_new_segment_queues_a_job_that_finds_who_is_there_already(no_worker: list[Any]) -> None:
    say_yes("user:ada")
    happened(view(1))

    create_segment(key="lookers", name="Lookers", rule=ANY_VIEW, actor="staff:1")
    (name, (job_id,)) = no_worker[0]
    run_job(job_id, WORK)

    assert name == "profiles.run_segment_job"
    assert set(read_person(user_id="ada").segments) == {"lookers"}
    job = SegmentJob.objects.get()
    assert (job.state, job.progress, job.message) == ("done", 1.0, "1 shoppers")
    assert run_job(job_id, WORK) is None, "a message that comes twice"


def test_jobs_that_have_not_begun_are_not_queued_twice(no_worker: list[Any]) -> None:
    first = queue_job("fill", actor="staff:1")

    assert queue_job("fill", actor="staff:2") == first
    assert queue_job("count", actor="staff:1", rule=ANY_VIEW) != queue_job("count", actor="staff:1", rule=ANY_VIEW)


def test_a_failed_job_says_why_and_a_dead_one_is_closed() -> None:
    failed = run("refit")
    running = SegmentJob.objects.create(
        kind="fill", state="running", actor="staff:1", heartbeat_at=clock.now() - DEAD_AFTER - timedelta(seconds=1)
    )

    close_dead_jobs()

    assert (failed.state, failed.message) == (
        "failed",
        "0 shoppers have 3 interactions or more; clusters need 100.",
    )
    running.refresh_from_db()
    assert (running.state, running.message) == ("failed", "The worker died.")


def test_a_rule_is_estimated_and_counted_over_all_profiles() -> None:
    shop_of(30, 10)
    rule = {"trait": "favorite_categories", "value": "furniture"}

    guess = estimate(parse(rule))
    job = run("count", rule=rule)

    assert (guess.members, guess.low, guess.high, guess.profiles) == (10, 10, 10, 40)
    assert (job.result["members"], job.result["profiles"]) == (10, 40)


def test_an_estimate_of_a_sample_has_an_interval_that_holds_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("profiles.services.segment_estimates.SAMPLE", 60)
    shop_of(80, 40)

    guess = estimate(parse({"event": "purchase", "times": 1}))

    assert guess.low < 40 < guess.high or abs(guess.members - 40) < 30
    assert guess.sample == 60
    assert guess.profiles == 120


def test_an_estimate_without_profiles_is_zero() -> None:
    assert estimate(parse(ANY_VIEW)).members == 0


def test_profiles_from_before_the_list_of_subjects_are_found_too() -> None:
    shop_of(3, 2)
    redis.client().delete(keys.SUBJECTS)

    assert run("count", rule=ANY_VIEW).result == {"members": 3, "profiles": 5, "message": "3 of 5 shoppers"}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["kmeans", "birch"])
def test_clusters_become_segments_that_keep_key_and_name_over_refits(
    engine: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEGMENT_ENGINE = engine
    hold_the_morning(monkeypatch)
    shop_of(80, 60)

    first = run("refit")
    names = dict(Segment.objects.values_list("key", "name"))
    before = {number: set(read_person(user_id=f"u{number}").segments) for number in (50, 100)}
    services.apply_events(shopping(8, 0, day=1), offsets={})
    second = run("refit")

    assert (first.state, second.state) == ("done", "done"), (first.message, second.message)
    assert dict(Segment.objects.filter(active=True).values_list("key", "name")) == names
    assert before[50] != before[100]
    assert all(len(one) == 1 for one in before.values())
    assert {number: set(read_person(user_id=f"u{number}").segments) for number in (50, 100)} == before
    assert second.result["kept_share"] >= 0.95
    assert SegmentClustering.objects.count() == 2
    assert all(row.description for row in Segment.objects.all())
    assert live_segments().clustering is not None


@pytest.mark.slow
def test_another_engine_starts_anew_and_segments_with_the_same_members_go_on(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_the_morning(monkeypatch)
    shop_of(80, 60)
    run("refit")
    keys_before = set(Segment.objects.values_list("key", flat=True))

    settings.SEGMENT_ENGINE = "birch"
    run("refit")

    assert set(Segment.objects.filter(active=True).values_list("key", flat=True)) & keys_before


def test_the_schedule_fits_unless_it_is_switched_off(settings: Settings) -> None:
    settings.SEGMENT_REFIT_HOURS = 0
    refit_segments()
    assert SegmentJob.objects.count() == 0

    settings.SEGMENT_REFIT_HOURS = 24
    refit_segments()
    assert SegmentJob.objects.get().actor == "system:schedule"


def test_sizes_and_flows_are_counted_by_the_hour_once(make_segment: Make) -> None:
    make_segment("lookers", {"event": "view", "is": "equals", "times": 1})
    make_segment("fans", {"event": "view", "times": 2})
    say_yes("user:ada", "user:bo")
    happened(view(1), view(2, user_id="bo"))
    count_segments()
    happened(view(3))

    count_segments()
    count_segments()

    assert dict(SegmentCount.objects.values_list("segment_key", "members")) == {"lookers": 1, "fans": 1}
    flows = {(row.source, row.target): row.people for row in SegmentFlow.objects.all()}
    assert flows == {("", "lookers"): 2, ("lookers", "fans"): 1}


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"key": "Not A Key"}, "key"), ({"rule": {}}, "rule"), ({"name": ""}, "name"), ({"key": "lookers"}, "key")],
)
def test_a_wrong_segment_is_refused_by_its_field(make_segment: Make, fields: dict[str, Any], field: str) -> None:
    make_segment("lookers", ANY_VIEW)

    with pytest.raises(InvalidInput) as error:
        create_segment(**{"key": "other", "name": "Other", "rule": ANY_VIEW, "actor": "staff:1", **fields})

    assert error.value.errors[0].field == field
    assert Segment.objects.count() == 1
