"""Whoever alters the log or an export is found out: by outsiders with the export, inside by the hourly check."""

import json
import shutil
import zipfile
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from pytest_django import Settings

from audit import signing, verify_audit
from audit.models import AuditDestruction, AuditEvent, AuditPublication, AuditVerification
from audit.notes import new_signer
from audit.services import destroy_subject, publishing, record, sequencing, verification
from audit.services.sequencing import sequence
from audit.subjects import lookup_of
from audit.tree import Frontier, leaf_hash
from common import clock
from tests.audit.conftest import behind_triggers, put_events
from tests.audit.test_append_only import FORGED

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]
EVENTS = "events.jsonl"
Lines = list[bytes]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A folder with an export of twelve events."""
    put_events(12, at_once=5)
    return export_to(tmp_path / "export")


def export_to(folder: Path, *options: str) -> Path:
    file = folder.with_suffix(".zip")
    call_command("export_audit", str(file), *options, stdout=StringIO())
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder)
    return folder


def verify(folder: Path, capsys: pytest.CaptureFixture[str], *options: str, key: str = "") -> tuple[int, str]:
    capsys.readouterr()
    code = verify_audit.main([str(folder), "--key", key or str(signing.signer().verifier), *options])
    return code, capsys.readouterr().out


def edited(lines: Lines) -> Lines:
    lines[4] = lines[4].replace(b"product:P4", b"product:P5")
    return lines


def edited_with_its_hash(lines: Lines) -> Lines:
    head, body = edited(lines)[4].rstrip(b"\n").split(b',"event":')
    old = json.loads(head + b"}")["hash"]
    lines[4] = lines[4].replace(old.encode(), leaf_hash(body[:-1]).hex().encode())
    return lines


def dropped(lines: Lines) -> Lines:
    return lines[:4] + lines[5:]


def dropped_at_the_end(lines: Lines) -> Lines:
    return lines[:-1]


def dropped_and_renumbered(lines: Lines) -> Lines:
    return [line.replace(b'"idx":%d,' % (n + 1), b'"idx":%d,' % n) for n, line in enumerate(lines[1:])]


def swapped(lines: Lines) -> Lines:
    lines[3], lines[4] = lines[4], lines[3]
    return lines


def swapped_and_renumbered(lines: Lines) -> Lines:
    lines[3], lines[4] = lines[4].replace(b'"idx":4', b'"idx":3'), lines[3].replace(b'"idx":3', b'"idx":4')
    return lines


def doubled(lines: Lines) -> Lines:
    return lines[:5] + lines[4:]


TAMPERINGS: list[tuple[Callable[[Lines], Lines], str]] = [
    (edited, "event 4 was altered: its bytes do not have its hash"),
    (edited_with_its_hash, "do not lead to the root that was signed at 12"),
    (dropped, "event 4 is expected, but event 5 comes next: rows are missing"),
    (dropped_at_the_end, "do not lead to the root that was signed at 12"),
    (dropped_and_renumbered, "do not lead to the root that was signed at 12"),
    (swapped, "event 3 is expected, but event 4 comes next"),
    (swapped_and_renumbered, "do not lead to the root that was signed at 12"),
    (doubled, "event 4 is there twice, or not in its place"),
]


@pytest.mark.parametrize(("tamper", "message"), TAMPERINGS)
@pytest.mark.parametrize("signed", [False, True], ids=["as it was", "signed again"])
def test_altered_rows_are_found(
    export: Path, capsys: pytest.CaptureFixture[str], tamper: Callable[[Lines], Lines], message: str, *, signed: bool
) -> None:
    """Also if whoever holds the key signs a manifest for the altered file: the checkpoint stays what it was."""
    assert verify(export, capsys)[0] == 0

    (export / EVENTS).write_bytes(b"".join(tamper((export / EVENTS).read_bytes().splitlines(keepends=True))))
    if signed:
        sign_again(export)

    code, output = verify(export, capsys)
    assert (code, "NOT VERIFIED" in output) == (1, True)
    assert message in output
    assert ("is not the file that the manifest was signed for" in output) is not signed


def sign_again(export: Path, **changes: Any) -> None:
    """Let the holder of the key sign a manifest that fits the files."""
    manifest = json.loads((export / "manifest.json").read_text())
    manifest["files"] = {name: sha256((export / name).read_bytes()).hexdigest() for name in manifest["files"]}
    content = json.dumps({**manifest, **changes})
    key = signing.signer()
    (export / "manifest.json").write_text(content)
    text = f"{key.name}\nexport\n{sha256(content.encode()).hexdigest()}\n"
    (export / "manifest.note").write_text(key.sign(text))


def test_another_key_is_refused(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = new_signer(signing.signer().name)

    code, output = verify(export, capsys, key=str(other.verifier))

    assert code == 1
    assert "the manifest is not signed by the key" in output
    assert "the checkpoint at 12 is not signed by the key" in output


def test_bare_hashes_without_a_filter_are_refused(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Hiding a row behind its hash, without saying so: the tree still fits."""
    lines = (export / EVENTS).read_bytes().splitlines(keepends=True)
    (export / EVENTS).write_bytes(b"".join(lines[:4] + lines[5:]))
    (export / "hashes.txt").write_text(f"4 {json.loads(lines[4])['hash']}\n")
    manifest = json.loads((export / "manifest.json").read_text())
    sign_again(export, rows=11, bare=1, files={**manifest["files"], "hashes.txt": ""})

    code, output = verify(export, capsys)

    assert code == 1
    assert "there are bare hashes, but the manifest declares no filter" in output


def test_a_filter_that_rows_contradict_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_events(3, actor="staff:4")
    export = export_to(tmp_path / "export", "--actor", "staff:4")
    assert verify(export, capsys)[0] == 0

    sign_again(export, filter={"actor": "staff:5"})

    assert "event 0 does not match the filter" in verify(export, capsys)[1]


@pytest.mark.parametrize(("format", "old", "new"), [
    ("csv", b",product.put,staff:4,", b",product.put,staff:5,"),
    ("ocsf", b'"uid":"staff:4"', b'"uid":"staff:5"'),
])  # fmt: skip
def test_what_stands_beside_the_bytes_must_say_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], format: str, old: bytes, new: bytes
) -> None:
    put_events(3, actor="staff:4")
    export = export_to(tmp_path / "export", "--format", format)
    file = export / verify_audit.FILES[format]

    file.write_bytes(file.read_bytes().replace(old, new, 1))
    sign_again(export)

    code, output = verify(export, capsys)
    assert (code, "event 0 was altered beside its bytes" in output) == (1, True)


def test_an_altered_manifest_is_refused(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    manifest = (export / "manifest.json").read_text()
    (export / "manifest.json").write_text(manifest.replace('"rows":12', '"rows":13'))

    code, output = verify(export, capsys)

    assert (code, "the manifest was altered" in output) == (1, True)


def test_a_tree_before_the_segment_that_nobody_signed_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events(6, at_once=3)
    middle = AuditEvent.objects.get(object="product:P4").at
    export = export_to(tmp_path / "export", "--since", middle.isoformat())
    assert verify(export, capsys)[0] == 0
    manifest = json.loads((export / "manifest.json").read_text())
    assert manifest["from"]["size"] == 3

    sign_again(export, **{"from": {**manifest["from"], "frontier": ["00" * 32, "00" * 32]}})

    assert "the tree before the segment does not have the root that was signed" in verify(export, capsys)[1]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"v":1}'])
def test_what_is_no_export_cannot_be_read(export: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    (export / "manifest.json").write_bytes(content)

    assert verify(export, capsys)[0] == 2
    assert verify(export / "nowhere", capsys)[0] == 2


# In the database, behind the triggers.


def forge_old_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_ensure_month(now() - interval '20 days')")
        cursor.execute(FORGED.format(shift="-20 days", actor="actor"))


def test_a_forged_old_row_is_found_inside_and_is_in_no_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events(3)
    with behind_triggers():
        forge_old_row()

    assert "is not in the tree: it was forged" in "".join(verification.verify_log().problems)
    assert verify(export_to(tmp_path / "export"), capsys)[0] == 0
    assert "00000000-0000-7000-8000-000000000001" not in (tmp_path / "export" / EVENTS).read_text()


def test_a_forged_old_row_that_was_put_into_the_tree_is_found_by_outsiders(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events(3)
    with behind_triggers(), connection.cursor() as cursor:
        forge_old_row()
        cursor.execute(
            "INSERT INTO audit_pending (event_id, at) SELECT id, at FROM audit_event"
            " WHERE id = '00000000-0000-7000-8000-000000000001'"
        )
    sequence()
    put_events(1)

    code, output = verify(export_to(tmp_path / "export"), capsys)

    assert (code, "event 3 is back-dated: it says" in output) == (1, True)
    assert any("event 3 is back-dated to" in problem for problem in verification.verify_log().problems)
    # Also as the first row of a segment: the checkpoint before it says when it was signed.
    alone = export_to(tmp_path / "alone", "--since", "2000-01-01", "--object", "product:P0")
    assert verify(alone, capsys)[0] == 1


def change_row() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE audit_event SET body = convert_to(replace(convert_from(body, 'UTF8'), '.put', '.out'), 'UTF8'),"
            " action = 'product.out' WHERE object = 'product:P1'"
        )


def change_column() -> None:
    """What pages and searches read, where exports and hashes stay the same."""
    AuditEvent.objects.filter(object="product:P1").update(actor="staff:5")


def delete_row() -> None:
    AuditEvent.objects.filter(object="product:P1").delete()


@pytest.mark.parametrize(
    ("tamper", "message"),
    [
        (change_row, "event 1 was altered"),
        (change_column, "event 1 was altered"),
        (delete_row, "event 1 is gone"),
    ],
)
def test_rows_altered_behind_the_triggers_are_found(tamper: Callable[[], None], message: str) -> None:
    put_events(3)
    assert verification.verify_log().problems == []

    with behind_triggers():
        tamper()

    assert verification.verify_log().problems == [message]
    with pytest.raises(CommandError, match=message):
        call_command("verify_audit_log")


def test_a_tree_that_was_computed_anew_contradicts_its_checkpoint(tmp_path: Path) -> None:
    put_events(3)

    with behind_triggers(), connection.cursor() as cursor:
        change_row()
        cursor.execute(
            "UPDATE audit_leaf SET hash = sha256('\\x00'::bytea || body) FROM audit_event WHERE event_id = id"
        )

    assert verification.verify_log().problems == ["the tree does not have the root that was signed at 3"]


def test_a_log_that_was_rewritten_with_its_key_contradicts_what_was_published(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever holds database and key can do all but this."""
    put_events(3)
    publishing.publish_newest()
    with behind_triggers(), connection.cursor() as cursor:
        change_row()
        cursor.execute(
            "UPDATE audit_leaf SET hash = sha256('\\x00'::bytea || body) FROM audit_event WHERE event_id = id"
        )
        cursor.execute("SELECT hash FROM audit_leaf ORDER BY idx")
        frontier = Frontier().extended(bytes(hash) for (hash,) in cursor.fetchall())
        cursor.execute("DELETE FROM audit_checkpoint")
    sequencing._sign(frontier, sequencing.Head(Frontier(), None))
    assert verification.verify_log().problems == ["at 3 another root was published: the log was rewritten or cut off"]

    export = export_to(tmp_path / "export")
    code, output = verify(export, capsys, "--published", settings.AUDIT_PUBLISH_TO)

    assert (code, "the log was rewritten: at 3 another root was published" in output) == (1, True)
    row = publishing.publish_newest()
    assert row is not None
    assert row.size == 3


def cut_off(start: int) -> None:
    """Delete the newest events with all that the database holds about them."""
    with behind_triggers(), connection.cursor() as cursor:
        for statement in (
            "DELETE FROM audit_event USING audit_leaf leaf WHERE event_id = audit_event.id AND idx >= %s",
            "DELETE FROM audit_leaf WHERE idx >= %s",
            "DELETE FROM audit_checkpoint WHERE size > %s",
        ):
            cursor.execute(statement, [start])


def test_a_tail_that_was_cut_off_contradicts_what_was_published(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events(3)
    publishing.publish_newest()
    put_events(2)
    publishing.publish_newest()
    published = settings.AUDIT_PUBLISH_TO
    assert verify(export_to(tmp_path / "before"), capsys, "--published", published)[0] == 0
    verification.verify_log()

    cut_off(3)

    assert [one.partition(":")[2][:17] for one in verification.verify_log().problems[:2]] == [
        " 5 were there at ", " 5 were published"
    ]  # fmt: skip
    AuditVerification.objects.all().delete()
    AuditPublication.objects.all().delete()
    assert verification.verify_log().problems == ["at 5 another root was published: the log was rewritten or cut off"]
    code, output = verify(export_to(tmp_path / "after"), capsys, "--published", published)
    assert (code, "the newest events are missing: the log had 5 events at" in output) == (1, True)
    put_events(1)
    assert verify(export_to(tmp_path / "later"), capsys, "--published", published)[0] == 1, "four events, not five"
    put_events(2)
    code, output = verify(export_to(tmp_path / "refilled"), capsys, "--published", published)
    assert (code, "at 5 another root was published" in output) == (1, True)


def test_an_older_export_and_one_of_an_older_time_are_whole(
    tmp_path: Path, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    put_events(3)
    publishing.publish_newest()
    older, until = export_to(tmp_path / "older"), clock.real_now()
    put_events(2)
    publishing.publish_newest()
    past = export_to(tmp_path / "past", "--until", until.isoformat())

    for folder in (older, past):
        assert verify(folder, capsys, "--published", settings.AUDIT_PUBLISH_TO)[0] == 0


def test_keys_that_were_destroyed_without_an_event_are_found() -> None:
    record(category="privacy", action="erasure.requested", actor="staff:7", object="request:1", subject="user:ada")
    record(category="privacy", action="erasure.requested", actor="staff:7", object="request:2", subject="user:bo")
    assert destroy_subject("user:ada") == 1
    assert destroy_subject("user:ada") == 0
    sequence()
    assert verification.verify_log().problems == []
    event = AuditEvent.objects.get(action="subject_keys.destroyed")
    assert (event.subject, event.object) == (None, f"destruction:{AuditDestruction.objects.get().pk}")

    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_destroy(%s)", [lookup_of("user:bo")])

    (problem,) = verification.verify_log().problems
    assert problem.startswith("keys of a subject were destroyed at")


def test_all_is_well_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    put_events(3)

    call_command("verify_audit_log")

    assert "Verified: 3 events" in capsys.readouterr().out
