"""Tasks of killed workers, as by lack of memory, are repeated a limited number of times."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app

from common import clock, redis
from modelops.models import (
    ModelAlarm,
    ModelDrift,
    ModelState,
    ModelVersion,
)
from modelops.services.registry import promote
from tests.house.tree import ROOT
from tests.modelops.killable_tasks import COMPLETE, DEATHS, DONE
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("live_model")]
WATCH, INCREMENT = "modelops.watch_drift", "modelops.increment"
WAIT_SECONDS = 90.0


@pytest.fixture
def environment(process_environment: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a worker for this shop."""
    return {**process_environment, "MODEL_DIR": str(tmp_path)}


@contextmanager
def worker(environment: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """Yield a worker with a single process."""
    command = [sys.executable, "-m", "celery", "--app", "config", "worker", "--concurrency", "1"]
    command += ["--include", "tests.modelops.killable_tasks", "--loglevel", "INFO"]
    with Path(environment["MODEL_DIR"], "worker.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.terminate()
            process.wait()


def wait_for_ended_tasks(count: int) -> None:
    """Wait until that many tasks have ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while redis.client().llen(DONE) < count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def killed(count: int) -> None:
    """Wait until only that many kill points are left."""
    deadline = time.monotonic() + WAIT_SECONDS
    while redis.client().llen(DEATHS) > count:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def day_of_silence() -> None:
    """Write purchases of 25 shoppers a day, and none in the last day."""
    now = clock.epoch_us()
    put([
        bought(f"m{days}-{shopper}", shopper, "lamp", now - (24 * days + 1) * 3_600_000_000)
        for days in range(1, 11)
        for shopper in range(25)
    ])  # fmt: skip


def test_killed_watch_stores_its_checks_once(environment: dict[str, str]) -> None:
    day_of_silence()
    redis.client().rpush(DEATHS, "reading", "keeping", "kept")
    current_app.send_task(WATCH)

    with worker(environment):
        wait_for_ended_tasks(1)

    assert redis.client().llen(DEATHS) == 0, "each of three processes was killed"
    (alarm,) = ModelAlarm.objects.all()
    assert (ModelDrift.objects.count(), alarm.times) == (1, 1)


def test_watch_that_is_always_killed_is_given_up(environment: dict[str, str]) -> None:
    day_of_silence()
    redis.client().rpush(DEATHS, *["reading"] * 9)
    current_app.send_task(WATCH)

    with worker(environment):
        killed(5)
        current_app.send_task(INCREMENT)
        wait_for_ended_tasks(1)

    assert redis.client().lrange(DONE, 0, -1) == [INCREMENT.encode()]
    assert redis.client().llen(DEATHS) == 5, "three more times, no more"
    assert not ModelDrift.objects.exists()


def test_another_worker_takes_over_the_watch(environment: dict[str, str]) -> None:
    day_of_silence()
    redis.client().rpush(DEATHS, f"kept {COMPLETE}")
    current_app.send_task(WATCH)

    with worker(environment) as first:
        assert first.wait(WAIT_SECONDS) < 0
    with worker(environment):
        wait_for_ended_tasks(1)

    (alarm,) = ModelAlarm.objects.all()
    assert (ModelDrift.objects.count(), alarm.times) == (1, 1)


def test_killed_increments_back_off(environment: dict[str, str], tmp_path: Path) -> None:
    day_of_silence()
    redis.client().rpush(DEATHS, "learning", "learning")
    with worker(environment):
        current_app.send_task(INCREMENT)
        killed(1)
        current_app.send_task(INCREMENT)
        wait_for_ended_tasks(1)
        assert increment_of_champion()["deaths"] == 1
        assert redis.client().llen(DEATHS) == 1, "it waits"

        come(increment_of_champion()["next"])
        current_app.send_task(INCREMENT)
        killed(0)
        current_app.send_task(INCREMENT)
        wait_for_ended_tasks(2)
        assert increment_of_champion()["deaths"] == 2

        promote(passed_version(model(("popular",))), actor="staff:1")
        current_app.send_task(INCREMENT)
        wait_for_ended_tasks(3)

    assert "directory" in increment_of_champion()
    assert {"started", "deaths", "next"}.isdisjoint(increment_of_champion())
    assert (tmp_path / "worker.log").read_text().count("model.increment_died") == 2


def increment_of_champion() -> dict[str, Any]:
    increment: dict[str, Any] = ModelVersion.objects.get(state=ModelState.CHAMPION).increment
    return increment


def come(moment: str) -> None:
    """Change the row as if that moment had come."""
    wait = datetime.fromisoformat(moment) - clock.now()
    assert timedelta(minutes=9) < wait <= timedelta(minutes=10)
    live = ModelVersion.objects.get(state=ModelState.CHAMPION)
    live.increment["next"] = clock.now().isoformat()
    live.save(update_fields=["increment"])
