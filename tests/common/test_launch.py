"""What `make demo` makes of the environment that it finds."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from embedded import (
    instance,
    launch,
    ports,
    supervisor,
)

MANAGE = launch.manage


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> instance.Instance:
    """The stores of a demo in a folder of its own, not started."""
    monkeypatch.setattr(launch, "FOLDER", tmp_path)
    monkeypatch.setattr(launch, "manage", lambda environment, *words: None)  # two seconds each
    return instance.load(tmp_path)


def started(stores: instance.Instance) -> dict[str, str]:
    """Return the environment of a demo that holds its ports no longer."""
    reserved_ports = launch.hold_ports()
    numbers = {name: ports.number(port) for name, port in reserved_ports.items()}
    launch.release(reserved_ports, reserved_ports)
    return launch.prepare_environment(stores, numbers)


def test_settings_of_production_lead_the_demo_nowhere(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "REDIS_BROKER_URL", "REDIS_CHANNELS_URL"):
        monkeypatch.setenv(name, "redis://shop.example/0")
    monkeypatch.setenv("DATABASE_APP_ROLE", "shop.example")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://shop.example")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://shop.example/mlflow")

    environment = started(stores)

    assert [name for name, value in environment.items() if "shop.example" in value] == []
    assert environment["REDIS_URL"] == stores.valkey.url


def test_a_setting_that_cannot_be_read_is_named_and_kept_for_no_later_start(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "manage", MANAGE)
    monkeypatch.setenv("TUNING_MINUTES", "soon")

    with pytest.raises(SystemExit, match="TUNING_MINUTES='soon': expected a whole number"):
        started(stores)

    monkeypatch.delenv("TUNING_MINUTES")
    assert started(stores)["TUNING_MINUTES"] == "0"


def test_the_port_and_the_minutes_of_tuning_that_are_asked_for_are_taken_and_kept(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(ports.pick())
    monkeypatch.setenv("PORT", port)
    monkeypatch.setenv("TUNING_MINUTES", "7")

    first = started(stores)
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("TUNING_MINUTES")
    second = started(stores)

    assert (first["PORT"], first["PUBLIC_URL"], first["TUNING_MINUTES"]) == (port, f"http://localhost:{port}", "7")
    assert (second["PORT"], second["TUNING_MINUTES"]) == (port, "7")


@pytest.mark.parametrize("port", ["abc", "-1", "0", "65536", "٨٠٨٠"])
def test_what_is_no_port_is_told_before_anything_is_kept(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("PORT", port)

    with pytest.raises(SystemExit, match=f"PORT='{port}': expected a port"):
        launch.hold_ports()

    assert launch.read_env() == {}


def test_a_command_of_another_shell_counts_in_the_currency_of_the_data_set(
    stores: instance.Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATASET", "complete-journey")
    started(stores)
    groceries = launch.read_env()["DATASET"]

    monkeypatch.delenv("DATASET")
    started(stores)

    assert (groceries, launch.read_env()["DATASET"]) == ("complete-journey", "")


def test_two_demos_that_start_at_once_share_no_port(stores: instance.Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", str(ports.pick()))

    first, second = launch.hold_ports(), launch.hold_ports()

    try:
        numbers = [ports.number(port) for port in (*first.values(), *second.values())]
        assert len(set(numbers)) == len(first) + len(second)
        with socket.socket() as caddy:
            caddy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            caddy.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            with pytest.raises(OSError, match="in use"):
                caddy.bind((ports.LOOPBACK, numbers[0]))
    finally:
        launch.release(first, first)
        launch.release(second, second)
    assert ports.is_free(numbers[0])


def test_no_other_demo_takes_the_ports_of_stores_that_are_about_to_start(tmp_path: Path) -> None:
    wish = {"postgres": ports.pick(), "valkey": ports.pick()}
    chosen = []

    with contextlib.ExitStack() as claims:
        for name in ("first", "second"):
            # Both look before either claims, as demos do that start at the same moment.
            instance.load(tmp_path / name, preferred=wish)
        for name in ("first", "second"):
            claims.enter_context(instance.moved(tmp_path / name))
            stores = instance.load(tmp_path / name)
            chosen += [stores.postgres.port, stores.valkey.port]

    assert chosen[:2] == list(wish.values())
    assert len(set(chosen)) == 4
    assert ports.is_free(chosen[0])


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_a_port_where_a_browser_would_find_somebody_else_is_not_free() -> None:
    with socket.socket(socket.AF_INET6) as stranger:
        stranger.bind(("::1", 0))
        stranger.listen()

        assert not ports.is_free(stranger.getsockname()[1])


def test_a_port_that_served_a_moment_ago_is_held_again() -> None:
    with ports.hold() as server:
        port = ports.number(server)
        with socket.create_connection((ports.LOOPBACK, port)) as client:
            server.accept()[0].close()
            assert client.recv(1) == b""

    with ports.hold(port) as again:
        assert ports.number(again) == port


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="only the stores are found without /proc")
def test_what_a_killed_supervisor_left_behind_is_ended_before_ports_are_chosen(
    stores: instance.Instance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores.prepare()
    sleeper = supervisor.Program("sleeper", ["sleep", "600"], tmp_path, autostart=True)
    engines = [
        supervisor.Program("postgres", stores.postgres.command(), Path("/"), autostart=True, stopsignal="INT"),
        supervisor.Program("valkey", stores.valkey.command(), Path("/"), autostart=True),
    ]
    supervisor.configure(tmp_path, [*engines, sleeper], together=["sleeper"])
    supervisor.launch(tmp_path, dict(os.environ))
    instance.wait(stores)
    kill_supervisor(tmp_path)
    assert len(stores.pids()) == 2

    with contextlib.ExitStack() as claims:
        again = launch.prepare_stores(claims)

    assert (again.pids(), supervisor.orphans(tmp_path)) == ({}, [])
    assert "• ended 3 processes that a supervisor had left behind" in capsys.readouterr().out
    assert (again.postgres.port, again.valkey.port) == (stores.postgres.port, stores.valkey.port)


def kill_supervisor(folder: Path) -> None:
    """Kill it without a chance to stop what it started."""
    number = supervisor.pid(folder)
    assert number is not None
    os.kill(number, signal.SIGKILL)
    while supervisor.running(folder) and not supervisor.reaped(number):
        time.sleep(0.02)


def test_what_does_not_end_is_named(stores: instance.Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "orphans", lambda stores: {os.getpid(): 0})
    monkeypatch.setattr(launch, "ORPHANS_SECONDS", 0)

    with pytest.raises(SystemExit, match=rf"do not end: \[{os.getpid()}\]"):
        launch.end_orphans()


def test_what_a_start_runs_hears_no_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "manage.py").write_text("import os\nraise SystemExit(os.getsid(0) != os.getpid())\n")
    monkeypatch.setattr(launch, "ROOT", tmp_path)

    launch.manage(dict(os.environ), "demo")


def test_a_start_that_fails_on_a_full_disk_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(launch, "FOLDER", tmp_path / "var")
    monkeypatch.setattr(launch, "ROOT", tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=4096))
    monkeypatch.setattr(launch, "start", fail)
    handlers = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}

    try:
        with pytest.raises(RuntimeError, match="initdb failed"):
            launch.up(detach=True)
    finally:
        for one, handler in handlers.items():
            signal.signal(one, handler)

    assert f"The disk that holds {tmp_path / 'var'} is full." in capsys.readouterr().out


def fail() -> None:
    """Fail as PostgreSQL does where nothing can be written."""
    raise RuntimeError("initdb failed: No space left on device")


def test_a_failure_of_the_machine_ends_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "var").touch()
    text = "from pathlib import Path; from embedded import launch; launch.FOLDER = Path('var/demo')"
    code = f"import sys; {text}; sys.argv = ['', 'up']; import embedded.__main__"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(launch.ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.strip().splitlines() == [
        "The demo stopped: [Errno 20] Not a directory: 'var/demo/supervisor.pid'"
    ]


@pytest.mark.parametrize(
    ("codes", "loaded"),
    [([0], True), ([75, 0], True), ([75, 75, 75, 75, 0], True), ([75] * 5, False), ([1, 0], False)],
)
def test_a_store_that_goes_away_while_the_shop_is_loaded_does_not_end_the_demo(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], loaded: bool
) -> None:
    left, waits = list(codes), list[str]()

    def ended(environment: dict[str, str], *words: str, quiet: bool) -> "subprocess.CompletedProcess[str]":
        return subprocess.CompletedProcess(words, left.pop(0))

    monkeypatch.setattr(launch, "attempt", ended)
    monkeypatch.setattr(launch, "wait_for", lambda environment, path: waits.append(path))

    with contextlib.nullcontext() if loaded else pytest.raises(SystemExit):
        launch.load_shop({})

    assert waits == ["/readyz"] * codes[: len(codes) - len(left)].count(75)
