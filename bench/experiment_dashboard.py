"""Seconds from an event to its number on the open results pages of an experiment, and after the live process is killed.

    make bench-experiment-dashboard ARGS="--viewers 50 --events 100 --rate 20 --kills 3"

A fresh installation with proxy, buffer, web, live and consumer as the Procfile starts them. Signed-in marketers watch
one running experiment, each as an open page does. Known shoppers see it again and order again at a steady rate, so that
its numbers change all the time. Then one new shopper after the other sees it and orders, in one batch. The number has
come when a page shows the new count of visitors and the new conversion rate. Beside it stand the times until PostgreSQL
has the batch's rows, and until the counter has counted them: no page can be faster. At last the live process is killed
(`kill -9`) while an event comes in. Figures go to `bench/results/experiment_dashboard.json`.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import numpy as np
import psycopg2

from bench._results import write_results
from bench._stage import Stage, answers, stage, until
from bench._viewers import Audience, Numbers
from embedded import ports, procfile

ROOT: Final = Path(__file__).resolve().parent.parent
BAR_SECONDS: Final = 2.0
WAIT_SECONDS: Final = 60.0
KEY: Final = "home-ranker"
ARMS: Final = ("control", "treatment")
PROGRAMS: Final = ("proxy", "buffer", "web", "live", "consumer")
BUYERS: Final = 10
"""One of so many shoppers has ordered before the measurement."""
BATCH: Final = 100
CONSENT: Final = {"analytics": True, "personalization": True, "experiments": True}
Event = dict[str, Any]


def main() -> int:
    """Run it, print the figures; return 1 where more than one event in twenty was later than the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--rate", type=float, default=20.0, help="other events a second")
    parser.add_argument("--shoppers", type=int, default=4_000, help="in the experiment before")
    parser.add_argument("--kills", type=int, default=3)
    options = parser.parse_args()
    with stage() as it:
        figures = run(it, options)
    print(json.dumps(figures, indent=1))
    write_results("experiment_dashboard", figures)
    return int(figures["shown_to_all_s"]["p95"] > BAR_SECONDS)


def run(it: Stage, options: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one run on a fresh stage."""
    os.environ.update({**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "SERVING_REFRESH": "inline"})
    import django

    django.setup()
    key, pk, cookies = prepare(options.viewers)
    serve(it)
    return asyncio.run(measured(it, Shop(it.url, key), pk, cookies, options))


def prepare(n_viewers: int) -> tuple[str, int, list[str]]:
    """Start the experiment; return a secret key, the experiment's number and the sessions of marketers."""
    from datetime import timedelta

    from django.contrib.auth.models import Group
    from django.test import Client

    from access.models import User
    from access.services import create_key, sync_roles
    from common import clock
    from experiments.models import Experiment
    from experiments.services.designs import create_experiment
    from experiments.services.lifecycle import start

    sync_roles(actor="system:bench")
    metrics = {"secondary_metrics": ["revenue_per_visitor"], "guardrail_metrics": ["add_to_cart_rate"]}
    create_experiment(KEY, data={"goal_metric": "conversion_rate", **metrics}, actor="system:bench")
    start(KEY, actor="system:bench", began_at=clock.now() - timedelta(days=1))
    cookies = []
    for number in range(n_viewers):
        user = User.objects.create(username=f"viewer{number}", is_staff=True)
        user.groups.add(Group.objects.get(name="marketer"))
        browser = Client()
        browser.force_login(user)
        cookies.append(browser.cookies["sessionid"].value)
    key = create_key(kind="sk", name="bench", scopes=["events:write"])[1]
    return key, Experiment.objects.get(key=KEY).pk, cookies


def serve(it: Stage) -> None:
    """Start the processes as the Procfile says, on ports of their own, and return when all answer."""
    port = {name: ports.pick() for name in ("web", "live", "buffer")}
    it.environment |= {
        **{name.upper(): f"127.0.0.1:{number}" for name, number in port.items()},
        "KEY_RATE_SECRET": "1000000/second",
        "SERVING_REFRESH": "background",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    commands = procfile.read(ROOT / "Procfile")
    for name in PROGRAMS:
        options = ["--port", str(port[name])] if name in ("web", "live") else []
        it.run(name, *commands[name], *options)
    for url in (it.url, f"http://127.0.0.1:{port['live']}"):
        until(lambda url=url: answers(f"{url}/healthz"), seconds=120, what=url)  # type: ignore[misc]


@dataclass
class Shop:
    """Sends shoppers' events, and knows what the pages must show for them."""

    url: str
    key: str
    visitors: list[int] = field(default_factory=lambda: [0, 0])
    buyers: list[int] = field(default_factory=lambda: [0, 0])

    @property
    def numbers(self) -> Numbers:
        """What a page shows once all events are counted."""
        percent = (100 * buyers / visitors for buyers, visitors in zip(self.buyers, self.visitors, strict=True))
        return Numbers(tuple(self.visitors), tuple(percent))

    def exposure(self, shopper: int) -> Event:
        """Return the event of a shopper who sees the experiment; arms take turns."""
        properties = {"experiment_id": KEY, "variation_id": ARMS[shopper % 2]}
        return self._event("Experiment Viewed", shopper, properties, ago=1)

    def order(self, shopper: int, number: int = 0) -> Event:
        """Return the event of an order of a shopper."""
        properties = {"order_id": f"o{shopper}-{number}", "revenue": 20 + number % 50, "currency": "EUR"}
        return self._event("Order Completed", shopper, {**properties, "products": []}, ago=0)

    def newcomer(self, shopper: int, *, buys: bool) -> list[Event]:
        """Return the events of a new shopper, who is expected from now on."""
        self.visitors[shopper % 2] += 1
        self.buyers[shopper % 2] += buys
        return [self.exposure(shopper), *([self.order(shopper)] if buys else [])]

    async def send(self, session: aiohttp.ClientSession, events: Iterable[Event]) -> None:
        """Send events in one batch. Raises RuntimeError for any answer but 200."""
        headers = {"Authorization": f"Bearer {self.key}"}
        async with session.post(f"{self.url}/v1/batch", json={"batch": list(events)}, headers=headers) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {text}")

    def _event(self, name: str, shopper: int, properties: dict[str, Any], *, ago: float) -> Event:
        at = time.time() - ago
        return {
            "type": "track", "event": name, "userId": f"u{shopper}", "properties": properties,
            "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z",
            "context": {"consent": {"categoryPreferences": CONSENT}},
        }  # fmt: skip


async def measured(
    it: Stage, shop: Shop, pk: int, cookies: Sequence[str], options: argparse.Namespace
) -> dict[str, Any]:
    """Return the figures; all processes answer."""
    audience = Audience(it.url, KEY, f"/admin/experiments/experiment/{pk}/results/numbers/")
    timeout, connector = aiohttp.ClientTimeout(total=None, sock_read=30), aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        newcomers = itertools.count()
        for _ in range(0, options.shoppers, BATCH):
            shoppers = list(itertools.islice(newcomers, BATCH))
            events = [shop.newcomer(one, buys=one // 2 % BUYERS == 0) for one in shoppers]
            await shop.send(session, itertools.chain(*events))
        audience.expect(shop.numbers)
        audience.open(session, cookies)
        await audience.until_all_have_it(seconds=2 * WAIT_SECONDS)
        await audience.until_all_are_live(seconds=WAIT_SECONDS)
        load = asyncio.create_task(keep_busy(shop, session, options))
        try:
            times = [await one_event(it, shop, audience, session, next(newcomers)) for _ in range(options.events)]
            kills = [await one_kill(it, shop, audience, session, next(newcomers)) for _ in range(options.kills)]
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
            await audience.close()
    return {
        **{name: getattr(options, name) for name in ("viewers", "events", "rate", "shoppers", "kills")},
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[1], 1),
        "bar_s": BAR_SECONDS,
        "response_s": summary(one.response for one in times),
        "recorded_s": summary(one.recorder for one in times),
        "counted_s": summary(one.counter for one in times),
        "shown_s": summary(itertools.chain(*(one.pages for one in times))),
        "shown_to_all_s": summary(max(one.pages) for one in times),
        "late": sum(max(one.pages) > BAR_SECONDS for one in times),
        "killed_until_all_had_the_number_s": [round(numbers, 2) for numbers, _ in kills],
        "killed_until_all_were_live_s": [round(live, 2) for _, live in kills],
    }


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds after an event was sent: its 200, its rows in PostgreSQL, its unit counted, and each page's number."""

    response: float
    recorder: float
    counter: float
    pages: list[float]


async def one_event(it: Stage, shop: Shop, audience: Audience, session: aiohttp.ClientSession, shopper: int) -> Times:
    """Send one new shopper's events at a random moment of the second; return the times of all that follows."""
    await asyncio.sleep(random.random())
    events = shop.newcomer(shopper, buys=True)
    audience.expect(shop.numbers)
    began = time.perf_counter()
    floor = asyncio.create_task(asyncio.to_thread(floor_of, it, shopper))
    await shop.send(session, events)
    response = time.perf_counter()
    pages = await audience.until_all_have_it(seconds=WAIT_SECONDS)
    recorder, counter = await floor
    return Times(response - began, recorder - began, counter - began, [one - began for one in pages])


def floor_of(it: Stage, shopper: int) -> tuple[float, float]:
    """Return when PostgreSQL had both events of a shopper, and when the counter had counted the shopper."""
    from common.pseudonyms import pseudonym

    with contextlib.closing(psycopg2.connect(it.environment["DATABASE_URL"])) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:

            def is_there(table: str, column: str, value: str, n: int) -> Callable[[], bool]:
                def look() -> bool:
                    cursor.execute(f"SELECT count(*) FROM {table} WHERE {column} = %s", [value])
                    return bool(cursor.fetchone()[0] == n)

                return look

            user = pseudonym(f"u{shopper}")
            until(is_there("events_event", "user_id", user, 2), seconds=WAIT_SECONDS, what="the recorder")
            recorder = time.perf_counter()
            until(is_there("experiments_exposure", "unit", f"user:{user}", 1), seconds=WAIT_SECONDS, what="counter")
            return recorder, time.perf_counter()


async def one_kill(
    it: Stage, shop: Shop, audience: Audience, session: aiohttp.ClientSession, shopper: int
) -> tuple[float, float]:
    """Kill the live process while an event comes in; return the seconds until all have its number, and are live."""
    before = it.programs["live"].pid
    events = shop.newcomer(shopper, buys=True)
    audience.expect(shop.numbers)
    began = time.perf_counter()
    it.programs["live"].kill()
    await shop.send(session, events)
    await audience.until(lambda: not any(one.is_live for one in audience.viewers), seconds=5, what="lost sockets")
    numbers = max(await audience.until_all_have_it(seconds=WAIT_SECONDS))
    live = await audience.until_all_are_live(seconds=2 * WAIT_SECONDS)
    assert it.programs["live"].pid != before
    await asyncio.sleep(2)
    return numbers - began, live - began


async def keep_busy(shop: Shop, session: aiohttp.ClientSession, options: argparse.Namespace) -> None:
    """Send exposures and orders of known shoppers at the rate: values change, and no count of shoppers does."""
    draw, each = random.Random(7), max(1, round(options.rate / 10))
    for number in itertools.count(1):
        shopper = draw.randrange(options.shoppers)
        buyer = 2 * BUYERS * draw.randrange(options.shoppers // (2 * BUYERS)) + shopper % 2
        events = [shop.exposure(draw.randrange(options.shoppers)) for _ in range(each - 1)]
        await shop.send(session, [*events, shop.order(buyer, number)])
        await asyncio.sleep(0.1)


def summary(seconds: Iterable[float]) -> dict[str, float]:
    """Return median, 95th percentile and maximum, in seconds."""
    values = list(seconds)
    median, high = np.percentile(values, [50, 95])
    return {"p50": round(float(median), 3), "p95": round(float(high), 3), "max": round(max(values), 3)}


if __name__ == "__main__":
    sys.exit(main())
