"""Events into the log over HTTP and from the log into PostgreSQL, beside the server's floor and a plain COPY.

    make bench-ingest ARGS="--seconds 10"

A fresh installation that syncs each append to disk, as in production. The client is `wrk` (capacity) and `h2load` (the
spike). The floor is fixed JSON of the same web workers. Shoppers decided on consent before, or each event is stamped
with the decision, as consent tools of browsers do. COPY writes the same rows, formatted beforehand, into the same
table, and takes turns with the recorder. The spike is ten times the base load while both consumers run. Every accepted
event must be recorded. Figures go to `bench/results/ingest.json`.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

import psycopg2

from bench._load import Rate, clients_missing, run, serve, wrk
from bench._results import write_results
from bench._stage import Stage, stage, until

if TYPE_CHECKING:
    from events.log import Batch

BATCH: Final = 100
CONNECTIONS: Final = 32
"""As many requests wait for one sync of the disk at most."""
SHOPPERS: Final = 5_000
ROUNDS: Final = 3
SPIKE: Final = 10
SHARE_OF_CAPACITY: Final = 0.5
"""The load of the spike, by what the web server accepts while no consumer shares its cores."""
LAG_SECONDS: Final = 0.1
CATCH_UP_SECONDS: Final = 300


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="web workers")
    options = parser.parse_args()
    if clients_missing():
        return 2
    with stage() as it:
        os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings"})
        key = new_key()
        serve(it, workers=options.workers)
        figures = {"workers": options.workers, **measured(it, key, options.seconds)}
        figures["unrecorded"] = figures["accepted"] - rows(it)
    print(json.dumps(figures, indent=1))
    write_results("ingest", figures)
    return int(figures["unrecorded"] > 0)


def new_key() -> str:
    """Return a secret key."""
    import django

    django.setup()
    from access.services import create_key

    return create_key(kind="sk", name="bench", scopes=["events:write"])[1]


def measured(it: Stage, key: str, seconds: float) -> dict[str, Any]:
    """Return all figures."""
    wrk(it, FLOOR, seconds=2, connections=CONNECTIONS)
    floor = wrk(it, FLOOR, seconds=seconds, connections=CONNECTIONS)
    # Here each shopper decides for the first time.
    decided = wrk(it, batches(key, "decided", stamped=True), seconds=seconds, connections=CONNECTIONS)
    recording = Recording()
    recording.drain()
    figures = {"accepted": BATCH * decided.requests, **figures_of("floor", floor)}
    for prefix, stamped in (("stamped_", True), ("", False)):
        one = wrk(it, single(key, f"{prefix}single", stamped=stamped), seconds=seconds, connections=CONNECTIONS)
        many = wrk(it, batches(key, f"{prefix}batch", stamped=stamped), seconds=seconds, connections=CONNECTIONS)
        figures["accepted"] += one.requests + BATCH * many.requests
        figures |= figures_of(f"{prefix}single", one) | figures_of(f"{prefix}batch", many)
        figures[f"{prefix}single_over_floor"] = round(one.per_s / floor.per_s, 3)
        figures[f"{prefix}accepted_per_s"] = round(BATCH * many.per_s)
        figures |= {f"{prefix}{name}": value for name, value in recording.rates().items()}
    recording.membership.leave()
    return figures | spike(it, key, rate=SHARE_OF_CAPACITY * figures["accepted_per_s"], seconds=seconds)


def figures_of(name: str, rate: Rate) -> dict[str, Any]:
    """Return requests a second, and milliseconds of the web workers' CPU for one; a short run may answer none."""
    cpu_ms = round(1000 * rate.cpu_s / max(rate.requests, 1), 3)
    figures = {f"{name}_per_s": round(rate.per_s, 1), f"{name}_cpu_ms": cpu_ms}
    print(", ".join(f"{key} {value:,}" for key, value in figures.items()), flush=True)
    return figures


class Recording:
    """The recorder, a consumer of the log in this process."""

    def __init__(self) -> None:
        from common import redis
        from events.consumer import Consumer, relax_garbage_collection
        from events.log import get_log
        from events.log.membership import Membership
        from events.services.recorder_work import RecorderWork

        relax_garbage_collection()
        self.consumer = Consumer(RecorderWork(), get_log(), redis.client())
        self.membership = Membership(redis.client(), self.consumer.work.name, self.consumer.source.shards)

    def drain(self, *, at_least: float = float("inf")) -> int:
        """Record that many entries, or all; return how many."""
        done = 0
        while done < at_least and (step := self.consumer.step(self.membership)):
            done += step
        return done

    def settle(self) -> None:
        """Return once nothing more comes in: the web workers still work on requests whose client has gone."""
        length = -1
        while length != (length := self.consumer.source.length()):
            time.sleep(1)

    def read_ahead(self) -> "Iterator[Batch]":
        """Yield the batches that the recorder will read."""
        source, work = self.consumer.source, self.consumer.work
        after = work.offsets(range(source.shards))
        while batch := source.read_many(after, count=work.at_once):
            after = {**after, **{shard: entries[-1][0] for shard, entries in batch.items()}}
            yield batch

    def rates(self) -> dict[str, Any]:
        """Copy what waits in the log and record it, in turns; return the rates of both."""
        self.settle()
        ahead = list(self.read_ahead())
        rates: dict[str, list[float]] = {"recorded": [], "copy": []}
        rounds = min(ROUNDS, len(ahead))
        for part in range(rounds):
            batches = ahead[part * len(ahead) // rounds : (part + 1) * len(ahead) // rounds]
            rates["copy"].append(copy_rate(batches))
            count, began = sum(len(entries) for batch in batches for entries in batch.values()), time.perf_counter()
            done = self.drain(at_least=count)
            rates["recorded"].append(done / (time.perf_counter() - began))
            if done < count:
                raise RuntimeError(f"the recorder read {done} of {count} entries")
            print(", ".join(f"{name} {values[-1]:,.0f}/s" for name, values in rates.items()), flush=True)
        recorder, reference = (statistics.median(values) for values in rates.values())
        over = round(recorder / reference, 3)
        return {"recorded_per_s": round(recorder), "copy_per_s": round(reference), "recorded_over_copy": over}


def copy_rate(batches: "list[Batch]") -> float:
    """Return the rows a second of COPY, a transaction for each batch. The rows are deleted again."""
    from django.db import connection, transaction

    from events.services import copy_text
    from events.services.decoding import decode, positions_of

    lines = [copy_text.lines(decode(positions_of(batch)).rows) for batch in batches]
    texts = ["".join(one) for one in lines]
    with connection.cursor() as cursor:
        began = time.perf_counter()
        for text in texts:
            with transaction.atomic():
                cursor.copy_expert(copy_text.COPY, StringIO(text), 1 << 20)
        took = time.perf_counter() - began
        ids = [line.partition("\t")[0] for one in lines for line in one]
        cursor.execute("DELETE FROM events_event WHERE id = ANY(%s::uuid[])", [ids])
    return len(ids) / took


def spike(it: Stage, key: str, *, rate: float, seconds: float) -> dict[str, Any]:
    """Send a tenth of the rate, the rate, and a tenth again, in events a second; return how the lag went.

    `lag_zero_after_s` counts from the end of the spike, while the base load goes on. Consumers report their offsets
    once a second, so the base load of a second counts as no lag.
    """
    from events.consumer import CONSUMERS, REPORT_SECONDS

    it.run("consumer", sys.executable, "manage.py", "consume")
    until(lambda: lag() == 0, seconds=CATCH_UP_SECONDS, what="the profiler")
    base = max(1, round(rate / BATCH / SPIKE))
    unreported = len(CONSUMERS) * base * BATCH * REPORT_SECONDS
    samples: list[tuple[float, int]] = []
    stop = threading.Event()
    watch = threading.Thread(target=watch_lag, args=(samples, stop))
    watch.start()
    try:
        send(it, key, per_s=base, connections=1, seconds=seconds / 2)
        send(it, key, per_s=base, connections=SPIKE, seconds=seconds)
        ended = time.monotonic()
        while not (zeros := [at for at, size in samples if at > ended and size <= unreported]):
            if time.monotonic() > ended + CATCH_UP_SECONDS:
                raise TimeoutError(f"the lag was not zero within {CATCH_UP_SECONDS} s")
            send(it, key, per_s=base, connections=1, seconds=1)
    finally:
        stop.set()
        watch.join()
    until(lambda: lag() == 0, seconds=CATCH_UP_SECONDS, what="the last events")
    return {
        "spike_per_s": SPIKE * base * BATCH,
        "lag_peak": max(size for _, size in samples),
        "lag_zero_after_s": round(zeros[0] - ended, 1),
    }


def send(it: Stage, key: str, *, per_s: int, connections: int, seconds: float) -> None:
    """Send batches at a fixed rate on each connection. Raises RuntimeError if one is not accepted.

    All batches are alike: without a message id the server gives each event a new one.
    """
    count = max(1, round(per_s * connections * seconds))
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(json.dumps({"batch": [event(number) for number in range(BATCH)]}))
        file.flush()
        command = ("h2load", "--h1", "-t1", f"-c{connections}", f"--rps={per_s}", f"-n{count}", "-d", file.name)
        headers = ("-H", f"Authorization: Bearer {key}", "-H", "Content-Type: application/json")
        output = run(*command, *headers, f"{it.url}/v1/batch")
    if f"{count} 2xx" not in output:
        raise RuntimeError(output)


def watch_lag(samples: list[tuple[float, int]], stop: threading.Event) -> None:
    """Write down time and lag until `stop` is set."""
    while not stop.wait(LAG_SECONDS):
        samples.append((time.monotonic(), lag()))


def lag() -> int:
    """Return how many entries both consumers have left, as the log estimates it."""
    from common import redis
    from events.consumer import lags
    from events.log import get_log

    return sum(lags(redis.client(), get_log()).values())


def rows(it: Stage) -> int:
    """Return how many events with a message id of `wrk` PostgreSQL holds."""
    with closing(psycopg2.connect(it.stores.postgres.owner_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM events_event WHERE message_id LIKE 'wrk-%'")
        return int(cursor.fetchone()[0])


def event(number: int, *, stamped: bool = False) -> dict[str, Any]:
    """Return an event without a message id, `stamped` with the shopper's consent or not."""
    consent = {"consent": {"categoryPreferences": {"analytics": True, "personalization": True}}}
    return {
        "type": "track",
        "event": "Product Viewed",
        "userId": f"u{number % SHOPPERS}",
        "anonymousId": f"a{number % SHOPPERS}",
        "properties": {"product_id": f"P{number % 800}", "price": 19.9, "category": "Furniture", "position": 3},
        "context": {
            "page": {"path": f"/p/{number % 800}"},
            "library": {"name": "analytics.js", "version": "2.1"},
            **(consent if stamped else {}),
        },
    }


def single(key: str, name: str, *, stamped: bool) -> str:
    """Return a Lua script that sends one event a request."""
    return f"""{events(key, name, stamped=stamped)}
request = function() return wrk.format("POST", "/v1/track", nil, event()) end
"""


def batches(key: str, name: str, *, stamped: bool) -> str:
    """Return a Lua script that sends `BATCH` events a request."""
    return f"""{events(key, name, stamped=stamped)}
request = function()
  local events = {{}}
  for number = 1, {BATCH} do events[number] = event() end
  return wrk.format("POST", "/v1/batch", nil, '{{"batch":[' .. table.concat(events, ",") .. "]}}")
end
"""


def events(key: str, name: str, *, stamped: bool) -> str:
    """Return the Lua function of one event after the other, each with its own message id."""
    numbered = {**event(0, stamped=stamped), "userId": "u%d", "anonymousId": "a%d", "messageId": f"wrk-{name}-%d"}
    return f"""wrk.headers["Authorization"], wrk.headers["Content-Type"] = "Bearer {key}", "application/json"
local at = 0
local event = function()
  at = at + 1
  local shopper = at % {SHOPPERS}
  return string.format([[{json.dumps(numbered)}]], shopper, shopper, at)
end"""


FLOOR: Final = 'request = function() return wrk.format("GET", "/floor") end'


if __name__ == "__main__":
    sys.exit(main())
