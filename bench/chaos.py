"""Schedules of faults under load: is each acknowledged event in PostgreSQL exactly once?

    make bench-chaos ARGS="--schedules 100 --seed 7"

A client sends events over HTTP until each is acknowledged, and writes a ledger of its own. Meanwhile one to three
faults hit web server, consumers, Valkey or PostgreSQL. Then PostgreSQL is compared with the ledger, and once more after
all schedules. Seed and number give a schedule. Figures go to `bench/results/chaos.json`.

* `kill`: SIGKILL to all processes of a program at once. It is started again, as a supervisor does.
* `stop`: SIGSTOP to all of them, and SIGCONT after up to four seconds: longer than a consumer counts as alive.
* `disk`: the disk of Valkey or PostgreSQL is full for a while. Each is a `tmpfs` in a mount namespace of this process,
  and gets full by shrinking to what it holds. So the servers see the kernel's own ENOSPC, but no disk that loses power:
  what was written survives, synced or not. Needs root, or user namespaces that may mount; else it is left out, and
  `disk` in the figures is false.

Some events come before their shopper's decision on consent and wait for it, some are sent again although they were
acknowledged. The time of waiting is long here, so that a yes always comes in time.
"""

import argparse
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import psycopg2

from bench._results import write_results
from bench._stage import Stage, new_key, send_signal, stage_in, until
from embedded import instance as embedded

Kind = Literal["kill", "stop", "disk"]
TARGETS: Final[dict[Kind, tuple[str, ...]]] = {
    "kill": ("web", "recorder", "recorder-2", "profiler", "valkey", "postgres"),
    "stop": ("web", "recorder", "recorder-2", "profiler", "valkey", "postgres"),
    "disk": ("valkey", "postgres"),
}
LOAD_SECONDS: Final = 3.0
LONGEST: Final[dict[Kind, float]] = {"kill": 0.0, "stop": 4.0, "disk": 2.5}
CLIENTS: Final = 4
PAUSE_SECONDS: Final = 0.1
"""Of each client, between two requests."""
SIZES: Final = (1, 5, 20, 100)
SHARE_UNDECIDED, SHARE_REPEATED = 0.2, 0.1
RECOVERY_SECONDS: Final = 120.0
DISK_BYTES: Final = 4 * 1024**3
SLACK_BYTES: Final = 512 * 1024
"""What a full disk still takes at most: it gets full in the middle of a write."""
CONSENT: Final = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
DISK_IS_FULL: Final = ("No space left on device", "Short write while writing to the AOF file")
LAG: Final = """
from common.redis import client
from events.consumer import lags
from events.log import get_log
print(sum(lags(client(), get_log()).values()))
"""
INSIDE: Final = "--inside"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: when it begins, in seconds of the load, and how long it lasts."""

    kind: Kind
    target: str
    at: float
    seconds: float


def schedule(seed: int, number: int, *, kinds: Sequence[Kind]) -> list[Fault]:
    """Return the faults of a schedule: one to three, each on another target."""
    chance = random.Random(f"{seed}-{number}")
    faults: dict[str, Fault] = {}
    for _ in range(chance.randint(1, 3)):
        kind = chance.choice(kinds)
        target = chance.choice(TARGETS[kind])
        at, seconds = chance.uniform(0.1, 0.8 * LOAD_SECONDS), chance.uniform(0.3, 1.0) * LONGEST[kind]
        faults.setdefault(target, Fault(kind, target, round(at, 2), round(seconds, 2)))
    return sorted(faults.values(), key=lambda fault: fault.at)


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk, mounted on a server's data folder."""

    folder: Path

    def mount(self) -> None:
        """Mount it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = ("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0700", "tmpfs", str(self.folder))
        subprocess.run(command, check=True)

    def unmount(self) -> None:
        """Unmount it."""
        subprocess.run(("umount", "--lazy", str(self.folder)), check=True)

    def fill(self, slack: int) -> None:
        """Leave no more than `slack` bytes."""
        # Whoever writes in between makes the size too small, and the kernel refuses it.
        until(lambda: self._resize(self._used() + slack), seconds=10, what="filling the disk")

    def empty(self) -> None:
        """Leave room again."""
        if not self._resize(DISK_BYTES):
            raise RuntimeError(f"{self.folder} does not grow")

    def _used(self) -> int:
        status = os.statvfs(self.folder)
        return (status.f_blocks - status.f_bfree) * status.f_frsize

    def _resize(self, size: int) -> bool:
        command = ("mount", "-o", f"remount,size={size}", str(self.folder))
        return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0


@dataclass
class Ledger:
    """What the client knows: ids that were acknowledged, and how often a request had to be sent again, by reason."""

    acknowledged: set[str] = field(default_factory=set)
    retries: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, ids: Sequence[str]) -> None:
        """Write acknowledged ids down."""
        with self._lock:
            self.acknowledged.update(ids)

    def note_retry(self, reason: str) -> None:
        """Count a request that was not acknowledged."""
        with self._lock:
            self.retries[reason] += 1


@dataclass
class Client:
    """One sender over one kept connection."""

    stage: Stage
    key: str
    ledger: Ledger
    name: str
    chance: random.Random
    _connection: http.client.HTTPConnection | None = None
    _number: int = 0

    def work(self, until: float) -> None:
        """Send batches until that monotonic time, and each until it is acknowledged."""
        while time.monotonic() < until:
            ids = [f"{self.name}-{self._number + at}" for at in range(self.chance.choice(SIZES))]
            self._number += len(ids)
            if self.chance.random() < SHARE_UNDECIDED:
                self.send_undecided(ids)
            else:
                self.send([event(one, f"u{self.chance.randrange(1000)}") for one in ids], context=CONSENT)
            time.sleep(PAUSE_SECONDS)

    def send_undecided(self, ids: Sequence[str]) -> None:
        """Send events of a shopper who decided nothing yet, then the decision."""
        shopper = f"{self.name}-{self._number}"
        self.send([event(one, shopper) for one in ids], context={})
        self.send([event(f"{shopper}-yes", shopper)], context=CONSENT)

    def send(self, events: Sequence[dict[str, Any]], *, context: dict[str, Any]) -> None:
        """Send a batch until it is acknowledged, and some once more. Raises TimeoutError if nothing answers again."""
        body, deadline = json.dumps({"batch": events, "context": context}), time.monotonic() + RECOVERY_SECONDS
        for _ in range(1 + (self.chance.random() < SHARE_REPEATED)):
            while reason := self._refusal(body):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"no acknowledgement within {RECOVERY_SECONDS} s: {reason}")
                self.ledger.note_retry(reason)
                time.sleep(0.05)
            self.ledger.note([one["messageId"] for one in events])

    def _refusal(self, body: str) -> str:
        """Post the body; return why it was not acknowledged, or "". Raises RuntimeError for what no client repeats."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            if self._connection is None:
                host = f"127.0.0.1:{self.stage.environment['PORT']}"
                self._connection = http.client.HTTPConnection(host, timeout=3)
            self._connection.request("POST", "/v1/batch", body, headers)
            answer = self._connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection = None
            return type(error).__name__
        if answer.status < 500 and answer.status not in (200, 429):
            raise RuntimeError(f"unexpected answer {answer.status}: {text[:300]!r}")
        return "" if answer.status == 200 else str(answer.status)


def event(message_id: str, shopper: str) -> dict[str, Any]:
    """Return a view by an anonymous shopper."""
    return {
        "type": "track",
        "event": "Product Viewed",
        "messageId": message_id,
        "anonymousId": shopper,
        "timestamp": datetime.now(UTC).isoformat(),
        "properties": {"product_id": f"P{len(shopper)}", "price": 9.9},
    }


@dataclass
class Chaos:
    """The installation under test."""

    stage: Stage
    key: str
    disks: dict[str, Disk]

    def run(self, seed: int, number: int) -> dict[str, Any]:
        """Run one schedule; return its figures."""
        faults = schedule(seed, number, kinds=("kill", "stop", "disk") if self.disks else ("kill", "stop"))
        began, ledger, run = time.monotonic(), Ledger(), f"c{seed}.{number}-"
        clients = [
            Client(self.stage, self.key, ledger, f"{run}{one}", random.Random(f"{run}{one}")) for one in range(CLIENTS)
        ]
        with ThreadPoolExecutor(len(clients) + len(faults)) as pool:
            work = [pool.submit(client.work, began + LOAD_SECONDS) for client in clients]
            work += [pool.submit(self.cause, fault, began) for fault in faults]
        for one in work:
            one.result()
        try:
            until(lambda: ledger.acknowledged <= set(self.recorded(run)), seconds=RECOVERY_SECONDS, what="recording")
        except TimeoutError as error:
            print(f"{error}: some events are missing", file=sys.stderr)
        return {
            "schedule": number,
            "faults": [f"{one.at} {one.kind} {one.target} {one.seconds}" for one in faults],
            **self.compared(ledger.acknowledged, run),
            "retries": dict(ledger.retries),
            "seconds": round(time.monotonic() - began, 1),
        }

    def cause(self, fault: Fault, began: float) -> None:
        """Wait for the fault's moment, and do it to its end."""
        time.sleep(max(0.0, began + fault.at - time.monotonic()))
        program = self.stage.programs[fault.target]
        if fault.kind == "kill":
            program.kill()
        elif fault.kind == "stop":
            pids = program.pids()
            send_signal(pids, signal.SIGSTOP)
            time.sleep(fault.seconds)
            send_signal(pids, signal.SIGCONT)
        else:
            disk = self.disks[fault.target]
            disk.fill(random.Random(fault.at).randrange(SLACK_BYTES))
            time.sleep(fault.seconds)
            disk.empty()

    def compared(self, acknowledged: set[str], run: str) -> dict[str, Any]:
        """Return how many events were acknowledged, and how many of them are lost or recorded more than once."""
        rows = self.recorded(run)
        return {
            "acknowledged": len(acknowledged),
            "lost": len(acknowledged - set(rows)),
            "duplicates": len(rows) - len(set(rows)),
        }

    def recorded(self, run: str) -> list[str]:
        """Return the message id of each recorded event of a run; none while PostgreSQL is away."""
        try:
            connection = psycopg2.connect(self.stage.stores.postgres.owner_url, connect_timeout=2)
            with closing(connection), connection.cursor() as cursor:
                cursor.execute("SELECT message_id FROM events_event WHERE message_id LIKE %s", [f"{run}%"])
                return [message_id for (message_id,) in cursor.fetchall()]
        except psycopg2.OperationalError:
            return []

    def disk_errors(self) -> dict[str, int]:
        """Return how often each server wrote to its log that the disk took no more."""
        logs = {name: (self.stage.folder / f"{name}.log").read_text(errors="replace") for name in TARGETS["disk"]}
        return {name: sum(map(log.count, DISK_IS_FULL)) for name, log in logs.items()}

    def lag(self) -> int:
        """Return how many entries the consumers have left."""
        return int(self.stage.manage("shell", "--no-imports", "-c", LAG).split()[-1])


@contextmanager
def installation(*, small_disks: bool) -> Iterator[Chaos]:
    """Yield a running installation, its stores on small disks or not."""
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name:
        folder = Path(name)
        stores = embedded.load(folder)
        disks = {"valkey": Disk(stores.valkey.data), "postgres": Disk(stores.postgres.data)} if small_disks else {}
        for disk in disks.values():
            disk.mount()
        settings = {"CONSENT_WAIT_SECONDS": "3600", "KEY_RATE_PUBLISHABLE": "100000000/minute"}
        try:
            # Entries are trimmed as soon as every consumer has read them.
            with stage_in(folder, **settings, EVENT_LOG_RETENTION_HOURS="0") as it:
                it.serve()
                for program, work in (("recorder", "recorder"), ("recorder-2", "recorder"), ("profiler", "profiler")):
                    it.run(program, sys.executable, "manage.py", "consume", "--only", work)
                yield Chaos(it, new_key(it), disks)
        finally:
            for disk in disks.values():
                disk.unmount()


def namespace() -> list[str]:
    """Return the command that gives this process mounts of its own, or nothing where the kernel allows none."""
    command = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    with tempfile.TemporaryDirectory() as folder:
        mount = ["mount", "-t", "tmpfs", "tmpfs", folder]
        if shutil.which("unshare") and subprocess.run([*command, *mount], capture_output=True).returncode == 0:
            return command
    return []


def main() -> int:
    """Run and report; return 1 when anything was lost or recorded twice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schedules", type=int, default=100)
    parser.add_argument("--first", type=int, default=0, help="number of the first schedule, to run one again")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not options.inside and (command := namespace()):
        os.execvp(command[0], [*command, sys.executable, "-m", "bench.chaos", *sys.argv[1:], INSIDE])
    began, faults, acknowledged, lost = time.monotonic(), Counter[str](), 0, 0
    with installation(small_disks=options.inside) as chaos:
        for number in range(options.first, options.first + options.schedules):
            result = chaos.run(options.seed, number)
            print(json.dumps(result), flush=True)
            faults.update(" ".join(fault.split()[1:3]) for fault in result["faults"])
            acknowledged, lost = acknowledged + result["acknowledged"], lost + result["lost"]
        until(lambda: chaos.lag() == 0, seconds=RECOVERY_SECONDS, what="the consumers")
        rows = chaos.recorded(f"c{options.seed}.")
        disk_errors = chaos.disk_errors()
    figures = {
        "schedules": options.schedules,
        "seed": options.seed,
        "acknowledged": acknowledged,
        "lost": max(lost, acknowledged - len(set(rows))),
        "duplicates": len(rows) - len(set(rows)),
        "faults": dict(sorted(faults.items())),
        "disk": options.inside,
        "disk_errors": disk_errors,
        "seconds": round(time.monotonic() - began),
    }
    print(json.dumps(figures, indent=1))
    write_results("chaos", figures)
    return int(bool(figures["lost"] or figures["duplicates"]))


if __name__ == "__main__":
    sys.exit(main())
