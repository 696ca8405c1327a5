"""The restarting supervisor of the demo: the embedded stores first, then the processes of the Procfile."""

import hashlib
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# No system allows a longer path for a Unix socket.
SOCKET_PATH_LIMIT = 100

HEAD = """\
[supervisord]
nodaemon=true
silent=true
logfile={folder}/supervisor.log
pidfile={folder}/supervisor.pid
childlogdir={folder}
{user}
[unix_http_server]
file={socket}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface

[supervisorctl]
serverurl=unix://{socket}
"""

PROGRAM = """
[program:{name}]
command={command}
directory={directory}
priority={priority}
autostart={autostart}
autorestart=true
startsecs=1
startretries=20
stopsignal={stopsignal}
stopwaitsecs=15
killasgroup=true
redirect_stderr=true
stdout_logfile={name}.log
stdout_logfile_maxbytes=20MB
stdout_logfile_backups=1
"""
TOGETHER = "product"
"""The name of the group of programs that start together."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process."""

    name: str
    command: list[str]
    directory: Path
    priority: int = 10
    autostart: bool = False
    stopsignal: str = "TERM"
    environment: Mapping[str, str] = field(default_factory=dict)

    def section(self) -> str:
        """Return the program's section of the configuration."""
        text = PROGRAM.format(
            name=self.name,
            command=literal(shlex.join(self.command)),
            directory=literal(self.directory),
            priority=self.priority,
            autostart=str(self.autostart).lower(),
            stopsignal=self.stopsignal,
        )
        if self.environment:
            text += "environment=" + ",".join(f'{name}="{value}"' for name, value in self.environment.items()) + "\n"
        return text


def socket_path(folder: Path) -> Path:
    """Return the path of the supervisor's socket: in its folder unless that path is too long."""
    path = folder / "supervisor.sock"
    if len(str(path)) <= SOCKET_PATH_LIMIT:
        return path
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"vitrine-{os.geteuid()}-{name}.sock"


def literal(value: object) -> str:
    """Return the value escaped for the configuration. Raises SystemExit if it would be read as a comment."""
    if re.search(r"\s[;#]|\n", str(value)):
        raise SystemExit(f"A folder's name may hold no line break and no space before ; or #: {value}")
    # supervisor expands percent signs unless they are doubled.
    return str(value).replace("%", "%%")


def configure(folder: Path, programs: Iterable[Program], *, together: Iterable[str]) -> None:
    """Write the configuration of a supervisor with its files in `folder`. Raises as `literal` does.

    `control(folder, "start", f"{TOGETHER}:*")` starts the programs in `together`.
    """
    user = "user=root\n" if os.geteuid() == 0 else ""
    text = HEAD.format(folder=literal(folder), socket=literal(socket_path(folder)), user=user)
    sections = [program.section() for program in programs]
    # As a group they start at the same moment; named one by one, each would wait for the one before.
    together = f"[group:{TOGETHER}]\nprograms={','.join(together)}\n"
    (folder / "supervisor.conf").write_text(text + "".join(sections) + together)


def launch(folder: Path, environment: Mapping[str, str]) -> None:
    """Start the supervisor in its own session, so that it survives this process and ignores Ctrl-C."""
    with (folder / "supervisor.out").open("ab") as out:
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "supervisor.supervisord",
            "-c",
            str(folder / "supervisor.conf"),
        ]
        # supervisor expands names of log files twice, so they are relative, and it runs in its folder.
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 15
    while not (running(folder) and socket_path(folder).exists()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the supervisor did not start: see {folder}/supervisor.out and supervisor.log")
        time.sleep(0.05)
    # The supervisor outlives this process, or `shutdown` reaps it: nobody waits on this handle.
    process.returncode = 0


def control(folder: Path, *words: str) -> None:
    """Send the supervisor a command; raise with its answer if it refuses."""
    command = [sys.executable, "-W", "ignore", "-m", "supervisor.supervisorctl", "-c", str(folder / "supervisor.conf")]
    done = subprocess.run([*command, *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"supervisorctl {' '.join(words)}: {done.stdout.strip()} {done.stderr.strip()}")


def pid(folder: Path) -> int | None:
    """Return the process id of the running supervisor, or None."""
    file = folder / "supervisor.pid"
    try:
        number = int(file.read_text())
        os.kill(number, 0)
        return number if is_supervisor(folder, number) else None
    except (FileNotFoundError, ValueError, ProcessLookupError, PermissionError):
        return None


def is_supervisor(folder: Path, number: int) -> bool:
    """Return whether the process is this folder's supervisor: an old process id may belong to another one."""
    command = Path(f"/proc/{number}/cmdline")
    return not command.exists() or os.fsencode(folder / "supervisor.conf") in command.read_bytes().split(b"\0")


def running(folder: Path) -> bool:
    """Return whether the supervisor of this folder runs."""
    return pid(folder) is not None


def orphans(folder: Path) -> list[int]:
    """Return the processes started by this folder's supervisor, and their children. Empty without /proc."""
    mark = os.fsencode(f"SUPERVISOR_SERVER_URL=unix://{socket_path(folder)}")
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if mark in environment_of(entry)]


def environment_of(process: Path) -> list[bytes]:
    """Return the environment of a process in /proc; nothing for a process that is not ours or has ended."""
    try:
        return (process / "environ").read_bytes().split(b"\0")
    except (PermissionError, FileNotFoundError, ProcessLookupError):
        return []


def shutdown(folder: Path) -> None:
    """Stop all processes and the supervisor; return when they have ended."""
    number = pid(folder)
    if number is None:
        return
    os.kill(number, signal.SIGTERM)
    while running(folder) and not reaped(number):
        time.sleep(0.1)


def reaped(number: int) -> bool:
    """Return whether the process was our child and has ended."""
    try:
        return os.waitpid(number, os.WNOHANG)[0] == number
    except ChildProcessError:
        return False
