"""Two installations on one Redis or one folder of models are told so; whoever was restored or moved goes on."""

import os
import subprocess
import sys
from pathlib import Path
from unittest.mock import Mock

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django.fixtures import Settings
from redis.exceptions import OutOfMemoryError

from audit.selectors import entries
from common import installation
from common import redis as stores
from common.installation import FILE, KEY, ForeignStoreError, check, take
from config.celery import take_stores
from config.env import ROOT
from modelops.models import RunState
from modelops.services.runs import queue_training
from modelops.services.training import run_training

pytestmark = pytest.mark.django_db
THEIRS = "2020-01-01T00:00:00+00:00"
ALL = ("REDIS_URL", "REDIS_BROKER_URL", "MODEL_DIR")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.MODEL_DIR = tmp_path / "models"
    return tmp_path / "models"


def theirs(folder: Path) -> None:
    """Mark Redis and the folder as another installation's."""
    stores.client().set(KEY, THEIRS)
    folder.mkdir()
    (folder / FILE).write_text(THEIRS)


def test_who_comes_first_takes_the_stores_and_comes_again(folder: Path) -> None:
    take(*ALL)
    take(*ALL)

    assert stores.client().get(KEY) == installation.identity().encode()
    assert (folder / FILE).read_text().strip() == installation.identity()
    assert [path.name for path in folder.iterdir()] == [FILE]


def test_another_database_is_told_whose_they_are_and_changes_nothing(folder: Path) -> None:
    theirs(folder)

    with pytest.raises(ForeignStoreError, match=r"REDIS_URL belongs to the installation begun at 2020-01-01.*adopt_"):
        take(*ALL)
    with pytest.raises(ForeignStoreError, match="MODEL_DIR belongs"):
        take("MODEL_DIR")
    assert (stores.client().get(KEY), (folder / FILE).read_text()) == (THEIRS.encode(), THEIRS)


@pytest.mark.django_db(transaction=True)
def test_its_consumers_workers_and_trainings_do_not_begin_and_it_is_not_ready(folder: Path, client: Client) -> None:
    theirs(folder)

    with pytest.raises(CommandError, match="REDIS_URL belongs"):
        call_command("consume", "--only", "profiler")
    with pytest.raises(CommandError, match="MODEL_DIR belongs"):
        call_command("train")
    with pytest.raises(SystemExit, match="REDIS_URL belongs"):
        take_stores()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["stores"]["detail"].startswith("REDIS_URL belongs to")


@pytest.mark.parametrize("command", ["replay_profiles", "rebuild_consents"])
def test_nobody_elses_profiles_and_consents_are_written_anew(command: str, folder: Path) -> None:
    theirs(folder)

    with pytest.raises(CommandError, match="REDIS_URL belongs"):
        call_command(command)

    assert stores.client().keys() == [KEY.encode()]


@pytest.mark.django_db(transaction=True)
def test_a_store_that_is_away_keeps_no_worker_from_its_start(settings: Settings) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    take_stores()


@pytest.mark.django_db(transaction=True)
def test_a_worker_asks_the_other_stores_where_one_is_away(folder: Path, settings: Settings) -> None:
    theirs(folder)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    with pytest.raises(SystemExit, match="MODEL_DIR belongs"):
        take_stores()


@pytest.mark.django_db(transaction=True)
def test_a_training_of_a_worker_that_could_not_ask_deletes_nobody_elses_models(folder: Path) -> None:
    theirs(folder)
    left = folder / "2020-01-01.1"
    left.mkdir()
    os.utime(left, (0, 0))

    run = run_training(queue_training(actor="system:test", hand_over=False).pk)

    assert (run.state, run.message[:17]) == (RunState.FAILED, "MODEL_DIR belongs")
    assert left.exists()


def test_whoever_takes_over_goes_on_and_it_is_on_record(folder: Path, client: Client) -> None:
    theirs(folder)

    call_command("adopt_stores")

    check(*ALL)
    assert client.get("/readyz").status_code == 200
    assert entries(action="stores.adopted")[0].data == {"stores": ["REDIS_URL", "MODEL_DIR"]}


def test_what_cannot_be_written_is_not_said_to_be_taken_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs(folder)
    monkeypatch.setattr(stores.client(), "set", Mock(side_effect=OutOfMemoryError))

    with pytest.raises(CommandError, match=r"could not be written.*: REDIS_URL$"):
        call_command("adopt_stores")

    assert entries(action="stores.adopted")[0].data == {"stores": ["MODEL_DIR"]}
    with pytest.raises(ForeignStoreError):
        check("REDIS_URL")


def test_a_database_that_is_not_migrated_takes_nothing() -> None:
    MigrationRecorder.Migration.objects.all().delete()

    take(*ALL)

    assert stores.client().dbsize() == 0


def test_a_folder_that_cannot_be_written_stops_nobody(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings.MODEL_DIR = tmp_path / "file" / "models"

    take("MODEL_DIR")


def test_a_worker_ends_at_its_start(process_environment: dict[str, str], folder: Path) -> None:
    theirs(folder)
    command = [sys.executable, "-m", "celery", "--app", "config", "worker", "--concurrency", "1"]
    environment = {**process_environment, "MODEL_DIR": str(folder)}

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode != 0
    assert "REDIS_URL belongs to the installation begun at 2020" in done.stderr
    assert connection.is_usable()
