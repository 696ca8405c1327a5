"""Verify an export of Vitrine's audit log. Needs Python 3.9 or newer, and nothing else.

    python3 verify_audit.py EXPORT --key 'shop.example/audit+1a2b3c4d+AbCd…' [--published FOLDER]

EXPORT is the zip file or the unpacked folder. The key is public: take it from where the checkpoints are published, not
from the export. With --published each published checkpoint on the way is compared, too. The exit code is 0 if all is
well, 1 if something is wrong, and 2 if the export cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import heapq
import json
import os
import sys
import time
import zipfile
from datetime import datetime, timedelta
from typing import IO, Any, Callable, Iterator, NamedTuple, Optional, Tuple  # noqa: UP035  # also for Python 3.9

from audit.note_check import Key, Unreadable, read_key, signed_text  # in an export that file itself

MOST_PROBLEMS = 20
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FILES = {"jsonl": "events.jsonl", "csv": "events.csv", "ocsf": "events.ocsf.jsonl"}
HASHES, MANIFEST, SIGNATURE = "hashes.txt", "manifest.json", "manifest.note"
COLUMNS = ["idx", "hash", "at", "category", "action", "actor", "object", "subject", "body"]
EVENT = b',"event":'
sha256 = hashlib.sha256

Row = Tuple[int, str, Optional[bytes], Any]  # noqa: UP006, UP045
"""Index, stated hash, the event's bytes (None: left out by the filter), and what stands beside them."""


# Signed notes and checkpoints: C2SP signed-note and tlog-checkpoint.


class Checkpoint(NamedTuple):
    """A root that was signed at a time (UTC)."""

    size: int
    root: bytes
    at: datetime


def read_checkpoint(note: str, key: Key) -> Checkpoint:
    """Return the checkpoint of a note. Raises ValueError."""
    lines = signed_text(note, key).split("\n")
    if len(lines) < 5 or lines[0] != key.name or not lines[3].startswith("time "):
        raise ValueError(f"is no checkpoint of {key.name}")
    return Checkpoint(int(lines[1]), base64.b64decode(lines[2], validate=True), moment(lines[3][5:]))


def moment(text: str) -> datetime:
    """Return a time of the log, in UTC without a zone. Raises ValueError."""
    return datetime.fromisoformat(text.rstrip("Z"))


# The tree: RFC 9162.


class Tree:
    """Complete subtrees of the leaves so far, the largest first."""

    def __init__(self, size: int, nodes: list[bytes]) -> None:
        self.size, self.nodes = size, nodes

    def append(self, node: bytes) -> None:
        """Append a leaf by its hash."""
        rest = self.size
        while rest & 1:
            node = sha256(b"\x01" + self.nodes.pop() + node).digest()
            rest >>= 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root."""
        if not self.nodes:
            return sha256(b"").digest()
        node = self.nodes[-1]
        for left in reversed(self.nodes[:-1]):
            node = sha256(b"\x01" + left + node).digest()
        return node


# The files of an export.


class Export:
    """A folder or zip file. Each file is hashed as it is read."""

    def __init__(self, path: str) -> None:
        try:
            self.archive = None if os.path.isdir(path) else zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise Unreadable(f"{path}: {error}") from None
        self.path = path
        self.digests: dict[str, str] = {}

    def names(self) -> set[str]:
        """Return the names of all files."""
        return set(os.listdir(self.path)) if self.archive is None else set(self.archive.namelist())

    def lines(self, name: str) -> Iterator[bytes]:
        """Yield the lines of a file."""
        digest = sha256()
        with self._open(name) as file:
            for line in file:
                digest.update(line)
                yield line
        self.digests[name] = digest.hexdigest()

    def _open(self, name: str) -> IO[bytes]:
        if self.archive is None:
            return open(os.path.join(self.path, name), "rb")
        return self.archive.open(name)


def json_rows(export: Export, name: str) -> Iterator[Row]:
    """Yield the events of JSON lines. An event stands there byte for byte as it was hashed."""
    for line in export.lines(name):
        start = line.index(EVENT)
        head = json.loads(line[:start] + b"}")
        yield head["idx"], head["hash"], line[start + len(EVENT) : line.rindex(b"}")], None


def ocsf_rows(export: Export, name: str) -> Iterator[Row]:
    """Yield the events of OCSF."""
    for line in export.lines(name):
        row = json.loads(line)
        yield row["metadata"]["sequence"], row["unmapped"]["leaf_hash"], row["raw_data"].encode(), row


def csv_rows(export: Export, name: str) -> Iterator[Row]:
    """Yield the events of CSV."""
    limit = csv.field_size_limit(2**31 - 1)
    try:
        rows = csv.reader(line.decode() for line in export.lines(name))
        if next(rows, None) != COLUMNS:
            raise Unreadable(f"{name} has other columns than expected")
        for row in rows:
            yield int(row[0]), row[1], row[8].encode(), row
    finally:
        csv.field_size_limit(limit)  # it holds for the whole process, which may read other files


def bare_rows(export: Export) -> Iterator[Row]:
    """Yield what the filter left out."""
    for line in export.lines(HASHES):
        index, hash = line.decode().split()
        yield int(index), hash, None, None


READERS: dict[str, Callable[[Export, str], Iterator[Row]]] = {"jsonl": json_rows, "csv": csv_rows, "ocsf": ocsf_rows}


def matcher(declared: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
    """Return the function that says whether an event matches the filter."""
    exact = [(name, value) for name, value in declared.items() if name not in ("since", "until")]
    since, until = declared.get("since", ""), declared.get("until", "9")
    return lambda event: since <= event["at"] < until and all(event.get(name) == value for name, value in exact)


# The verification.


class Verification:
    """One run over an export; `problems` holds what is wrong with it."""

    def __init__(self, export: Export, key: Key, published: dict[int, Checkpoint]) -> None:
        self.export, self.key, self.published = export, key, published
        self.problems: list[str] = []
        self.rows = self.bare = self.compared = 0
        self.latest = self.latest_allowed = datetime.min + HOUR
        self.matches = matcher({})

    def run(self) -> dict[str, Any]:
        """Verify everything and return the manifest. Raises ValueError, KeyError and TypeError for another form."""
        content = b"".join(self.export.lines(MANIFEST))
        manifest: dict[str, Any] = json.loads(content)
        self._check_manifest(content, manifest)
        start, end = self._checkpoint(manifest["from"]), self._checkpoint(manifest["to"])
        if start and end:
            self.latest = start[0].at
            self._check_rows(manifest, start[1], end[0])
            self._check_end(manifest, end[0].size)
        for name, digest in manifest["files"].items():
            if self.export.digests.get(name, digest) != digest:
                self.problems.append(f"{name} is not the file that the manifest was signed for")
        return manifest

    def _check_manifest(self, content: bytes, manifest: dict[str, Any]) -> None:
        try:
            text = signed_text(b"".join(self.export.lines(SIGNATURE)).decode(), self.key)
            if text.split("\n")[:3] != [self.key.name, "export", sha256(content).hexdigest()]:
                self.problems.append("the manifest was altered")
        except ValueError as error:
            self.problems.append(f"the manifest {error}")
        if set(manifest["files"]) != {FILES[manifest["format"]]} | ({HASHES} if manifest["filter"] else set()):
            self.problems.append("the manifest does not name the files of such an export")
        if not manifest["filter"] and (manifest["bare"] or HASHES in self.export.names()):
            self.problems.append("there are bare hashes, but the manifest declares no filter")

    def _checkpoint(self, side: dict[str, Any]) -> tuple[Checkpoint, Tree] | None:
        """Return one end of the segment and the tree before it; None if it is not signed."""
        nodes = [bytes.fromhex(node) for node in side.get("frontier", [])]
        if side["size"] == 0:
            return Checkpoint(0, sha256(b"").digest(), datetime.min + HOUR), Tree(0, nodes[:0])
        try:
            checkpoint = read_checkpoint(side["note"], self.key)
        except ValueError as error:
            self.problems.append(f"the checkpoint at {side['size']} {error}")
            return None
        tree = Tree(checkpoint.size, nodes)
        if checkpoint.size != side["size"]:
            self.problems.append(f"the checkpoint at {side['size']} was signed for {checkpoint.size}")
        if "frontier" in side and (len(nodes) != bin(tree.size).count("1") or tree.root() != checkpoint.root):
            self.problems.append("the tree before the segment does not have the root that was signed")
            return None
        return checkpoint, tree

    def _check_rows(self, manifest: dict[str, Any], tree: Tree, ended: Checkpoint) -> None:
        self.matches, self.latest_allowed = matcher(manifest["filter"] or {}), ended.at + MINUTE
        self._compare(tree)
        rows = READERS[manifest["format"]](self.export, FILES[manifest["format"]])
        rows = heapq.merge(rows, bare_rows(self.export), key=lambda row: row[0]) if manifest["filter"] else rows
        for index, stated, body, record in rows:
            if index != tree.size:
                what = "is there twice, or not in its place" if index < tree.size else "comes next: rows are missing"
                self.problems.append(f"event {tree.size} is expected, but event {index} {what}")
                break
            if body is None:
                self.bare += 1
                tree.append(bytes.fromhex(stated))
            else:
                self.rows += 1
                leaf = sha256(b"\x00" + body).digest()
                tree.append(leaf)
                if leaf.hex() != stated:
                    self.problems.append(f"event {index} was altered: its bytes do not have its hash")
                self._check_event(index, body, record)
            self._compare(tree)
            if len(self.problems) > MOST_PROBLEMS:
                return
        for _ in rows:  # a broken file is still hashed to its end
            pass
        if (tree.size, tree.root()) != (ended.size, ended.root):
            what = "rows were altered, dropped, swapped or added"
            self.problems.append(f"the events do not lead to the root that was signed at {ended.size}: {what}")
        if (self.rows, self.bare) != (manifest["rows"], manifest["bare"]):
            self.problems.append("the manifest counts other rows than there are")

    def _compare(self, tree: Tree) -> None:
        """Compare the tree with what was published at its size."""
        published = self.published.get(tree.size)
        if published is not None:
            self.compared += 1
            if published.root != tree.root():
                self.problems.append(f"the log was rewritten: at {tree.size} another root was published")

    def _check_end(self, manifest: dict[str, Any], end: int) -> None:
        """Note if the log was longer than the export, before the export was made and its time was over."""
        made_at = moment(manifest["at"])
        until = (manifest["filter"] or {}).get("until")
        latest = min(made_at, moment(until)) if until else made_at
        longer = [one for one in self.published.values() if one.size > end and one.at <= latest]
        if longer:
            size, _, at = max(longer)
            had = f"the log had {size} events at {at}Z, as was published, and this export of {made_at}Z ends at {end}"
            self.problems.append(f"the newest events are missing: {had}")

    def _check_event(self, index: int, body: bytes, record: Any) -> None:
        """Note what is wrong with an event's time, with the filter, and with what stands beside its bytes."""
        try:
            event = json.loads(body)
            at, fits = moment(event["at"]), self.matches(event)
            agrees = record is None or says_the_same(record, event)
        except (ValueError, KeyError, TypeError):
            self.problems.append(f"event {index} is no event")
            return
        if at < self.latest - HOUR:
            self.problems.append(f"event {index} is back-dated: it says {event['at']}, behind later ones")
        elif at > self.latest_allowed:
            self.problems.append(f"event {index} says {event['at']}, after the checkpoint that covers it")
        elif at > self.latest:
            self.latest = at
        if not fits:
            self.problems.append(f"event {index} does not match the filter")
        if not agrees:
            self.problems.append(f"event {index} was altered beside its bytes")


def says_the_same(record: Any, event: dict[str, Any]) -> bool:
    """Return whether columns of CSV, or names of OCSF, say what the event says."""
    if isinstance(record, dict):
        names = [record["metadata"]["original_time"], record["message"], record["actor"]["user"]["uid"]]
        return bool(names == [event["at"], event["action"], event["actor"]])
    texts = [str(event.get(name) or "") for name in COLUMNS[2:8]]
    return bool(record[2:8] == texts) or all(cell in (text, f"'{text}") for cell, text in zip(record[2:8], texts))  # noqa: B905


def read_published(folder: str, key: Key) -> dict[int, Checkpoint]:
    """Return the published checkpoints by size. Raises Unreadable for a file that the key did not sign."""
    published: dict[int, Checkpoint] = {}
    for name in sorted(os.listdir(folder)):
        if name.startswith(".") or name == "key":
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            try:
                checkpoint = read_checkpoint(file.read(), key)
            except ValueError as error:
                raise Unreadable(f"{name} {error}") from None
        if published.setdefault(checkpoint.size, checkpoint).root != checkpoint.root:
            raise Unreadable(f"two roots of size {checkpoint.size} were published: the log was rewritten")
    return published


def key_in(export: Export) -> str:
    """Return the key that the export itself names."""
    return str(json.loads(b"".join(export.lines(MANIFEST)))["key"])


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def main(arguments: list[str] | None = None) -> int:
    """Verify, print the result, return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("export", help="the zip file or folder")
    parser.add_argument("--key", help="the log's public key, name+id+key")
    parser.add_argument("--published", help="a folder of published checkpoints")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        export = Export(options.export)
        key = read_key(options.key or key_in(export))
        published = read_published(options.published, key) if options.published else {}
        run = Verification(export, key, published)
        manifest = run.run()
    except (Unreadable, OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as error:
        say(f"NOT VERIFIED: the export cannot be read: {error or type(error).__name__}")
        return 2
    seconds = time.perf_counter() - began
    if not options.key:
        say(f"The key was taken from the export itself. Compare it with the published one: {manifest['key']}")
    if run.problems:
        say("NOT VERIFIED:")
        for problem in run.problems[:MOST_PROBLEMS]:
            say(f"- {problem}")
        return 1
    say(
        f"Verified: events {manifest['from']['size']} to {manifest['to']['size'] - 1}, {run.rows} in full, {run.bare}"
        f" as hashes, {run.compared} published checkpoints, {(run.rows + run.bare) / seconds:.0f} events a second."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
