"""Old artifacts are deleted, those that may still serve are kept, and errors name deleted ones."""

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from access.models import User
from audit.models import AuditEvent
from common import clock
from common.errors import Conflict
from modelops.live import increments_of
from modelops.models import ModelVersion, ModelWaiver
from modelops.selectors.registry import table_of
from modelops.services.registry import promote, register, roll_back
from modelops.services.retention import prune
from modelops.services.runs import queue_training
from modelops.services.training import run_training
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


@pytest.fixture(autouse=True)
def _two(settings: Any) -> None:
    settings.MODELS_KEPT = 2


def make_versions(n: int) -> list[str]:
    """Register versions from two days ago, a minute apart."""
    names = [passed_version(model(("popular",))) for _ in range(n)]
    for at, name in enumerate(names):
        born = clock.now() - timedelta(days=2) + timedelta(minutes=at)
        ModelVersion.objects.filter(version=name).update(created_at=born)
    return names


def test_newest_live_and_previous_versions_are_kept(tmp_path: Path) -> None:
    names = make_versions(6)
    promote(names[1], actor="staff:7")
    promote(names[2], actor="staff:7")

    assert sorted(prune(actor="system:schedule")) == [names[0], names[3]]
    assert [name for name in names if (tmp_path / name).exists()] == [names[1], names[2], names[4], names[5]]
    assert roll_back(actor="staff:7").version == names[1]
    assert prune(actor="system:schedule") == []
    assert b"model.pruned" in bytes(AuditEvent.objects.get(action="model.pruned").body)


def test_pruned_version_keeps_its_row_and_cannot_go_live() -> None:
    old = make_versions(3)[0]
    prune(actor="system:schedule")

    row = ModelVersion.objects.get(version=old)
    assert row.gate["passed"] is True
    assert not table_of(row).exists()
    with pytest.raises(Conflict, match=rf"{old} cannot go live: its artifact was deleted on \d{{4}}-.*MODELS_KEPT"):
        promote(old, actor="staff:7")


def test_training_prunes_old_versions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = make_versions(3)
    monkeypatch.setattr("modelops.services.training._trained", lambda progress, slates: "is live")

    run_training(queue_training(actor="staff:7", hand_over=False).pk)

    assert not (tmp_path / names[0]).exists()


def test_increments_are_pruned_with_their_version() -> None:
    row = ModelVersion.objects.get(version=make_versions(3)[0])
    (increments_of(row) / "one").mkdir(parents=True)

    prune(actor="system:schedule")

    assert not increments_of(row).exists()


def test_roll_back_skips_pruned_versions(settings: Settings) -> None:
    settings.REPLAY_DAYS = 0
    names = make_versions(4)
    for name in names[:3]:
        promote(name, actor="staff:7")
    prune(actor="system:schedule")
    assert roll_back(actor="staff:7").version == names[1]

    ModelVersion.objects.filter(version=names[2]).update(pruned_at=clock.now())
    with pytest.raises(Conflict, match="No version was live before"):
        roll_back(actor="staff:7")


def test_version_with_pending_waiver_is_kept() -> None:
    names = make_versions(4)
    requester = User.objects.create_user("ada", password=None)
    ModelWaiver.objects.create(
        model_version=ModelVersion.objects.get(version=names[0]),
        reason="spring range",
        requested_by=requester,
        requested_at=clock.now(),
        expires_at=clock.now() + timedelta(days=3),
    )

    assert prune(actor="system:schedule") == [names[1]]
    ModelWaiver.objects.update(closed_by=requester, closed_at=clock.now())
    assert prune(actor="system:schedule") == [names[0]]


def test_roll_back_target_without_waivers_is_kept(settings: Settings) -> None:
    settings.REPLAY_DAYS = 0
    names = make_versions(5)
    promote(names[0], actor="staff:7")
    failed_version = ModelVersion.objects.get(version=names[1])
    requester, other = (User.objects.create_user(name, password=None) for name in ("ada", "bo"))
    waiver = ModelWaiver.objects.create(
        model_version=failed_version,
        reason="spring range",
        requested_by=requester,
        requested_at=clock.now(),
        approved_by=other,
        approved_at=clock.now(),
        expires_at=clock.now() + timedelta(days=3),
    )
    promote(names[1], actor="staff:7")
    ModelVersion.objects.filter(pk=failed_version.pk).update(gate={**failed_version.gate, "passed": False})
    promote(names[2], actor="staff:7")

    assert prune(actor="system:schedule") == []
    ModelWaiver.objects.filter(pk=waiver.pk).update(closed_by=requester, closed_at=clock.now())
    assert prune(actor="system:schedule") == [names[1]]
    assert roll_back(actor="staff:7").version == names[0]


def test_failed_deletion_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = make_versions(3)[0]

    def broken(path: Path) -> None:
        raise PermissionError(path)

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", broken)
        prune(actor="system:schedule")
    assert (tmp_path / old).exists()

    assert prune(actor="system:schedule") == []
    assert not (tmp_path / old).exists()


def test_versions_of_today_are_kept() -> None:
    for _ in range(4):
        passed_version(model(("popular",)))

    assert prune(actor="system:schedule") == []


@pytest.mark.parametrize("versions", [2, 0])
def test_stray_directories_are_deleted_after_a_day(versions: int, settings: Any, tmp_path: Path) -> None:
    """Applies also with MODELS_KEPT=0."""
    settings.MODELS_KEPT = versions
    left = [".writing-0190", "2026-11-20.7", "2026-11-20.7.judged", "2026-11-20.7.increments"]
    names_kept = ["mlflow", ".writing-0191", "2026-11-20.8"]
    for name in (*left, *names_kept):
        (tmp_path / name).mkdir()
    version_name = make_versions(1)[0]
    names_kept += [version_name, f"{version_name}.judged"]  # old, and of a version
    unjudged = register(model(("popular",)), report={}, actor="system:training").version
    left.append(f"{unjudged}.judged")  # killed while the table was written
    (tmp_path / left[-1]).mkdir()
    for name in (*left, "mlflow", version_name, f"{version_name}.judged"):
        long_ago = time.time() - 2 * 86_400
        os.utime(tmp_path / name, (long_ago, long_ago))

    prune(actor="system:schedule")

    assert {path.name for path in tmp_path.iterdir()} >= {*names_kept}
    assert not {path.name for path in tmp_path.iterdir()} & set(left)


def test_concurrently_renamed_directory_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".writing-0192").mkdir()
    stat = Path.stat

    def renamed(path: Path, **kwargs: Any) -> os.stat_result:
        if path.name == ".writing-0192":
            raise FileNotFoundError(path)
        return stat(path, **kwargs)

    monkeypatch.setattr(Path, "stat", renamed)

    assert prune(actor="system:schedule") == []


def test_zero_keeps_all_versions(settings: Any) -> None:
    settings.MODELS_KEPT = 0
    make_versions(4)

    assert prune(actor="system:schedule") == []
