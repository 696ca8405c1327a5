"""The sequencer: gives waiting events their positions in the tree, and signs a checkpoint of it."""

import logging
import threading
from dataclasses import dataclass
from typing import Final

from django.db import InterfaceError, OperationalError, connection, transaction

from audit import signing
from audit.models import AuditCheckpoint, AuditPending
from audit.notes import BadNote, Checkpoint, checkpoint_text, parse_checkpoint
from audit.selectors.tree import leaf_hashes, newest_checkpoint
from audit.services.publishing import Publisher
from audit.tree import Frontier, unpacked
from common import clock

MOST_AT_ONCE: Final = 5_000
"""Events of one turn: about 0.1 s."""
PAUSE_SECONDS: Final = 0.25
RETRY_SECONDS: Final = 5.0
log = logging.getLogger(__name__)


class BrokenLog(Exception):
    """The stored tree contradicts its own checkpoint, or the key. A person has to look."""


@dataclass(frozen=True, slots=True)
class Head:
    """The tree up to its newest checkpoint."""

    frontier: Frontier
    checkpoint: Checkpoint | None


def run(stop: threading.Event) -> None:
    """Sequence and publish until `stop`; what fails is logged and tried again, and events wait in the outbox."""
    publisher = Publisher(stop)
    publisher.start()
    while not stop.is_set():
        try:
            size = sequence()
            pause = 0 if size == MOST_AT_ONCE else PAUSE_SECONDS
        except (OperationalError, InterfaceError) as error:
            log.warning("audit.waits error=%s", error)
            pause = RETRY_SECONDS / 5
            connection.close()
        except Exception:
            log.exception("audit.not_sequenced")
            pause = RETRY_SECONDS
        stop.wait(pause)
    publisher.join()
    connection.close()


def sequence(*, most: int = MOST_AT_ONCE) -> int:
    """Append waiting events to the tree and sign a checkpoint; return how many were appended.

    Two processes may do so at once: a lock lets them take turns. Raises BrokenLog, and ImproperlyConfigured without the
    log's key.
    """
    if not AuditPending.objects.exists():
        return 0
    if not AuditCheckpoint.objects.exists():
        signing.create_key()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT audit_append(%s)", [most])
            (appended,) = cursor.fetchone()
        head = head_of(newest_checkpoint())
        frontier = head.frontier.extended(leaf_hashes(head.frontier.size))
        if frontier.size > head.frontier.size:
            _sign(frontier, head)
    return int(appended)


def head_of(row: AuditCheckpoint | None) -> Head:
    """Return the tree at a stored checkpoint, checked against its signature. Raises BrokenLog."""
    if row is None:
        return Head(Frontier(), None)
    try:
        checkpoint = parse_checkpoint(signing.signer().verifier.text_of(row.note))
        frontier = unpacked(row.size, bytes(row.frontier))
    except (BadNote, ValueError) as error:
        raise BrokenLog(f"the checkpoint at {row.size}: {error}") from error
    if (checkpoint.size, checkpoint.root) != (row.size, frontier.root()):
        raise BrokenLog(f"the checkpoint at {row.size} does not belong to its tree")
    return Head(frontier, checkpoint)


def _sign(frontier: Frontier, head: Head) -> None:
    key, now = signing.signer(), clock.real_now()
    at = max(now, head.checkpoint.at) if head.checkpoint else now
    checkpoint = Checkpoint(key.name, frontier.size, frontier.root(), at)
    AuditCheckpoint.objects.create(
        size=frontier.size,
        root=checkpoint.root,
        frontier=frontier.packed(),
        note=key.sign(checkpoint_text(checkpoint)),
    )
