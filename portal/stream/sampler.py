"""Carries this process's gauges into the minutes that pages show: every few seconds, by difference."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from prometheus_client import Counter as PrometheusCounter
from prometheus_client import Histogram
from prometheus_client.samples import Sample

from common import redis
from common.background import BackgroundLoop
from events.consumer import lags
from events.log import get_log
from events.stream import minutes
from personalization.serving.gauges import LOOKUPS
from portal.gauges import REQUESTS, SECONDS

SAMPLE_SECONDS: Final = 3.0
LAG_TURN: Final = "v:minute:lag-turn"
"""Held by the process that measured the lag last: once in this time is enough for all."""
COLLECT: Final = ("v1/", "mp/", "cdn/")
RECOMMEND: Final = ("api/v1/recommendations", "api/v1/rank", "api/v1/page")
MACHINE_KINDS: Final = ("collect", "recommend", "api", "unknown")


def kind_of(route: str) -> str:
    """Return what a route is counted under."""
    if route.startswith(COLLECT):
        return "collect"
    if route.startswith(RECOMMEND):
        return "recommend"
    return "api" if route.startswith("api/") else "unknown" if route == "unknown" else "pages"


class GaugeSampler:
    """Remembers the gauges' values of the last turn, and adds what came since to the running minute."""

    def __init__(self) -> None:
        self._before: Counter[str] = Counter()
        self._loop = BackgroundLoop("vitrine-minutes", self.sample, seconds=SAMPLE_SECONDS, steady=True)

    def wake(self) -> None:
        """Start the thread where it does not run; return at once."""
        self._loop.wake()

    def sample(self) -> None:
        """Add what came since the last turn, and the recorder's lag. Raises redis errors and Unavailable."""
        now = _values()
        new, self._before = now - self._before, now
        pipe = redis.client().pipeline(transaction=False)
        if new:
            minutes.queue_add(pipe, new)
        pipe.set(LAG_TURN, 1, nx=True, px=int(SAMPLE_SECONDS * 900))
        if pipe.execute()[-1]:
            backlogs = lags(redis.client(), get_log(), consumers=("recorder",))
            minutes.note_peak("lag", sum(backlogs.values()))


def _values() -> Counter[str]:
    """Return this process's counts by the names that a minute has."""
    values: Counter[str] = Counter()
    for sample in _samples(REQUESTS, "_total"):
        kind, status = kind_of(sample.labels["route"]), int(sample.labels["status"])
        values[f"requests:{kind}"] += int(sample.value)
        if status >= 500 or (status >= 400 and kind in MACHINE_KINDS):
            values[f"status:{status}"] += int(sample.value)
    for sample in _samples(SECONDS, "_bucket"):
        values[f"within:{kind_of(sample.labels['route'])}:{sample.labels['le']}"] += int(sample.value)
    for sample in _samples(LOOKUPS, "_total"):
        values[f"lookup:{sample.labels['level']}:{sample.labels['outcome']}"] += int(sample.value)
    return values


def _samples(metric: PrometheusCounter | Histogram, ending: str) -> Iterator[Sample]:
    for family in metric.collect():
        yield from (sample for sample in family.samples if sample.name.endswith(ending))


gauge_sampler = GaugeSampler()
"""The sampler of this process."""
