"""A whole installation in a throwaway folder, durable as in production, whose processes may be killed."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

from embedded import instance as embedded
from embedded import ports

ROOT = Path(__file__).resolve().parent.parent


@dataclass
class Program:
    """One process that is started again whenever it dies, until it is stopped."""

    name: str
    command: list[str]
    environment: dict[str, str]
    folder: Path
    kills: int = 0
    _process: "subprocess.Popen[bytes] | None" = None
    _stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def pid(self) -> int:
        """The process id of the latest start."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and keep it up."""
        self._launch()
        threading.Thread(target=self._keep_up, daemon=True).start()

    def kill(self) -> None:
        """Kill it and all its children without a warning."""
        self.kills += 1
        send_signal(self.pids(), signal.SIGKILL)

    def pids(self) -> list[int]:
        """Return the process ids of the latest start and of all below it, which may have sessions of their own."""
        pids = [self.pid]
        for pid in pids:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                pids += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return pids

    def stop(self) -> None:
        """End it for good."""
        self._stopping.set()
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGINT if self.name == "postgres" else signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def _launch(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as output:
            where = "/" if self.name in ("postgres", "valkey") else ROOT
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                cwd=where,
                start_new_session=True,
            )

    def _keep_up(self) -> None:
        while True:
            assert self._process is not None
            self._process.wait()
            # A breath, as a supervisor takes it.
            if self._stopping.wait(0.1):
                return
            self._launch()


@dataclass
class Stage:
    """The running installation."""

    folder: Path
    stores: embedded.Instance
    environment: dict[str, str]
    programs: dict[str, Program] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where its web server answers."""
        return f"http://127.0.0.1:{self.environment['PORT']}"

    def run(self, name: str, *command: str) -> Program:
        """Start a process and keep it up."""
        program = self.programs[name] = Program(name, list(command), self.environment, self.folder)
        program.start()
        return program

    def manage(self, *words: str) -> str:
        """Run a management command and return what it said."""
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"manage.py {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def serve(self) -> None:
        """Start the web server and return when it answers."""
        granian = str(Path(sys.executable).parent / "granian")
        options = ("--interface", "wsgi", "--respawn-failed-workers", "--no-ws", "--workers", "1")
        self.run("web", granian, *options, "--port", self.environment["PORT"], "config.wsgi:application")
        until(lambda: answers(f"{self.url}/healthz"), seconds=60, what="the web server")


@contextlib.contextmanager
def stage() -> Iterator[Stage]:
    """Yield a fresh installation with its stores up and its tables made; clean up behind it."""
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name, stage_in(Path(name)) as it:
        yield it


@contextlib.contextmanager
def stage_in(folder: Path, **settings: str) -> Iterator[Stage]:
    """Yield such an installation in a folder, with some environment variables of its own."""
    stores = embedded.load(folder)
    stores.prepare()
    environment = {
        **os.environ,
        **stores.environment(),
        "SECRET_KEY": "only-for-measuring-" + "x" * 40,
        "PORT": str(ports.pick()),
        "MODEL_DIR": str(folder / "models"),
        "AUDIT_KEY_FILE": str(folder / "audit" / "signing.key"),
        "AUDIT_PUBLISH_TO": str(folder / "audit" / "checkpoints"),
        "PYTHONPATH": str(ROOT),
        "LOG_LEVEL": "INFO",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **settings,
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    it = Stage(folder, stores, environment)
    try:
        it.run("postgres", *stores.postgres.command())
        it.run("valkey", *stores.valkey.command())
        until(stores.ready, seconds=60, what="the stores")
        it.manage("migrate", "--database", "owner", "--verbosity", "0")
        it.manage("grant_app_role")
        yield it
    finally:
        for program in reversed(it.programs.values()):
            program.stop()
        remove_data(stores)


def new_key(it: Stage) -> str:
    """Return a publishable key whose sender need not prove user ids."""
    call = "create_key(kind='pk', name='bench', requires_user_hash=False)"
    code = f"from access.services import create_key; print({call}[1])"
    return it.manage("shell", "--no-imports", "-c", code).strip().splitlines()[-1]


def send_signal(pids: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to those of the processes that still run."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def remove_data(stores: embedded.Instance) -> None:
    """Remove the cluster where it lies outside of the folder (when run as root)."""
    shutil.rmtree(stores.postgres.data.parent, ignore_errors=True)


def until(condition: Callable[[], bool], *, seconds: float, what: str) -> None:
    """Return when the condition holds; raise when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} took longer than {seconds} s")
        time.sleep(0.05)


def answers(url: str) -> bool:
    """Return whether the address answers 200."""
    try:
        with urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
