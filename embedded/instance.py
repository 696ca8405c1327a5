"""One directory is one instance of the embedded services, with its environment variables."""

import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedded import ports
from embedded.postgres import Postgres
from embedded.valkey import Valkey

START_SECONDS = 60
STORES = ("postgres", "valkey")
STOP_SIGNALS = {"postgres": signal.SIGINT, "valkey": signal.SIGTERM}
PASSWORDS = ("owner_password", "app_password", "valkey_password", "mlflow_password")


@dataclass(frozen=True, slots=True)
class Instance:
    """PostgreSQL and Valkey of one directory."""

    directory: Path
    postgres: Postgres
    valkey: Valkey

    def prepare(self) -> None:
        """Create what is missing of both."""
        self.postgres.prepare()
        self.valkey.prepare()

    def ready(self) -> bool:
        """Return whether both answer."""
        return self.valkey.ready() and self.postgres.ready()

    def pids(self) -> dict[str, int]:
        """Return the process ids of servers on our files, whoever started them."""
        pids = {"postgres": self.postgres.pid(), "valkey": self.valkey.pid()}
        return {name: number for name, number in pids.items() if number is not None}

    def environment(self) -> dict[str, str]:
        """Return the environment variables for the product."""
        return {
            "DATABASE_URL": self.postgres.app_url,
            "DATABASE_OWNER_URL": self.postgres.owner_url,
            "REDIS_URL": self.valkey.url,
        }


def load(directory: Path, *, throwaway: bool = False, preferred: dict[str, int] | None = None) -> Instance:
    """Return the instance of the directory with its stored passwords and, if they are free, its ports."""
    directory = directory.resolve()
    directory.mkdir(parents=True, exist_ok=True)
    remembered = remember(directory, preferred or {})
    postgres = Postgres(
        directory,
        port=int(remembered["postgres_port"]),
        owner_password=remembered["owner_password"],
        app_password=remembered["app_password"],
        mlflow_password="" if throwaway else remembered["mlflow_password"],
        fast=throwaway,
    )
    valkey = Valkey(
        directory,
        port=int(remembered["valkey_port"]),
        password=remembered["valkey_password"],
        durable=not throwaway,
        databases=1024 if throwaway else 16,
    )
    return Instance(directory, postgres, valkey)


def remember(directory: Path, preferred: dict[str, int]) -> dict[str, str]:
    """Return the passwords and ports in `instance.json`; missing ones are created and stored."""
    file = directory / "instance.json"
    stored: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    values = {name: secrets.token_hex(16) for name in PASSWORDS if name not in stored}
    values |= {f"{name}_port": str(ports.pick(preferred.get(name))) for name in STORES if f"{name}_port" not in stored}
    if values:
        write(file, {**stored, **values})
    return {**stored, **values}


@contextmanager
def moved(directory: Path) -> Iterator[None]:
    """Take new ports where another process uses the stored ones. Only for an instance that is not running.

    During the block, in which the servers start, no other instance takes these ports.
    """
    file = directory.resolve() / "instance.json"
    values: dict[str, str] = json.loads(file.read_text())
    with ExitStack() as claims:
        for name in STORES:
            claim = claims.enter_context(ports.pick_and_claim(int(values[f"{name}_port"])))
            values[f"{name}_port"] = str(ports.number(claim))
        write(file, values)
        yield


def write(file: Path, values: dict[str, str]) -> None:
    """Replace the file atomically, readable only by its owner."""
    fresh = file.with_suffix(".new")
    fresh.touch(mode=0o600)
    fresh.write_text(json.dumps(values, indent=1))
    fresh.replace(file)


def start(instance: Instance) -> None:
    """Start both servers in the background; return when they answer."""
    instance.prepare()
    for name, command in (("postgres", instance.postgres.command()), ("valkey", instance.valkey.command())):
        log = (instance.directory / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True
            )
        (instance.directory / f"{name}.pid").write_text(str(process.pid))
        # The server outlives this process, or `stop` reaps it: nobody waits on this handle.
        process.returncode = 0
    wait(instance)


def wait(instance: Instance) -> None:
    """Return when both servers answer; raise after the timeout."""
    deadline = time.monotonic() + START_SECONDS
    while not instance.ready():
        if time.monotonic() > deadline:
            raise RuntimeError(f"the embedded services do not answer: see the logs in {instance.directory}")
        time.sleep(0.05)


def stop(instance: Instance) -> None:
    """Stop both servers; return when they have ended."""
    for name, how in STOP_SIGNALS.items():
        file = instance.directory / f"{name}.pid"
        if file.exists():
            end(int(file.read_text()), how)
            file.unlink()


def end(pid: int, how: signal.Signals) -> None:
    """Send the signal; return when the process has ended."""
    try:
        os.kill(pid, how)
        while True:
            # Reaps our own child; another process is watched until its number is free.
            if not alive(pid):
                return
            time.sleep(0.02)
    except ProcessLookupError:
        return


def alive(pid: int) -> bool:
    """Return whether the process runs; reaps it if it was our child."""
    try:
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        os.kill(pid, 0)
        return True


@contextmanager
def running(directory: Path, *, throwaway: bool = False) -> Iterator[Instance]:
    """Run the instance of the directory during the block."""
    instance = load(directory, throwaway=throwaway)
    start(instance)
    try:
        yield instance
    finally:
        stop(instance)
