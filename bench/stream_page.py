"""Whether the event stream's page answers while 5,000 events a second come in, and what an event costs the request.

A process of its own notes events as the collection API does, one a call, and its thread writes them. Meanwhile this
one polls the page's lines as a browser does, ten times as often, and loads the page with and without a filter.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench._results import write_results
from bench._stage import stage

ROOT = Path(__file__).resolve().parent.parent
POLL_SECONDS = 0.1
PAGES = 10
NAMES = 200
"""Events are written from a list of this length, over and over."""


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=5_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--write", action="store_true", help="be the process that writes")
    options = parser.parse_args()
    if options.write:
        print(json.dumps(write(rate=options.rate, seconds=options.seconds)))
        return 0
    with stage() as it:
        it.environment["STATIC_ROOT"] = str(it.folder / "static")
        it.manage("collectstatic", "--no-input", "--verbosity", "0")
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
        import django

        django.setup()
        figures = measured(it.environment, rate=options.rate, seconds=options.seconds)
    print(json.dumps(figures, indent=1))
    write_results("stream_page", figures)
    return 0


def measured(environment: Mapping[str, str], *, rate: int, seconds: float) -> dict[str, Any]:
    """Return the figures of one run; Django is set up, on the stores of the environment."""
    browser, end, command = signed_in(), fill_ring(), [sys.executable, "-m", "bench.stream_page", "--write"]
    writer = subprocess.Popen(
        [*command, "--rate", str(rate), "--seconds", str(seconds + 2)],
        cwd=ROOT,
        env={**environment, "SERVING_REFRESH": "background", "DJANGO_SETTINGS_MODULE": "config.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        cursor = await_lines(end)
        browser.get("/portal/stream/lines", {"after": cursor})  # loads templates
        browser.get("/portal/stream")
        polls, lines = poll(browser, cursor, seconds=seconds)
        pages = [timed(lambda: browser.get("/portal/stream")) for _ in range(PAGES)]
        filters = [timed(lambda: browser.get("/portal/stream?text=no+such+text")) for _ in range(PAGES)]
        output, _ = writer.communicate(timeout=60)
    finally:
        writer.kill()
    return {
        **json.loads(output),
        "polls": len(polls),
        "lines_per_poll": round(lines / len(polls), 1),
        "poll_p50_ms": quantile(polls, 0.5),
        "poll_p99_ms": quantile(polls, 0.99),
        "page_max_ms": quantile(pages, 1.0),
        "filtered_page_max_ms": quantile(filters, 1.0),
        **ring_size(),
    }


def signed_in() -> Any:
    """Return the browser of an operator."""
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client

    settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, "testserver"]
    browser = Client()
    browser.force_login(get_user_model().objects.create_superuser("bench", password="correct horse battery"))
    return browser


def fill_ring() -> str:
    """Fill the ring with kept events; return the cursor behind them."""
    from common import redis
    from events.stream import ring
    from events.stream.line import Line

    event, entry = pair(1)
    line = Line(int(1000 * time.time()), "kept", event.name, "key:1", (event.raw_id,), payload=entry.body.decode())
    pipe = redis.client().pipeline(transaction=False)
    ring.queue_append(pipe, [line] * ring.MOST_LINES)
    pipe.execute()
    return ring.end()


def await_lines(end: str) -> str:
    """Return the cursor of the first lines of the other process, which come behind `end`."""
    from events.stream import ring

    deadline = time.monotonic() + 60
    while (cursor := ring.end()) == end:
        if time.monotonic() > deadline:
            raise TimeoutError("the writing process wrote nothing")
        time.sleep(0.05)
    return cursor


def poll(browser: Any, cursor: str, *, seconds: float) -> tuple[list[float], int]:
    """Follow the stream; return the milliseconds of each poll and the number of lines."""
    times, lines, deadline = [], 0, time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.perf_counter()
        news = browser.get("/portal/stream/lines", {"after": cursor}).json()
        times.append(1000 * (time.perf_counter() - began))
        cursor, lines = news["cursor"], lines + news["html"].count("<summary>")
        time.sleep(POLL_SECONDS)
    return times, lines


def timed(ask: Callable[[], Any]) -> float:
    """Return the milliseconds of a request that answers 200."""
    began = time.perf_counter()
    assert ask().status_code == 200
    return 1000 * (time.perf_counter() - began)


def quantile(times: list[float], share: float) -> float:
    """Return the quantile of the times."""
    return round(sorted(times)[min(len(times) - 1, int(share * len(times)))], 2)


def ring_size() -> dict[str, Any]:
    """Return length and bytes of the ring."""
    from common import redis
    from events.stream import ring

    return {"ring_lines": redis.client().xlen(ring.KEY), "ring_bytes": redis.client().memory_usage(ring.KEY)}


def write(*, rate: int, seconds: float) -> dict[str, Any]:
    """Note events at the rate; return what one costs the noting thread, and the whole process, in microseconds."""
    import django

    django.setup()
    from events.stream.tail import tail

    pairs = [pair(number) for number in range(NAMES)]
    count, in_calls, began, cpu = 0, 0.0, time.monotonic(), time.process_time()
    while (passed := time.monotonic() - began) < seconds:
        due = int(rate * passed) - count
        before = time.thread_time()
        for number in range(count, count + due):
            tail.note_events([pairs[number % NAMES]])
        in_calls += time.thread_time() - before
        count += due
        time.sleep(0.002)
    return {
        "events_per_s": round(count / passed),
        "request_us_per_event": round(1e6 * in_calls / count, 2),
        "process_us_per_event": round(1e6 * (time.process_time() - cpu) / count, 2),
    }


def pair(number: int) -> Any:
    """Return an event with its log entry."""
    from events.log import Entry
    from events.types.base import Event

    event = Event(
        message_id=f"{number:08d}-4f0c-9f6e-3a5d7c2b1e00",
        kind="track",
        name="Product Viewed",
        at=1_790_000_000_000_000,
        received_at=1_790_000_000_001_500,
        user_id=f"u{number}",
        anonymous_id=f"a-{number:06d}-77aa",
        properties={"product_id": f"P{number}", "price": 19.9, "category": "Furniture", "position": 3},
        context={"page": {"path": f"/p/{number}"}, "library": {"name": "analytics.js", "version": "2.1"}},
        allowed=("analytics", "personalization", "train_models"),
        source="key:1",
    )
    return event, Entry("event", event.raw_id, event.encode())


if __name__ == "__main__":
    sys.exit(main())
