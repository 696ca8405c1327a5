"""An export verifies on a machine with Python alone, in every format, and its filter hides no row."""

import csv
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from audit import selectors, signing, verify_audit
from audit.models import AuditEvent, AuditExport, AuditLeaf, ExportState
from audit.services import exports, publishing, record
from audit.services.sequencing import sequence
from common import clock
from common.errors import InvalidInput
from common.pseudonyms import subject_pseudonym
from tests.audit.conftest import behind_triggers, put_events

ADA = subject_pseudonym("user:ada")
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]
Exported = Callable[..., Path]


@pytest.fixture
def exported(tmp_path: Path) -> Exported:
    """Export to a folder as the command does."""

    def export(*options: str) -> Path:
        file, folder = tmp_path / "export.zip", tmp_path / f"export-{len(list(tmp_path.iterdir()))}"
        call_command("export_audit", str(file), *options, stdout=StringIO())
        with zipfile.ZipFile(file) as archive:
            archive.extractall(folder)
        return folder

    return export


def verified(folder: Path, *options: str, key: str = "") -> tuple[int, str]:
    """Run the program of an export with Python alone: no site-packages, no environment, none of our code."""
    command = [sys.executable, "-I", "-S", "verify_audit.py", ".", "--key", key or str(signing.signer().verifier)]
    done = subprocess.run([*command, *options], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert not done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize("format", ["jsonl", "csv", "ocsf"])
def test_an_export_verifies_with_python_alone(exported: Exported, format: str) -> None:
    put_events(23, at_once=5)

    folder = exported("--format", format)

    code, output = verified(folder)
    assert (code, output.split(",")[:2]) == (0, ["Verified: events 0 to 22", " 23 in full"])
    assert {path.name for path in folder.iterdir()} == {
        verify_audit.FILES[format], "manifest.json", "manifest.note", "verify_audit.py", "README.txt",
    }  # fmt: skip


def test_the_zip_file_verifies_as_it_is(exported: Exported, tmp_path: Path) -> None:
    put_events(3)
    exported()

    assert verify_audit.main([str(tmp_path / "export.zip"), "--key", str(signing.signer().verifier)]) == 0


@pytest.mark.parametrize("format", ["jsonl", "csv", "ocsf"])
def test_a_filter_leaves_hashes_of_the_other_rows(exported: Exported, format: str) -> None:
    put_events(5, actor="staff:4")
    put_events(7, actor="key:1")
    put_events(2, actor="staff:4", subject=ADA)

    folder = exported("--format", format, "--actor", "staff:4")
    code, output = verified(folder)
    assert (code, "8 in full" in output, "7 as hashes" in output) == (0, False, True)
    assert "7 in full" in output

    about_ada = exported("--format", format, "--subject", "user:ada")
    code, output = verified(about_ada)
    assert (code, "2 in full" in output) == (0, True)
    assert "user:ada" not in (about_ada / "manifest.json").read_text()


def test_a_time_exports_the_segment_between_two_checkpoints_around_it(exported: Exported) -> None:
    put_events(4, at_once=2)
    middle = clock.real_now()
    put_events(4, at_once=2)
    put_events(4, at_once=3)
    leaf = AuditLeaf.objects.get(idx=6)

    folder = exported("--since", middle.isoformat(), "--until", (leaf.at + timedelta(microseconds=1)).isoformat())

    manifest = json.loads((folder / "manifest.json").read_text())
    assert (manifest["from"]["size"], manifest["to"]["size"]) == (4, 8)
    assert (manifest["rows"], manifest["bare"]) == (3, 1)
    assert verified(folder)[0] == 0


def test_published_checkpoints_are_compared_on_the_way(exported: Exported, settings: Settings) -> None:
    for _ in range(3):
        put_events(2)
        publishing.publish_newest()

    code, output = verified(exported(), "--published", settings.AUDIT_PUBLISH_TO)

    assert (code, "3 published checkpoints" in output) == (0, True)


def test_csv_opens_in_a_spreadsheet_and_runs_nothing(exported: Exported) -> None:
    record(category="catalog", action="product.put", actor="key:1", object="=cmd|' /C calc'!A0")
    record(category="catalog", action="product.put", actor="key:1", object='product:a\nb,"c"\'d')
    record(category="catalog", action="product.put", actor="key:1", object="'quoted")
    sequence()

    folder = exported("--format", "csv")

    with (folder / "events.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["object"] for row in rows] == ["'=cmd|' /C calc'!A0", 'product:a\nb,"c"\'d', "'quoted"]
    assert json.loads(rows[0]["body"])["object"] == "=cmd|' /C calc'!A0"
    assert verified(folder)[0] == 0


def test_ocsf_has_what_a_siem_reads(exported: Exported) -> None:
    record(category="access", action="user.sign_in_refused", actor="system:admin", object="user:4")
    record(category="catalog", action="product.removed", actor="staff:4", object="product:P1", data={"a": 1})
    sequence()

    refused, removed = map(json.loads, (exported("--format", "ocsf") / "events.ocsf.jsonl").read_text().splitlines())

    assert (refused["class_uid"], refused["activity_id"], refused["status_id"]) == (3002, 1, 2)
    assert refused["type_uid"] == 300201
    assert (removed["class_uid"], removed["activity_id"]) == (3004, 4)
    assert removed["entity"] == {"type": "product", "uid": "P1"}
    assert removed["time"] == clock.to_microseconds(AuditEvent.objects.get(object="product:P1").at) // 1000
    assert (removed["unmapped"]["data"], removed["metadata"]["sequence"]) == ({"a": 1}, 1)
    assert removed["actor"]["user"]["uid"] == "staff:4"


def test_the_export_of_an_erased_shopper_still_verifies(exported: Exported) -> None:
    put_events(3, subject=ADA)
    before = (exported() / "events.jsonl").read_bytes()

    from audit.services import destroy_subject

    destroy_subject(ADA)

    folder = exported("--until", clock.real_now().isoformat())
    assert verified(folder)[0] == 0
    assert before in (folder / "events.jsonl").read_bytes()
    with pytest.raises(CommandError, match="no events about them, or they were erased"):
        exported("--subject", "user:ada")


def test_every_export_is_itself_recorded(exported: Exported) -> None:
    put_events(3)

    exported("--actor", "staff:4")

    (entry,) = selectors.entries(action="audit_export.completed")
    assert (entry.actor, entry.data["fields"], entry.data["rows"]) == ("system:command", ["actor"], 3)
    assert selectors.read_detail(entry.id) == {"actor": "staff:4"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--since", "2026-01-02", "--until", "2026-01-01"), "until: must be later than since"),
        (("--since", "2020-01-01", "--until", "2020-02-01"), "There is no signed event in this time"),
        (("--since", "yesterday"), "is no date such as 2026-11-01"),
    ],
)
def test_what_cannot_be_exported_is_said(exported: Exported, options: tuple[str, ...], message: str) -> None:
    put_events(1)

    with pytest.raises(CommandError, match=message):
        exported(*options)


def test_a_worker_writes_what_was_requested_and_a_second_message_does_no_harm() -> None:
    put_events(3)
    row = exports.queue_export(format="jsonl", declared=exports.declared_filter(actor="staff:4"), actor="staff:4")
    assert row.state == ExportState.QUEUED

    exports.run_export(row.pk)
    exports.run_export(row.pk)

    row.refresh_from_db()
    assert (row.state, row.rows, row.percent, row.starts) == (ExportState.DONE, 3, 100, 1)
    path = exports.note_download(row, actor="staff:4")
    assert path.stat().st_size == row.bytes
    assert verify_audit.main([str(path), "--key", str(signing.signer().verifier)]) == 0
    actions = [entry.action for entry in reversed(selectors.entries(category="audit"))]
    assert actions == ["audit_export.requested", "audit_export.completed", "audit_export.downloaded"]


def test_an_export_whose_worker_died_is_written_again_and_old_files_go(monkeypatch: pytest.MonkeyPatch) -> None:
    put_events(3)
    row = exports.queue_export(format="csv", declared={}, actor="staff:4")
    AuditExport.objects.update(state=ExportState.RUNNING, heartbeat_at=clock.real_now() - timedelta(minutes=2))
    sent: list[object] = []
    monkeypatch.setattr(exports, "_to_worker", sent.append)

    exports.resume_exports()
    exports.run_export(row.pk)
    exports.resume_exports()
    AuditExport.objects.update(finished_at=clock.real_now() - timedelta(days=8))
    path = exports.path_of(row.pk)
    assert path.exists()
    exports.resume_exports()

    assert sent == [row.pk]
    assert not path.exists()
    assert not AuditExport.objects.exists()


def test_an_export_that_always_dies_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_to_worker", lambda export_id: None)
    exports.queue_export(format="csv", declared={}, actor="staff:4")
    AuditExport.objects.update(starts=5, heartbeat_at=clock.real_now() - timedelta(minutes=2))

    exports.resume_exports()

    row = AuditExport.objects.get()
    assert (row.state, "stopped 5 times" in row.message) == (ExportState.FAILED, True)


def test_a_log_with_an_event_missing_is_not_exported_as_if_whole() -> None:
    put_events(3)
    with behind_triggers():
        AuditEvent.objects.filter(object="product:P1").delete()
    row = exports.queue_export(format="jsonl", declared={}, actor="staff:4")

    exports.run_export(row.pk)

    row.refresh_from_db()
    assert (row.state, row.message) == (ExportState.FAILED, "event 1 is gone from the database: the log was altered")
    assert not exports.path_of(row.pk).exists()


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidInput, match="format: must be one of jsonl, csv, ocsf"):
        exports.queue_export(format="xml", declared={}, actor="staff:4")
