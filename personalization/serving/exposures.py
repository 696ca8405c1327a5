"""Writes exposures to the log through a buffer, flushed within 50 ms and when the process ends.

A killed process loses its buffer, at most 50 ms of answers. Exposures dropped because the log is down or the buffer is
full count in `vitrine_exposures{outcome="lost"}`. A click or purchase still carries the recommendation id of a lost
exposure.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections

from common import clock
from common.errors import Unavailable
from common.ids import uuid7
from customers.shop_ids import newly_sealed
from events.services.server_events import ServerEvent, append_server_events
from personalization.selectors.placements import Filters
from personalization.serving.answer_inputs import packed, seal
from personalization.serving.answers import Answer, Item
from personalization.serving.asking import Ask
from personalization.serving.fallback_reason import ANONYMIZED_REASONS
from personalization.serving.gauges import EXPOSURES

FLUSH_SECONDS = 0.05
MOST_WAITING = 10_000
NAME = "Recommendation Served"
NO_FILTERS = Filters()
FILTER_FIELDS = tuple(one.name for one in fields(Filters))
log = logging.getLogger(__name__)


class Exposures:
    """The buffer. `note` never waits and never fails; a background thread writes."""

    def __init__(self) -> None:
        self._waiting: deque[ServerEvent] = deque()
        self._filled = threading.Event()
        self._lock = threading.Lock()
        self._pid = 0
        self._thread: threading.Thread | None = None

    def note(self, event: ServerEvent) -> None:
        """Keep an exposure for the next flush."""
        if settings.SERVING_REFRESH == "background" and not self._runs():
            self._start()
        if len(self._waiting) >= MOST_WAITING:
            EXPOSURES.labels(outcome="lost").inc()
            return
        self._waiting.append(event)
        self._filled.set()

    def flush(self) -> int:
        """Write the buffer to the log; return how many were written. Refused exposures are lost, and counted."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return 0
            try:
                append_server_events(batch)
            except (Unavailable, redis.RedisError, OperationalError, InterfaceError) as error:
                EXPOSURES.labels(outcome="lost").inc(len(batch))
                log.warning("exposures.lost n=%d error=%s", len(batch), error)
                return 0
            EXPOSURES.labels(outcome="written").inc(len(batch))
            return len(batch)

    def forget(self) -> None:
        """Empty the buffer without writing."""
        self._waiting.clear()

    def _start(self) -> None:
        with self._lock:
            if self._runs():
                return
            if self._pid != os.getpid():
                self._pid = os.getpid()
                self._waiting.clear()  # after a fork these are the parent's to write
                atexit.register(self.flush)
            self._thread = threading.Thread(target=self._run, name="vitrine-exposures", daemon=True)
            self._thread.start()

    def _runs(self) -> bool:
        return self._pid == os.getpid() and self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._filled.wait()
            time.sleep(FLUSH_SECONDS)
            self._filled.clear()
            self.flush()
            close_old_connections()


exposures = Exposures()
"""The buffer of this process."""


def exposure_of(answer: Answer, ask: Ask, *, anonymized: bool = False) -> ServerEvent:
    """Return the event of a shown list.

    It names neither the shopper nor the request's products where consent is missing or unreadable, or with
    `anonymized`.
    """
    keeps_ids = answer.degraded not in ANONYMIZED_REASONS and ask.personalized and not anonymized
    properties: dict[str, Any] = {
        "recommendation_id": answer.recommendation_id,
        "placement": answer.placement,
        "strategy": answer.strategy,
        "model_version": answer.model_version,
        "personalized": answer.personalized,
        "degraded": answer.degraded,
        "rules": list(answer.rules),
        "products": [line_of(item, answer.propensities) for item in answer.items],
    }
    if answer.holdout and keeps_ids:
        properties["holdout"] = {name: list(rules) for name, rules in answer.holdout.items()}
    if answer.trial.exposed and keeps_ids:
        properties["experiments"] = [
            {"key": one.design.key, "variation": one.arm_key, "epoch": one.design.epoch} for one in answer.trial.exposed
        ]
    if keeps_ids:
        properties["context"] = list(ask.product_ids)
    if answer.inputs is not None and settings.REPLAY_DAYS:
        properties["inputs"] = packed(answer.inputs, request_of(ask, named=keeps_ids))
        properties["seals"] = {name: seal(properties[name]) for name in ("inputs", "products")}
    return ServerEvent(
        message_id=str(uuid7()),
        name=NAME,
        at=clock.epoch_us(),
        user_id=ask.who.user_id if keeps_ids else None,
        anonymous_id=ask.who.anonymous_id if keeps_ids else None,
        properties=properties,
        gpc=ask.who.gpc,
        region=ask.who.region,
        sealed_ids=newly_sealed(ask.who.shop_ids or ()) if keeps_ids else {},
    )


def request_of(ask: Ask, *, named: bool) -> dict[str, Any]:
    """Return the request's fields that are set, besides its context, as an exposure keeps them.

    Without names, what the shopper's page sent along is left out; `withheld` says so.
    """
    sent: dict[str, Any] = {"exclude": list(ask.exclude), "earlier": list(ask.earlier_items)}
    if not named:
        sent = {"withheld": bool(ask.product_ids or ask.exclude or ask.earlier_items)}
    fields = {"limit": ask.limit, "strategy": ask.strategy, "filters": _filters_of(ask), **sent}
    return {name: value for name, value in fields.items() if value}


def _filters_of(ask: Ask) -> dict[str, Any]:
    """Return the filters that are set, as `Filters.of` reads them."""
    if ask.filters == NO_FILTERS:
        return {}
    values = {name: value for name in FILTER_FIELDS if (value := getattr(ask.filters, name)) not in ((), None)}
    if "attributes" in values:
        values["attributes"] = {name: list(of) for name, of in values["attributes"]}
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def line_of(item: Item, propensities: Mapping[str, float]) -> dict[str, Any]:
    """Return the event's entry of one product; an explored one has its propensity."""
    line = {
        "product_id": item.product_id,
        "position": item.position,
        "score": item.score,
        "reason": item.reason.code,
    }
    chance = propensities.get(item.product_id)
    return line if chance is None else {**line, "propensity": round(chance, 6)}
