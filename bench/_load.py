"""Load by `wrk` and `h2load`, clients that are not Python, on the web server of a stage."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench._stage import Stage, answers, until

CLIENTS: Final = ("wrk", "h2load")


class Rate(NamedTuple):
    """How many requests were answered 200, how many of them a second, and the CPU seconds of the web server."""

    requests: int
    per_s: float
    cpu_s: float


def clients_missing() -> bool:
    """Return whether a client is not installed, and print which."""
    if missing := [name for name in CLIENTS if shutil.which(name) is None]:
        print(f"{' and '.join(missing)} not found: Debian has them in wrk and nghttp2-client.", file=sys.stderr)
    return bool(missing)


def serve(it: Stage, *, workers: int = 1) -> None:
    """Start the web server with the floor's route, and without limits of requests."""
    it.environment["SERVING_REFRESH"] = "background"
    it.environment["KEY_RATE_SECRET"] = it.environment["KEY_RATE_PUBLISHABLE"] = "100000000/minute"
    granian = os.path.join(os.path.dirname(sys.executable), "granian")
    command = (granian, "--interface", "wsgi", "--workers", str(workers), "--no-ws", "--port", it.environment["PORT"])
    it.run("web", *command, "bench._floor:application")
    until(lambda: answers(f"{it.url}/floor") and answers(f"{it.url}/readyz"), seconds=120, what="the web server")


def wrk(it: Stage, script: str, *, seconds: float, connections: int) -> Rate:
    """Return what the server answers to as many requests of a Lua script as it takes.

    Raises RuntimeError if an answer is not 200.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script)
        file.flush()
        size = ("-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s")
        before = web_cpu(it)
        output = run("wrk", *size, "-s", file.name, it.url)
        used = web_cpu(it) - before
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(output)
    requests = int(matched(r"(\d+) requests in", output))
    return Rate(requests, float(matched(r"Requests/sec:\s+([\d.]+)", output)), used)


def run(*command: str) -> str:
    """Return the output of a command. Raises RuntimeError if it fails."""
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        raise RuntimeError(f"{command[0]} failed:\n{process.stdout}{process.stderr}")
    return process.stdout


def web_cpu(it: Stage) -> float:
    """Return the CPU seconds of the web server so far, its workers included."""
    main = it.programs["web"].pid
    children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
    return sum(map(cpu_seconds, (str(main), *children)))


def cpu_seconds(pid: str) -> float:
    """Return the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def matched(pattern: str, text: str) -> str:
    """Return the first group of the pattern's match. Raises RuntimeError without one."""
    match = re.search(pattern, text)
    if match is None:
        raise RuntimeError(f"no {pattern} in:\n{text}")
    return match.group(1)


def lua_list(texts: Sequence[str]) -> str:
    """Return the texts as the inside of a Lua table."""
    return ",".join(f"[[{text}]]" for text in texts)
