"""The files of an export: events, bare hashes, a signed manifest, and the program that verifies them."""

import csv
import json
import os
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import file_digest, sha256
from io import StringIO
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryFile
from typing import IO, Any, Final

import orjson
import rfc8785

from audit import verify_audit
from audit.canonical import stamp
from audit.notes import Signer
from audit.ocsf import ocsf
from audit.programs import program
from audit.selectors.segments import Segment, SegmentRow, segment_rows
from common.spreadsheet import defused

VERSION: Final = 1
PROGRAM: Final = "verify_audit.py"
README: Final = """This is an export of the audit log {origin}, events {start} to {last}.

Verify it with Python 3.9 or newer alone:

    python3 verify_audit.py . --key '{key}'

Do not take the key from this file: compare it with the one that the shop publishes.
"""


class EventMissing(Exception):
    """An event of the tree is gone from the database: the log was altered."""


@dataclass(frozen=True, slots=True)
class Written:
    """What an export holds."""

    rows: int
    bare: int
    bytes: int
    sha256: str


class _Digest:
    """A file that hashes what is written to it."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, sha256()

    def write(self, content: bytes) -> None:
        self.file.write(content)
        self.digest.update(content)


def write_export(
    path: Path,
    segment: Segment,
    *,
    format: str,
    declared: Mapping[str, str],
    signer: Signer,
    progress: Callable[[int], None] = lambda position: None,
) -> Written:
    """Write a zip file; only a whole one gets the name. `progress` gets the position after each chunk.

    Without a filter every event is there in full. Raises EventMissing, and OSError where the disk is full.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            os.fdopen(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "w+b") as target,
            zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive,
        ):
            counts = _write_rows(archive, segment, format, declared, signer.name, progress)
            manifest = _manifest(segment, format=format, declared=declared, signer=signer)
            content = rfc8785.dumps({**manifest, **counts})
            archive.writestr(verify_audit.MANIFEST, content)
            note = signer.sign(f"{signer.name}\nexport\n{sha256(content).hexdigest()}\n")
            archive.writestr(verify_audit.SIGNATURE, note)
            archive.writestr(PROGRAM, program(verify_audit))
            archive.writestr("README.txt", _readme(segment, signer))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    return Written(counts["rows"], counts["bare"], path.stat().st_size, digest)


def _write_rows(
    archive: zipfile.ZipFile,
    segment: Segment,
    format: str,
    declared: Mapping[str, str],
    origin: str,
    progress: Callable[[int], None],
) -> dict[str, Any]:
    """Write events and bare hashes; return their numbers, and the SHA-256 of each file by its name."""
    rows, name, write = 0, verify_audit.FILES[format], WRITERS[format]
    with TemporaryFile() as spare:  # an archive takes one file after the other
        hashes = _Digest(spare)
        with _member(archive, name) as events:
            events.write(HEADS.get(format, b""))
            for chunk in segment_rows(segment, declared):
                full = [row for row in chunk if row.body is not None]
                bare = [row for row in chunk if row.body is None]
                if bare and not declared:
                    raise EventMissing(f"event {bare[0].idx} is gone from the database: the log was altered")
                events.write(b"".join(write(row, origin) for row in full))
                hashes.write(b"".join(b"%d %s\n" % (row.idx, row.hash.hex().encode()) for row in bare))
                rows += len(full)
                progress(chunk[-1].idx + 1)
        files = {name: events.digest.hexdigest()}
        if declared:
            files[verify_audit.HASHES] = hashes.digest.hexdigest()
            spare.seek(0)
            with archive.open(verify_audit.HASHES, "w", force_zip64=True) as member:
                copyfileobj(spare, member)
    return {"rows": rows, "bare": segment.end - segment.start - rows, "files": files}


@contextmanager
def _member(archive: zipfile.ZipFile, name: str) -> Iterator[_Digest]:
    with archive.open(name, "w", force_zip64=True) as file:
        yield _Digest(file)


def _manifest(segment: Segment, *, format: str, declared: Mapping[str, str], signer: Signer) -> dict[str, Any]:
    before = segment.before
    return {
        "v": VERSION,
        "key": str(signer.verifier),
        "at": stamp(segment.read_at),
        "format": format,
        "filter": dict(declared) or None,
        "from": {
            "size": segment.start,
            "note": before.note if before else "",
            "frontier": _nodes(bytes(before.frontier)) if before else [],
        },
        "to": {"size": segment.end, "note": segment.after.note},
    }


def _nodes(frontier: bytes) -> list[str]:
    return [frontier[start : start + 32].hex() for start in range(0, len(frontier), 32)]


def _readme(segment: Segment, signer: Signer) -> str:
    return README.format(origin=signer.name, start=segment.start, last=segment.end - 1, key=signer.verifier)


def _json_line(row: SegmentRow, origin: str) -> bytes:
    """Return the line; the event stands there byte for byte as it was hashed."""
    return b'{"idx":%d,"hash":"%s","event":%s}\n' % (row.idx, row.hash.hex().encode(), row.body or b"")


def _ocsf_line(row: SegmentRow, origin: str) -> bytes:
    body = row.body or b""
    return orjson.dumps(ocsf(json.loads(body), row.idx, body, row.hash.hex(), origin)) + b"\n"


def _csv_line(row: SegmentRow, origin: str) -> bytes:
    body = row.body or b""
    event = json.loads(body)
    cells = [defused(str(event.get(name) or "")) for name in verify_audit.COLUMNS[2:8]]
    return _csv([row.idx, row.hash.hex(), *cells, body.decode()])


def _csv(cells: list[Any]) -> bytes:
    file = StringIO()
    csv.writer(file).writerow(cells)
    return file.getvalue().encode()


HEADS: Final = {"csv": _csv(verify_audit.COLUMNS)}
WRITERS: Final[dict[str, Callable[[SegmentRow, str], bytes]]] = {
    "jsonl": _json_line,
    "csv": _csv_line,
    "ocsf": _ocsf_line,
}
