"""2,000 connections that send their bodies slowly: what others wait, when each is cut off, and the memory it takes.

Proxy, buffer and web run as in production. The attack is a process of its own. It replaces each connection that is
cut off three seconds later, the flood at once. Meanwhile a patient client asks for `/healthz`, an answer, and sends
events.
"""

import argparse
import asyncio
import http.client
import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from bench._stage import ROOT, Stage, answers, stage, until
from embedded import ports, procfile

DECLARED = 4_000_000
GAP_SECONDS = 3.0
MOST_SECONDS, MOST_MILLISECONDS = 30.0, 1000.0
HEAD = f"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {DECLARED}\r\n\r\n".encode()
CHUNKED = b"POST /v1/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
ATTACKS = {
    "trickle": (HEAD, b"x"),
    "stall": (HEAD + b"x" * 100_000, b"x"),
    "chunks": (CHUNKED, b"1\r\nx\r\n"),
    "heads": (b"POST /v1/batch HTTP/1.1\r\nX-Slow: ", b"x"),
    "flood": (HEAD + b"x" * 400_000, b"x"),
}
"""By name: what is sent at once, and what is sent every GAP_SECONDS afterwards."""
INSTANT = frozenset({"flood"})
"""Attacks that replace a connection at once after it was cut off."""
SHOP = """
from access.services import create_key
from catalog.services import bulk_upsert
rows = [{"product_id": f"P{n}", "title": f"Thing {n}", "category": ["Things"], "price": "9.90", "currency": "EUR"}
        for n in range(200)]
bulk_upsert(rows, actor="system:bench")
print(create_key(kind="sk", name="bench", scopes=["recommendations:read", "events:write"])[1])
"""
EVENT = {"anonymousId": "a1", "event": "Product Viewed", "properties": {"product_id": "P1"}}


def main(arguments: list[str] | None = None) -> int:
    """Measure without and with the attack; return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=2_000)
    parser.add_argument("--seconds", type=float, default=45.0, help="how long each measurement lasts")
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=list(ATTACKS))
    options = parser.parse_args(arguments)
    failed = False
    with stage() as it:
        key = serve(it)
        report(it, "nobody", measured(it, key, options.seconds / 3), [])
        for name in options.attacks:
            with_attack = attacked(it, key, name, options.connections, options.seconds)
            failed = failed or not passed(*with_attack)
            report(it, name, *with_attack)
    return int(failed)


def serve(it: Stage) -> str:
    """Start proxy, buffer and web as the Procfile says, on ports of their own; return a key of a small shop."""
    web, buffer = ports.pick(), ports.pick()
    it.environment |= {
        "WEB": f"127.0.0.1:{web}",
        "BUFFER": f"127.0.0.1:{buffer}",
        "GRANIAN_PORT": str(web),
        "GRANIAN_WORKERS": "2",
        "KEY_RATE_SECRET": "1000000/second",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    for name in ("proxy", "buffer", "web"):
        it.run(name, *procfile.read(ROOT / "Procfile")[name])
    until(lambda: answers(f"{it.url}/healthz"), seconds=60, what="the web server")
    return it.manage("shell", "--no-imports", "-c", SHOP).strip().splitlines()[-1]


def attacked(
    it: Stage, key: str, name: str, connections: int, seconds: float
) -> tuple[dict[str, list[float]], list[float]]:
    """Return what a patient client waits during an attack, and the seconds until each connection was cut off."""
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[list[float]] = context.Queue()
    port = int(it.environment["PORT"])
    process = context.Process(target=attack, args=(name, port, connections, seconds + 5, results))
    process.start()
    time.sleep(5)  # until all are open
    waits = measured(it, key, seconds)
    cuts = results.get(timeout=seconds + 60)
    process.join()
    return waits, cuts


def attack(
    name: str, port: int, connections: int, seconds: float, results: "multiprocessing.Queue[list[float]]"
) -> None:
    """Hold the connections open for so long; put the seconds that each lasted until it was cut off."""
    cuts: list[float] = []

    async def hold() -> None:
        ends = asyncio.get_running_loop().time() + seconds
        start, then = ATTACKS[name]
        pause = 0.0 if name in INSTANT else GAP_SECONDS
        await asyncio.gather(*[one(start, then, ends, pause) for _ in range(connections)])

    async def one(start: bytes, then: bytes, ends: float, pause: float) -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < ends:
            began = loop.time()
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(start)
                answer = asyncio.create_task(reader.read())
                while loop.time() < ends and not (await asyncio.wait({answer}, timeout=GAP_SECONDS))[0]:
                    writer.write(then)
                lasted = loop.time() - began
                if answer.done() or lasted > MOST_SECONDS:
                    cuts.append(lasted)
                answer.cancel()
                writer.transport.abort()
                await asyncio.sleep(pause)
            except OSError:
                await asyncio.sleep(0.5)

    asyncio.run(hold())
    results.put(cuts)


def measured(it: Stage, key: str, seconds: float) -> dict[str, list[float]]:
    """Return the milliseconds of each request of a patient client, by what was asked."""
    numbers, ends = itertools.count(), time.monotonic() + seconds
    waits: dict[str, list[float]] = {"healthz": [], "answer": [], "event": []}
    requests: dict[str, Callable[[int], tuple[str, str, str | None]]] = {
        "healthz": lambda number: ("GET", "/healthz", None),
        "answer": lambda number: ("GET", f"/api/v1/recommendations/home?anonymous_id=a{number}", None),
        "event": lambda number: ("POST", "/v1/track", json.dumps({**EVENT, "messageId": f"m{number}"})),
    }
    while time.monotonic() < ends:
        for name, request in requests.items():
            waits[name].append(timed(int(it.environment["PORT"]), key, *request(next(numbers))))
        time.sleep(0.02)
    return waits


def timed(port: int, key: str, method: str, path: str, body: str | None) -> float:
    """Return the milliseconds of one request on a connection of its own. Raises RuntimeError unless it succeeds."""
    began = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{path}: {answer.status} {text[:200]!r}")
    return (time.perf_counter() - began) * 1000


def passed(waits: dict[str, list[float]], cuts: list[float]) -> bool:
    """Return whether the 99th percentile of every wait is at most a second, and each connection ended within 30."""
    slowest = max(float(np.percentile(times, 99)) for times in waits.values())
    return slowest <= MOST_MILLISECONDS and max(cuts, default=99.0) <= MOST_SECONDS


def report(it: Stage, name: str, waits: dict[str, list[float]], cuts: list[float]) -> None:
    """Print one line of JSON."""
    line: dict[str, Any] = {"attack": name}
    for what, times in waits.items():
        line[f"{what}_ms"] = {f"p{share}": round(float(np.percentile(times, share)), 1) for share in (50, 99)}
    if cuts:
        line["cut_off"] = len(cuts)
        line["cut_off_s"] = {"p50": round(float(np.median(cuts)), 1), "max": round(max(cuts), 1)}
    line["peak_mb"] = {program: peak_mb(it, program) for program in ("proxy", "buffer", "web")}
    print(json.dumps(line), flush=True)


def peak_mb(it: Stage, name: str) -> int:
    """Return the largest memory that the processes of a program have used since they started, in MB, in total."""
    process = it.programs[name].pid
    pids = [process, *(child.pid for child in psutil.Process(process).children(recursive=True))]
    lines = [line for pid in pids for line in Path(f"/proc/{pid}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) // 1024


if __name__ == "__main__":
    sys.exit(main())
