"""Register, run_checks, promote: exactly the faulty models are refused, each with its reason."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audit.selectors import entries
from common.errors import Conflict, Unavailable
from modelops.live import directory_of
from modelops.models import ModelState
from modelops.selectors.registry import table_of
from modelops.services.gate import judge_version
from modelops.services.registry import promote, register
from recsys.data.profile import Context, Profile
from recsys.evaluation.model_checks.checks import run_checks
from recsys.evaluation.model_checks.slate_table import SlateTable
from recsys.evaluation.model_checks.verdict import read_case
from recsys.ranking.artifact import ArtifactError
from recsys.ranking.model import HybridModel
from recsys.sources import storage
from tests.modelops.releases import judged_version
from tests.recsys.furniture import model
from tests.recsys.planted import (
    case,
    harmless,
    leaking,
    losing,
    slow,
    unfair,
    usual,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]
Planted = Callable[[SlateTable], SlateTable]
SLATE = (
    "import json, sys; from pathlib import Path; import numpy as np;"
    "from recsys.ranking.model import HybridModel; from recsys.sources.base import Context, Profile;"
    "bundle = HybridModel.load(Path(sys.argv[1]), expected=sys.argv[2]); p = Profile.empty(1.76e9);"
    "slate = bundle.slate(p, Context(), 5); print(json.dumps([slate.items.tolist(), slate.scores.tolist()]))"
)


@pytest.fixture(scope="module")
def champion() -> SlateTable:
    return usual()


@pytest.mark.parametrize(
    ("plant", "reason"),
    [
        (lambda table: losing(table, 0.06), "group_loss:activity:new"),
        (slow, "latency"),
        (unfair, "supplier_share"),
        (leaking, "leak:time"),
    ],
)
def test_faulty_model_is_refused_for_its_fault(plant: Planted, reason: str, champion: SlateTable) -> None:
    version = judged_version(model(("popular",)), case(plant(champion), champion))

    failed = [check["name"] for check in version.gate["checks"] if not check["passed"]]
    assert reason in failed
    assert not {"group_loss:activity:new", "latency", "supplier_share", "leak:time"} & {*failed} - {reason}
    assert version.state == ModelState.REFUSED
    with pytest.raises(Conflict, match=reason):
        promote(version.version, actor="staff:7")
    (event,) = entries(action="model.refused")
    assert reason in event.data["failed"]
    hashes = (version.artifact_hash, version.gate["table"]["hash"])
    assert (event.data["artifact_hash"], event.data["table_hash"]) == hashes


def test_model_four_percent_worse_on_a_group_passes(champion: SlateTable) -> None:
    version = judged_version(model(("popular",)), case(losing(champion, 0.04), champion))

    assert version.gate["passed"]
    assert promote(version.version, actor="staff:7").state == ModelState.CHAMPION


def test_all_checks_are_stored_with_number_and_limit(champion: SlateTable) -> None:
    gate = judged_version(model(("popular",)), case(champion, champion)).gate

    by_name = {check["name"]: check for check in gate["checks"]}
    assert gate["reference"] == "2026-11-24.1"
    assert by_name["latency"]["value"] == pytest.approx(2.0)
    assert by_name["latency"]["limit"] == 25.0
    assert by_name["group_loss:activity:new"]["limit"] == 0.05
    assert by_name["group_loss:activity:new"]["detail"]


def test_version_without_verdict_cannot_go_live() -> None:
    version = register(model(("popular",)), report={}, actor="system:training")

    with pytest.raises(Conflict, match="never judged"):
        promote(version.version, actor="staff:7")


def test_verdict_cannot_be_changed(champion: SlateTable) -> None:
    version = judged_version(model(("popular",)), case(slow(champion), champion))

    with pytest.raises(Conflict, match="judged already"):
        judge_version(version.version, harmless(), reference="popularity", actor="staff:7")


def test_failed_write_of_the_table_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk leaves no partial table, and the version can be judged later."""
    version = register(model(("popular",)), report={}, actor="system:training")

    def full(path: Path, value: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_json", full)
        with pytest.raises(Unavailable, match="No space left"):
            judge_version(version.version, harmless(), reference="popularity", actor="staff:7")

    version.refresh_from_db()
    assert (version.gate, table_of(version).exists()) == ({}, False)
    assert judge_version(version.version, harmless(), reference="popularity", actor="staff:7").passed


def test_verdict_can_be_recomputed_from_the_table(champion: SlateTable) -> None:
    version = judged_version(model(("popular",)), case(losing(champion, 0.06), champion))
    table = version.gate["table"]

    again = run_checks(read_case(table_of(version), expected=table["hash"]))

    assert [(one.name, one.passed, one.detail) for one in again] == [
        (one["name"], one["passed"], one["detail"]) for one in version.gate["checks"]
    ]
    file = table_of(version) / "table.npz"
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(ArtifactError, match="altered"):
        read_case(table_of(version), expected=table["hash"])


def test_another_process_loads_the_same_model_and_refuses_an_altered_one(tmp_path: Path) -> None:
    bundle = model()
    version = judged_version(bundle, harmless())
    command = [sys.executable, "-c", SLATE, str(directory_of(version)), version.artifact_hash]

    there = subprocess.run(command, capture_output=True, text=True, check=True)

    here = bundle.slate(Profile.empty(1.76e9), Context(), 5)
    assert there.stdout.strip() == f"[{here.items.tolist()}, {np.asarray(here.scores).tolist()}]"
    assert HybridModel.load(directory_of(version)).save(tmp_path / "again") == version.artifact_hash
    file = next(directory_of(version).rglob("*.npz"))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode != 0
    assert "altered" in process.stderr
    with pytest.raises(Conflict, match="altered"):
        promote(version.version, actor="staff:7")
