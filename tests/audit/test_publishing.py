"""Checkpoints leave the house: into a folder, or to an address. Trouble there is shown, and delays nothing."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from pytest_django import Settings

from audit import signing
from audit.models import AuditCheckpoint, AuditPublication
from audit.services.publishing import publish_newest
from tests.audit.conftest import put_events

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]


class Place(HTTPServer):
    """An address that takes notes."""

    notes: list[str]
    status = 200


class Handler(BaseHTTPRequestHandler):
    server: Place

    def do_POST(self) -> None:
        self.server.notes.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self.send_response(self.server.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def place(settings: Settings) -> Iterator[Place]:
    server = Place(("127.0.0.1", 0), Handler)
    server.notes = []
    settings.AUDIT_PUBLISH_TO = f"http://127.0.0.1:{server.server_port}/notes"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def published() -> AuditPublication:
    row = publish_newest()
    assert row is not None
    return row


def test_a_folder_gets_a_file_for_each_checkpoint_and_the_newest_by_name(settings: Settings) -> None:
    assert publish_newest() is None
    put_events(2)
    first = published()
    put_events(1)
    published()
    published()

    folder = Path(settings.AUDIT_PUBLISH_TO)
    notes = [row.note for row in AuditCheckpoint.objects.order_by("size")]
    assert sorted(path.name for path in folder.iterdir()) == [
        "000000000002.txt",
        "000000000003.txt",
        "checkpoint",
        "key",
    ]
    assert (folder / "key").read_text() == f"{signing.signer().verifier}\n"
    assert [(folder / f"{size:012}.txt").read_text() for size in (2, 3)] == notes
    assert (folder / "checkpoint").read_text() == notes[1]
    assert (first.size, first.problem, published().size) == (2, "", 3)


def test_a_published_checkpoint_is_never_written_over(settings: Settings) -> None:
    put_events(2)
    folder = Path(settings.AUDIT_PUBLISH_TO)
    folder.mkdir()
    (folder / "000000000002.txt").write_text("of a log before it was rewritten")

    row = published()

    assert "the log was rewritten" in row.problem
    assert row.size == 0
    assert (folder / "000000000002.txt").read_text() == "of a log before it was rewritten"


def test_a_folder_that_cannot_be_written_is_tried_again(settings: Settings, tmp_path: Path) -> None:
    put_events(1)
    settings.AUDIT_PUBLISH_TO = str(tmp_path / "file")
    (tmp_path / "file").write_text("in the way")
    assert published().problem

    (tmp_path / "file").unlink()

    assert (published().problem, published().size) == ("", 1)


def test_an_address_gets_the_note_as_text(place: Place) -> None:
    put_events(1)

    row = published()
    published()

    assert place.notes == [AuditCheckpoint.objects.get().note]
    assert (row.size, row.problem) == (1, "")


@pytest.mark.parametrize("status", [302, 403, 500])
def test_an_address_that_refuses_or_redirects_is_a_problem(place: Place, status: int) -> None:
    put_events(1)
    place.status = status

    row = published()

    assert str(status) in row.problem
    assert (row.size, len(place.notes)) == (0, 1)
