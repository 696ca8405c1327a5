"""`make demo`: starts the embedded stores, the database, all processes of the Procfile, and the demo shop."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

from common import exits
from embedded import (
    instance,
    ports,
    procfile,
    supervisor,
)

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "var" / "demo"
READY_SECONDS = 120
LOAD_TRIES = 5
ORPHANS_SECONDS = 30
FULL_BYTES = 32 * 1024 * 1024
"""With less free space a failed start is blamed on the disk: PostgreSQL alone allocates 16 MB at a time."""
LATE = ("mlflow",)
"""Processes that start after the shop answers, because their start is slow and nobody waits for them."""
# Variables that a production .env may have left in the shell, and that would bypass the demo's stores.
NOT_INHERITED = ("REDIS_BROKER_URL", "REDIS_CHANNELS_URL", "DATABASE_APP_ROLE")
# Training shares the cores with all other processes: spinning threads would take them all.
SHARED_CORES = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


def up(*, detach: bool) -> None:
    """Start the demo and print its address; unless detached, stay until Ctrl-C and then stop it."""
    if supervisor.running(FOLDER):
        say("The demo is running already.")
        show_screen(surround(read_env()))
        return
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    try:
        start()
        if not detach:
            say("Ctrl-C stops everything.")
            watch()
        else:
            say("`make stop-demo` stops it, `make clean-demo` also forgets its data.")
    except KeyboardInterrupt:
        say("\nStopping …")
        down()
    except BaseException:
        down()
        if shutil.disk_usage(FOLDER if FOLDER.exists() else ROOT).free < FULL_BYTES:
            say(f"The disk that holds {FOLDER} is full.")
        raise


def interrupt(number: int, frame: FrameType | None) -> None:
    """Treat a termination like Ctrl-C."""
    raise KeyboardInterrupt


def start() -> None:
    """Start everything step by step, each with its name and duration."""
    with step("embedded PostgreSQL and Valkey"), contextlib.ExitStack() as claims:
        stores = prepare_stores(claims)
        sockets = hold_ports()
        environment = prepare_environment(stores, {name: ports.number(port) for name, port in sockets.items()})
        together = [name for name in procfile.read(ROOT / "Procfile") if name not in LATE]
        supervisor.configure(FOLDER, programs(stores, environment), together=together)
        supervisor.launch(FOLDER, environment)
        instance.wait(stores)
    with step("database"):
        prepare_database(stores, environment)
    with step("static files"):
        collect_static(environment)
    with step("processes"):
        release(sockets, together)
        supervisor.control(FOLDER, "start", f"{supervisor.TOGETHER}:*")
        wait_for(environment, "/readyz")
    say("• demo shop, filled and trained through the running processes")
    load_shop(environment)
    show_screen(environment)
    release(sockets, LATE)
    supervisor.control(FOLDER, "start", *LATE)


def down() -> None:
    """Stop the demo's processes and stores. Cannot be interrupted, because half a stop would leave orphans."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    supervisor.shutdown(FOLDER)
    end_orphans()


def end_orphans() -> None:
    """End processes on our files that a killed supervisor left, and report them. Raises SystemExit if they stay."""
    if not (FOLDER / "instance.json").exists():
        return
    stores, ended = instance.load(FOLDER), set[int]()
    deadline = time.monotonic() + ORPHANS_SECONDS
    while running := orphans(stores):
        for number in running.keys() - ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, running[number])
        ended |= running.keys()
        if time.monotonic() > deadline:
            raise SystemExit(f"Processes that an earlier demo left behind do not end: {sorted(running)}")
        time.sleep(0.1)
    if ended:
        say(f"• ended {len(ended)} processes that a supervisor had left behind as it died")


def orphans(stores: instance.Instance) -> dict[int, signal.Signals]:
    """Return the processes on our files without a supervisor, with the signal that ends each: first the stores."""
    servers = {number: instance.STOP_SIGNALS[name] for name, number in stores.pids().items()}
    # The others may be killed at any moment, but only after PostgreSQL: its own processes would be among them.
    return servers or dict.fromkeys(supervisor.orphans(FOLDER), signal.SIGKILL)


def clean() -> None:
    """Stop the demo and delete its data."""
    down()
    if (FOLDER / "instance.json").exists():
        stores = instance.load(FOLDER)
        shutil.rmtree(stores.postgres.data.parent, ignore_errors=True)
    shutil.rmtree(FOLDER, ignore_errors=True)


def prepare_stores(claims: contextlib.ExitStack) -> instance.Instance:
    """Return the demo's stores with free ports, which no other demo takes until the claims are closed."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Before ports are chosen: orphans would hold theirs, and two servers would write to the same files.
    end_orphans()
    instance.load(FOLDER, preferred={"postgres": 5432, "valkey": 6379}).prepare()
    # After the creation of a cluster, which takes seconds: the servers start at once.
    claims.enter_context(instance.moved(FOLDER))
    return instance.load(FOLDER)


def hold_ports() -> dict[str, socket.socket]:
    """Return a port for each process that listens, reserved until it is released to the process.

    Some processes start a minute after their ports are written down, and Caddy silently shares a port with another
    Caddy.
    """
    wishes = {"proxy": wished_port(), "buffer": None, "web": None, "live": None, "mlflow": 5000}
    return {name: ports.hold(wish) for name, wish in wishes.items()}


def wished_port() -> int:
    """Return the shop's port. Raises SystemExit for an invalid one."""
    text = os.environ.get("PORT") or read_env().get("PORT", "8000")
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 2**16):
        raise SystemExit(f"PORT={text!r}: expected a port, 1 to 65535")
    return int(text)


def release(sockets: dict[str, socket.socket], names: Iterable[str]) -> None:
    """Release the ports of these processes, which are about to start."""
    for name in names:
        if name in sockets:
            sockets[name].close()


def prepare_environment(stores: instance.Instance, port: dict[str, int]) -> dict[str, str]:
    """Return the environment of every process, and write our part of it to `env` for `manage.py`."""
    previous = read_env()
    ours = {
        **stores.environment(),
        "SECRET_KEY": previous.get("SECRET_KEY", secrets.token_urlsafe(50)),
        "DEMO": "1",
        # The shop's currency depends on it: a command in another shell would count in euros.
        "DATASET": os.environ.get("DATASET", ""),
        "PORT": str(port["proxy"]),
        "PUBLIC_URL": f"http://localhost:{port['proxy']}",
        "MODEL_DIR": str(FOLDER / "models"),
        # The demo trains beside all its processes on a small machine, so its latency says little about a model.
        "GATE_LATENCY_MILLISECONDS": previous.get("GATE_LATENCY_MILLISECONDS", "500"),
        # Its shoppers are simulated, so short nights suffice.
        "TUNING_MINUTES": os.environ.get("TUNING_MINUTES") or previous.get("TUNING_MINUTES", "0"),
        "STATIC_ROOT": str(FOLDER / "static"),
        "MEDIA_ROOT": str(FOLDER / "media"),
        "AUDIT_KEY_FILE": str(FOLDER / "audit" / "signing.key"),
        "AUDIT_PUBLISH_TO": str(FOLDER / "audit" / "checkpoints"),
        "PROMETHEUS_MULTIPROC_DIR": str(FOLDER / "metrics"),
        "GRANIAN_WORKERS": os.environ.get("GRANIAN_WORKERS", "2"),
        "BUFFER": f"127.0.0.1:{port['buffer']}",
        "WEB": f"127.0.0.1:{port['web']}",
        "LIVE": f"127.0.0.1:{port['live']}",
        **mlflow_environment(stores, port["mlflow"]),
    }
    environment = surround(ours)
    manage(environment, "check")  # faults are reported here, before anything is stored for later starts
    fresh_folder(FOLDER / "metrics")
    file = FOLDER / "env"
    file.touch(mode=0o600)
    file.write_text("".join(f"{name}={value}\n" for name, value in ours.items()))
    return environment


def surround(ours: dict[str, str]) -> dict[str, str]:
    """Return our part of the environment with the shell's variables that a process needs."""
    inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**inherited, **ours, "PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **SHARED_CORES}


def mlflow_environment(stores: instance.Instance, port: int) -> dict[str, str]:
    """Return MLflow's address, its stores, and the product's tracking URI."""
    return {
        "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
        "MLFLOW_HOST": "127.0.0.1",
        "MLFLOW_PORT": str(port),
        "MLFLOW_BACKEND_STORE_URI": stores.postgres.mlflow_url,
        "MLFLOW_ARTIFACTS_DESTINATION": str(FOLDER / "mlflow"),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def read_env() -> dict[str, str]:
    """Return the content of `env` at the last start."""
    file = FOLDER / "env"
    lines = file.read_text().splitlines() if file.exists() else []
    return dict(line.split("=", 1) for line in lines)


def fresh_folder(folder: Path) -> None:
    """Empty the folder: counters of dead processes would be added to those of living ones."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def programs(stores: instance.Instance, environment: dict[str, str]) -> list[supervisor.Program]:
    """Return the supervised programs: the stores at once, the Procfile's processes on command."""
    engines = [
        supervisor.Program("postgres", stores.postgres.command(), Path("/"), 1, autostart=True, stopsignal="INT"),
        supervisor.Program("valkey", stores.valkey.command(), Path("/"), 2, autostart=True),
    ]
    granian = {name: {"GRANIAN_PORT": environment[name.upper()].split(":")[1]} for name in ("web", "live")}
    granian["live"]["GRANIAN_WORKERS"] = "1"
    return engines + [
        supervisor.Program(name, command, ROOT, environment=granian.get(name, {}))
        for name, command in procfile.read(ROOT / "Procfile").items()
    ]


def prepare_database(stores: instance.Instance, environment: dict[str, str]) -> None:
    """Migrate and grant if migrations or rights changed since the last start of this cluster."""
    state = state_of([ROOT / "requirements.txt", *ROOT.glob("*/migrations/*.py"), *ROOT.glob("*/apps.py")])
    # In the cluster's folder, so that a new cluster is prepared again.
    stamp = stores.postgres.data / "vitrine.stamp"
    if stamp.exists() and stamp.read_text() == state:
        return
    manage(environment, "migrate", "--database", "owner", "--verbosity", "0")
    manage(environment, "grant_app_role")
    stamp.write_text(state)


def state_of(files: Iterable[Path]) -> str:
    """Return a text that changes with any of the files."""
    return "\n".join(f"{file} {file.stat().st_size} {file.stat().st_mtime_ns}" for file in sorted(files))


def collect_static(environment: dict[str, str]) -> None:
    """Collect static files if they or their packages changed since the last time."""
    state = state_of([ROOT / "requirements.txt", *(ROOT / "static").rglob("*")])
    stamp = FOLDER / "static.stamp"
    if stamp.exists() and stamp.read_text() == state:
        return
    manage(environment, "collectstatic", "--no-input", "--clear", "--verbosity", "0")
    stamp.write_text(state)


def manage(environment: dict[str, str], *words: str, quiet: bool = True) -> None:
    """Run an administrative command; print the output of a quiet one if it fails."""
    done = attempt(environment, *words, quiet=quiet)
    if done.returncode != 0:
        raise SystemExit(f"manage.py {' '.join(words)} failed\n{done.stdout or ''}{done.stderr or ''}")


def attempt(environment: dict[str, str], *words: str, quiet: bool) -> "subprocess.CompletedProcess[str]":
    """Run an administrative command; return how it ended, with the output of a quiet one."""
    command = [sys.executable, "manage.py", *words]
    # In its own session: Ctrl-C would end it with a traceback, and we kill it on Ctrl-C ourselves.
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=quiet, text=True, check=False, start_new_session=True
    )


def load_shop(environment: dict[str, str]) -> None:
    """Fill and train the demo shop. If a store goes away meanwhile, go on when the supervisor has brought it back.

    Raises SystemExit if the command fails for another reason, or too often.
    """
    for _ in range(LOAD_TRIES):
        code = attempt(environment, "demo", quiet=False).returncode
        if code == 0:
            return
        if code != exits.TRY_AGAIN:
            break
        wait_for(environment, "/readyz")
    raise SystemExit("manage.py demo failed")


def wait_for(environment: dict[str, str], path: str) -> None:
    """Return when the page answers 200 through the proxy."""
    url = f"http://127.0.0.1:{environment['PORT']}{path}"
    deadline = time.monotonic() + READY_SECONDS
    answer = ""
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except urllib.error.HTTPError as error:
            answer = f"{error.code} {error.read(500).decode(errors='replace')}"
        except OSError as error:
            answer = str(error)
        time.sleep(0.1)
    raise SystemExit(f"{url} does not answer 200 but: {answer}\nThe logs are in {FOLDER}")


def watch() -> None:
    """Wait until the supervisor ends or Ctrl-C."""
    while supervisor.running(FOLDER):
        time.sleep(1)


def show_screen(environment: dict[str, str]) -> None:
    """Print the addresses, the logins and an example request."""
    manage(environment, "demo", "--screen", quiet=False)


@contextlib.contextmanager
def step(name: str) -> Iterator[None]:
    """Print a step, and its duration at the end."""
    began = time.monotonic()
    sys.stdout.write(f"• {name} … ")
    sys.stdout.flush()
    yield
    say(f"{time.monotonic() - began:.1f} s")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
