"""Publishes checkpoints where this installation cannot take them back: a folder, or an address that takes POST.

Whoever owns the database can rewrite it, but not what others have already seen.
"""

import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection

from audit import signing
from audit.models import AuditCheckpoint, AuditPublication
from audit.notes import Checkpoint, parse_checkpoint
from audit.selectors.tree import newest_checkpoint
from common import clock

TIMEOUT_SECONDS: Final = 5
LATEST: Final = "checkpoint"
KEY: Final = "key"
log = logging.getLogger(__name__)


class NotPublished(Exception):
    """The place did not take the checkpoint; the message says why."""


class Publisher(threading.Thread):
    """Publishes the newest checkpoint every AUDIT_PUBLISH_SECONDS, if it is new. A slow place delays no sequencing."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(name="audit-publisher", daemon=True)
        self._stop_event = stop

    def run(self) -> None:
        """Publish until the process stops, and once more then."""
        try:
            while not self._stop_event.wait(settings.AUDIT_PUBLISH_SECONDS):
                self._turn()
            self._turn()
        finally:
            connection.close()

    def _turn(self) -> None:
        try:
            publish_newest()
        except Error as error:
            log.warning("audit.publisher_waits error=%s", error)
            connection.close()


def publish_newest() -> AuditPublication | None:
    """Publish the newest checkpoint unless it is; return what is published where, None without a place or checkpoint.

    A failure is noted on the row, logged, and tried again at the next call.
    """
    place, newest = settings.AUDIT_PUBLISH_TO, newest_checkpoint()
    if not place or newest is None:
        return None
    row, _ = AuditPublication.objects.get_or_create(place=place)
    if row.size == newest.size and not row.problem:
        return row
    try:
        publisher_of(place)(newest)
    except NotPublished as error:
        log.error("audit.not_published place=%s size=%s error=%s", place, newest.size, error)
        row.problem = str(error)[:500]
    else:
        row.size, row.at, row.problem = newest.size, clock.real_now(), ""
    row.save()
    return row


def last_published() -> Checkpoint | None:
    """Return the longest checkpoint in the folder where they are published; None without a folder or checkpoint.

    Each root covers all events before it, so the longest alone tells whether the log continues what others saw. Raises
    OSError, and BadNote for a file that the log's key did not sign.
    """
    place = settings.AUDIT_PUBLISH_TO
    if not place or is_address(place) or not Path(place).exists():
        return None
    sizes = sorted(path for path in Path(place).glob("*.txt") if path.stem.isdigit())
    paths = [*sizes[-1:], *(path for path in [Path(place) / LATEST] if path.exists())]
    notes = [path.read_text(encoding="utf-8") for path in paths]
    verifier = signing.signer().verifier
    return max((parse_checkpoint(verifier.text_of(note)) for note in notes), key=lambda one: one.size, default=None)


def is_address(place: str) -> bool:
    """Return whether checkpoints are posted there; else it is a folder."""
    return place.startswith(("http://", "https://"))


def publisher_of(place: str) -> Callable[[AuditCheckpoint], None]:
    """Return the function that publishes at a place."""
    if is_address(place):
        return lambda checkpoint: _post(place, checkpoint)
    return lambda checkpoint: _write(Path(place), checkpoint)


def _write(folder: Path, checkpoint: AuditCheckpoint) -> None:
    """Write one file for each checkpoint, never again, as write-once storage wants it, and the newest as `checkpoint`.

    The public key is there as `key`, for those who verify exports.

    Raises NotPublished, also if the folder holds another checkpoint of this size: then the log was rewritten.
    """
    path = folder / f"{checkpoint.size:012}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_whole(path, checkpoint.note, once=True)
        if path.read_text(encoding="utf-8") != checkpoint.note:
            raise NotPublished(f"another checkpoint of size {checkpoint.size} was published: the log was rewritten")
        _write_whole(folder / LATEST, checkpoint.note, once=False)
        _write_whole(folder / KEY, f"{signing.signer().verifier}\n", once=True)
    except (OSError, UnicodeDecodeError, ImproperlyConfigured) as error:
        raise NotPublished(str(error)) from error


def _write_whole(path: Path, text: str, *, once: bool) -> None:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text, encoding="utf-8")
    if not once:
        draft.replace(path)
        return
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *args: object, **more: object) -> None:
        """Follow none: the setting names the place."""


def _post(address: str, checkpoint: AuditCheckpoint) -> None:
    """Send the note as text. Raises NotPublished for any answer but 2xx."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "Vitrine"}
    request = Request(address, data=checkpoint.note.encode(), headers=headers)
    try:
        with build_opener(_NoRedirect).open(request, timeout=TIMEOUT_SECONDS):
            pass
    except (URLError, OSError, ValueError) as error:
        raise NotPublished(str(error)) from error
