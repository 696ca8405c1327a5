"""The clock runs fast in simulations, alike in every process; production refuses it; the audit log keeps real time."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from django.conf import settings
from pytest_django.fixtures import Settings

from audit.selectors import entries
from audit.services import record
from catalog.imports import resume_imports
from common import clock, fast_clock, installation
from common.fast_clock import LEAD_US, Change, FastClock, product_time, read_changes, run_fast, slow_down
from common.installation import ForeignStoreError
from config import env
from modelops.models import RunState, TrainingRun
from modelops.selectors.runs import alive_runs
from profiles.services.segment_jobs import close_dead_jobs
from tests.services import environment

DAY_A_SECOND = 86_400.0


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Hold the real time; the list's only item is its moment, to be moved. The product follows the course."""
    moment = [clock.real_epoch_us()]
    monkeypatch.setattr(clock, "real_epoch_us", lambda: moment[0])
    monkeypatch.setattr(clock, "real_now", lambda: clock.from_microseconds(moment[0]))
    clock.follow(FastClock(settings.REDIS_URL))
    yield moment
    clock.follow(None)


def test_time_runs_fast_for_a_while_and_is_never_repeated(real: list[int]) -> None:
    began = real[0]

    run_fast(60, seconds=10)
    elapsed = []
    for second in (0, 1, 2, 3, 11, 12, 13, 23):
        real[0] = began + second * 1_000_000
        elapsed.append((clock.epoch_us() - began) / 1e6)

    assert elapsed == [0, 1, 2, 62, 542, 602, 603, 613]
    assert clock.now() == clock.from_microseconds(clock.epoch_us())
    assert clock.now() - clock.real_now() == timedelta(seconds=590)


def test_another_process_reads_a_change_before_it_takes_effect(real: list[int]) -> None:
    began, other = real[0], FastClock(settings.REDIS_URL)
    assert other(began) == began

    run_fast(DAY_A_SECOND, seconds=5)

    for second in (2.5, 4, 7.5, 30):
        at = began + round(second * 1e6)
        assert other(at) == FastClock(settings.REDIS_URL)(at)
    assert other(began + 3_000_000) == began + 2_000_000 + 86_400_000_000


def test_a_run_that_is_cut_short_slows_down(real: list[int]) -> None:
    began = real[0]
    run_fast(100, seconds=1000)
    real[0] = began + LEAD_US + 1_000_000

    slow_down()

    real[0] += LEAD_US + 5_000_000
    assert clock.epoch_us() == began + LEAD_US + 100 * 3_000_000 + 5_000_000


def test_a_second_run_continues_where_the_first_ended(real: list[int]) -> None:
    run_fast(100, seconds=1)
    real[0] += LEAD_US + 10_000_000
    before = clock.epoch_us()

    run_fast(10, seconds=1)

    assert clock.epoch_us() == before
    real[0] += LEAD_US + 2_000_000
    assert clock.epoch_us() == before + LEAD_US + 10_000_000 + 1_000_000


@pytest.mark.parametrize("speed", [0.5, 0, -1, 86_401, float("nan")])
def test_a_speed_that_cannot_be_meant(speed: float) -> None:
    with pytest.raises(ValueError, match="from 1 to 86400"):
        run_fast(speed, seconds=1)

    assert read_changes(settings.REDIS_URL) == []


def test_without_redis_the_course_that_was_read_last_holds(real: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    began = real[0]
    run_fast(60, seconds=100)
    real[0] = began + LEAD_US
    clock.epoch_us()

    def away(url: str) -> list[Change]:
        raise redis.ConnectionError

    monkeypatch.setattr(fast_clock, "read_changes", away)
    real[0] += 10_000_000

    assert clock.epoch_us() == began + LEAD_US + 600_000_000


def test_before_the_first_change_it_is_the_real_time() -> None:
    assert product_time([Change(100, 500, 2.0)], 99) == 99
    assert product_time([Change(100, 500, 2.0)], 101) == 502


@pytest.mark.django_db
def test_the_audit_log_keeps_the_real_time(real: list[int]) -> None:
    run_fast(DAY_A_SECOND, seconds=60)
    real[0] += LEAD_US + 30_000_000  # PostgreSQL takes times up to a minute from its own

    record(category="test", action="clock.tried", actor="system:test", object="clock:1")

    (entry,) = entries(action="clock.tried")
    assert entry.at == clock.from_microseconds(real[0])
    assert clock.now() - entry.at > timedelta(days=29)


@pytest.mark.django_db
def test_work_that_is_alive_is_not_thought_dead(real: list[int]) -> None:
    """Heartbeats come every few real seconds, which are hours of the product's time."""
    run = TrainingRun.objects.create(state=RunState.RUNNING, heartbeat_at=clock.real_now())
    run_fast(DAY_A_SECOND, seconds=60)
    real[0] += LEAD_US + 5_000_000

    resume_imports()
    close_dead_jobs()

    assert list(alive_runs()) == [run]
    assert clock.now() - clock.real_now() > timedelta(days=4)


@pytest.mark.parametrize("surroundings", [{"DEMO": "0"}, {"DEMO": "1", "HTTPS": "1"}])
def test_production_refuses_a_fast_clock(surroundings: dict[str, str]) -> None:
    done = start(FAST_CLOCK="1", **surroundings)

    assert done.returncode != 0
    assert "FAST_CLOCK: production keeps the real time; only a demo (DEMO=1, without HTTPS) may run fast" in done.stderr


@pytest.mark.parametrize(
    ("surroundings", "follows"),
    [({"DEMO": "0"}, "False"), ({"DEMO": "1"}, "True"), ({"DEMO": "1", "HTTPS": "1"}, "False")],
)
def test_a_demo_follows_the_clock_and_production_does_not(surroundings: dict[str, str], follows: str) -> None:
    done = start(**surroundings)

    assert done.stdout.strip() == follows, done.stderr


@pytest.mark.django_db
def test_production_refuses_the_stores_of_a_simulation(settings: Settings) -> None:
    run_fast(60, seconds=1)
    settings.FAST_CLOCK = True
    installation.take("REDIS_URL")

    settings.FAST_CLOCK = False
    with pytest.raises(ForeignStoreError, match="its clock ran fast"):
        installation.check("REDIS_URL")


def start(**surroundings: str) -> "subprocess.CompletedProcess[str]":
    """Start a process of the product that prints whether it follows a course."""
    code = "import django; django.setup(); from common import clock; print(clock._course is not None)"
    inherited = {name: value for name, value in environment().items() if name not in ("FAST_CLOCK", "DEMO", "HTTPS")}
    return subprocess.run(
        [sys.executable, "-c", code], env={**inherited, **surroundings}, cwd=env.ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
