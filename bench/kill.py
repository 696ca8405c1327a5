"""Kill the recorder, Valkey and others at random instants under load: is each acknowledged event in PostgreSQL once?

A client with a ledger of its own sends events over HTTP until each is acknowledged, while a process is killed with
SIGKILL at random points of the run. Then PostgreSQL is compared with the ledger.
"""

import argparse
import http.client
import json
import random
import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

import psycopg2
from tqdm import tqdm

from bench._stage import Stage, stage, until

BATCH = 100
CLIENTS = 4
SECONDS_A_KILL = 2.5
TARGETS = ("recorder", "valkey", "web", "postgres")
CONSENT = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}


@dataclass
class Ledger:
    """What the client knows: the message ids that were acknowledged, and how often a request had to be sent again."""

    acknowledged: set[str] = field(default_factory=set)
    retries: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, ids: list[str]) -> None:
        """Write acknowledged ids down."""
        with self._lock:
            self.acknowledged.update(ids)

    def note_retry(self) -> None:
        """Count a request that was not acknowledged."""
        with self._lock:
            self.retries += 1


@dataclass
class Client:
    """One sender over one kept connection."""

    stage: Stage
    key: str
    ledger: Ledger
    _connection: http.client.HTTPConnection | None = None

    def send(self, ids: list[str]) -> None:
        """Send a batch until it is acknowledged."""
        body = json.dumps({"batch": [event(message_id) for message_id in ids], "context": CONSENT})
        while not self._post(body):
            self.ledger.note_retry()
            time.sleep(0.05)
        self.ledger.note(ids)

    def _post(self, body: str) -> bool:
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            if self._connection is None:
                host = f"127.0.0.1:{self.stage.environment['PORT']}"
                self._connection = http.client.HTTPConnection(host, timeout=15)
            self._connection.request("POST", "/v1/batch", body, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection = None
            return False
        if answer.status == 200:
            return True
        if answer.status in (429, 502, 503):
            return False
        raise RuntimeError(f"unexpected answer {answer.status}: {text[:300]!r}")


def event(message_id: str) -> dict[str, object]:
    """Return one event of one of a thousand shoppers."""
    number = int(message_id.rpartition("-")[2])
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "userId": f"u{number % 1000}",
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"product_id": f"P{number % 500}", "price": 9.9},
    }


def run_once(it: Stage, *, target: str, events: int, kills: int, key: str, seed: int) -> dict[str, object]:
    """Send events while the target is killed; return what was found."""
    run = f"{target}{seed}"
    ledger, randomly = Ledger(), random.Random(f"{seed}{target}")
    ids = [f"{run}-{number}" for number in range(events)]
    batches = [ids[start : start + BATCH] for start in range(0, events, BATCH)]
    moments = sorted(randomly.uniform(0, 0.95 * events) for _ in range(kills))
    pending, began = iter(enumerate(batches)), time.monotonic()
    pause = kills * SECONDS_A_KILL / len(batches)
    lock = threading.Lock()

    def work() -> None:
        client = Client(it, key, ledger)
        while True:
            with lock:
                position, batch = next(pending, (0, None))
            # Paced, so that the run outlives its kills and what was killed comes back under load.
            time.sleep(max(0.0, began + pause * position - time.monotonic()))
            if batch is None:
                return
            client.send(batch)

    threads = [threading.Thread(target=work) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    with tqdm(total=events, desc=f"killing {target}", unit=" events", disable=None) as bar:
        while any(thread.is_alive() for thread in threads):
            bar.update(len(ledger.acknowledged) - bar.n)
            if moments and len(ledger.acknowledged) >= moments[0]:
                moments.pop(0)
                it.programs[target].kill()
                # Let it come back and do some work, so that each kill hits a running process.
                time.sleep(randomly.uniform(0.3, 1.5))
            time.sleep(0.005)
        bar.update(len(ledger.acknowledged) - bar.n)
    sent = time.monotonic() - began
    until(lambda: len(recorded(it, run)) >= len(ledger.acknowledged), seconds=120, what="recording the rest")
    message_ids = recorded(it, run)
    return {
        "target": target,
        "kills": it.programs[target].kills,
        "acknowledged": len(ledger.acknowledged),
        "retried_requests": ledger.retries,
        "lost": len(ledger.acknowledged - set(message_ids)),
        "doubled": len(message_ids) - len(set(message_ids)),
        "seconds": round(sent, 1),
        "caught_up_after": round(time.monotonic() - began - sent, 1),
    }


def recorded(it: Stage, run: str) -> list[str]:
    """Return every recorded message id of the run."""
    try:
        connection = psycopg2.connect(it.stores.postgres.owner_url, connect_timeout=2)
    except psycopg2.OperationalError:
        return []
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT message_id FROM events_event WHERE message_id LIKE %s", [f"{run}-%"])
        rows = [message_id for (message_id,) in cursor.fetchall()]
    connection.close()
    return rows


def new_key(it: Stage) -> str:
    """Return a publishable key."""
    call = "create_key(kind='pk', name='bench', requires_user_hash=False)"
    code = f"from access.services import create_key; print({call}[1])"
    return it.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1]


def main(arguments: list[str] | None = None) -> int:
    """Run and report; return 1 when anything was lost or doubled."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=50_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=["recorder", "valkey"])
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    failed = False
    with stage() as it:
        it.serve()
        it.run("recorder", sys.executable, "manage.py", "consume", "--only", "recorder")
        it.run("profiler", sys.executable, "manage.py", "consume", "--only", "profiler")
        key = new_key(it)
        for target in options.targets:
            result = run_once(it, target=target, events=options.events, kills=options.kills, key=key, seed=options.seed)
            print(json.dumps(result), flush=True)
            failed = (
                failed
                or result["kills"] != options.kills
                or bool(result["lost"] or result["doubled"])
                or result["acknowledged"] != options.events
            )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
