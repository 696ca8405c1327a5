"""Waiting events get positions in the tree and a signed checkpoint, whichever process is killed when."""

import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, transaction

from audit import signing
from audit.models import AuditCheckpoint, AuditEvent, AuditLeaf, AuditPending
from audit.notes import new_signer, parse_checkpoint
from audit.services import record, sequencing
from audit.services.sequencing import BrokenLog, sequence
from audit.tree import Frontier, leaf_hash
from common import clock
from tests.audit.conftest import AppRole, behind_triggers, put_events

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("key_file")]


def product(number: int) -> bytes:
    event = record(category="catalog", action="product.put", actor="key:1", object=f"product:P{number}")
    return event.body


def test_events_become_leaves_in_their_order_under_signed_checkpoints() -> None:
    bodies = [product(number) for number in range(7)]

    assert [sequence(most=3) for _ in range(4)] == [3, 3, 1, 0]

    leaves = AuditLeaf.objects.order_by("idx")
    assert [(leaf.idx, bytes(leaf.hash)) for leaf in leaves] == [(n, leaf_hash(body)) for n, body in enumerate(bodies)]
    checkpoints = list(AuditCheckpoint.objects.order_by("size"))
    assert [checkpoint.size for checkpoint in checkpoints] == [3, 6, 7]
    for row in checkpoints:
        signed = parse_checkpoint(signing.signer().verifier.text_of(row.note))
        assert signed.root == bytes(row.root) == Frontier().extended(map(leaf_hash, bodies[: row.size])).root()
        assert abs(signed.at - clock.real_now()) < timedelta(minutes=1)
    assert not AuditPending.objects.exists()


def test_the_apps_role_sequences(as_app_role: type[AppRole]) -> None:
    with as_app_role():
        product(1)
        assert sequence() == 1


def test_leaves_that_nobody_signed_are_signed_by_the_next_turn() -> None:
    product(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_append(10)")
    product(2)

    sequence()

    assert AuditCheckpoint.objects.get().size == 2


def test_a_turn_that_fails_leaves_the_events_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    product(1)
    sequence()
    product(2)

    def killed(checkpoint: object) -> str:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(sequencing, "checkpoint_text", killed)
        with pytest.raises(RuntimeError), transaction.atomic():
            sequence()

    assert (AuditLeaf.objects.count(), AuditPending.objects.count()) == (1, 1)
    assert sequence() == 1


def test_an_event_that_is_gone_stops_the_sequencer_loudly() -> None:
    product(1)
    with behind_triggers(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_event")

    with pytest.raises(Exception, match='null value in column "hash"'), transaction.atomic():
        sequence()


def test_the_log_continues_with_its_own_key_alone(key_file: Path) -> None:
    put_events(2)
    product(3)
    right = key_file.read_text()

    for wrong in (str(new_signer(signing.origin())), str(new_signer("other/audit"))):
        key_file.write_text(wrong)
        with pytest.raises(BrokenLog, match="the checkpoint at 2: there is no signature"), transaction.atomic():
            sequence()
    key_file.unlink()
    with pytest.raises(ImproperlyConfigured, match="is missing"), transaction.atomic():
        sequence()
    assert not key_file.exists()

    key_file.write_text(right)
    assert sequence() == 1


def test_a_checkpoint_that_was_altered_is_not_continued() -> None:
    put_events(3)
    product(4)
    with behind_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_checkpoint SET frontier = frontier || root")
    with pytest.raises(BrokenLog, match="does not belong to a tree of 3 leaves"), transaction.atomic():
        sequence()

    with behind_triggers(), connection.cursor() as cursor:
        cursor.execute("UPDATE audit_checkpoint SET frontier = root || root")
    with pytest.raises(BrokenLog, match="does not belong to its tree"), transaction.atomic():
        sequence()


def test_time_in_checkpoints_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    put_events(1)
    product(2)
    first = parse_checkpoint(AuditCheckpoint.objects.get().note)
    monkeypatch.setattr(clock, "real_now", lambda: first.at - timedelta(seconds=5))

    sequence()

    assert parse_checkpoint(AuditCheckpoint.objects.latest("size").note).at == first.at


@pytest.mark.django_db(transaction=True)
def test_two_sequencers_and_four_writers_make_one_tree_within_a_second() -> None:
    stop = threading.Event()

    def write() -> None:
        for number in range(25):
            product(number)
        connection.close()

    sequencers = [threading.Thread(target=sequencing.run, args=(stop,)) for _ in range(2)]
    writers = [threading.Thread(target=write) for _ in range(4)]
    for thread in (*sequencers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    deadline = time.monotonic() + 10
    while AuditPending.objects.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    stop.set()
    for thread in sequencers:
        thread.join()

    assert list(AuditLeaf.objects.order_by("idx").values_list("idx", flat=True)) == list(range(100))
    assert AuditLeaf.objects.values("event_id").distinct().count() == AuditEvent.objects.count() == 100
    newest = AuditCheckpoint.objects.latest("size")
    hashes = [bytes(leaf.hash) for leaf in AuditLeaf.objects.order_by("idx")]
    assert (newest.size, bytes(newest.root)) == (100, Frontier().extended(hashes).root())
