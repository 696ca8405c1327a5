"""Endpoints for operators: liveness, readiness and Prometheus metrics."""

import hmac
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest, multiprocess
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from common import errors, installation, postgres
from common import redis as stores
from common.problems import respond
from customers import shop_ids
from events.consumer import lags
from events.log import get_log, get_waiting_room
from modelops import live
from modelops.selectors.overview import open_alarms
from personalization.serving.snapshot_refresher import snapshot_refresher

RETRY_SECONDS = 2
CHECK_SECONDS = 1.0
"""The PostgreSQL timeout of a check: readiness probes do not wait long."""


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process handles requests, independent of its stores."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served; 503 if a required store is down, not migrated, or another installation's.

    A missing model is reported, but is not an error: recommendations work without one.
    """
    checks = {name: outcome(check) for name, check in CHECKS.items()}
    ready = all(state["ok"] for name, state in checks.items() if name not in OPTIONAL)
    answer = JsonResponse(
        {"status": "ready" if ready else "unavailable", "checks": checks}, status=200 if ready else 503
    )
    if not ready:
        answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer the counters of all processes of this machine in Prometheus's text format, if the sender may see them."""
    if not may_see_metrics(request):
        return respond(errors.Unauthenticated("Send METRICS_TOKEN as a Bearer token."))
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def may_see_metrics(request: HttpRequest) -> bool:
    """Return whether the request has the token, or comes from this machine if METRICS_LOOPBACK allows that.

    What came through a proxy carries X-Forwarded-For, and is not from this machine, whatever its address.
    """
    if settings.METRICS_LOOPBACK and "HTTP_X_FORWARDED_FOR" not in request.META:
        with suppress(ValueError):
            if ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback:
                return True
    token: str = settings.METRICS_TOKEN
    return bool(token) and hmac.compare_digest(bearer(request).encode(), token.encode())


def bearer(request: HttpRequest) -> str:
    """Return the Bearer token of the request, or ""."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def registry() -> CollectorRegistry:
    """Return the counters of all workers if they share a directory, else those of this process."""
    together = CollectorRegistry()
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    else:
        together.register(REGISTRY)
    together.register(LogGauges())
    together.register(StoreGauges())
    together.register(AlarmGauges())
    return together


class LogGauges(Collector):
    """Gauges of the event log, read at each scrape; absent while the log does not answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        log = get_log()
        try:
            entries, size, waiting = log.length(), log.size_bytes(), get_waiting_room().length()
        except errors.Unavailable:
            return
        yield GaugeMetricFamily("vitrine_log_entries", "Entries that the event log keeps", value=entries)
        yield GaugeMetricFamily("vitrine_log_bytes", "Bytes that count against the event log's limit", value=size)
        yield GaugeMetricFamily("vitrine_events_waiting", "Events that wait for a first decision", value=waiting)
        lag = GaugeMetricFamily(
            "vitrine_consumer_lag", "Entries that a consumer has before it, about", labels=["consumer", "shard"]
        )
        try:
            for (consumer, shard), entries in lags(stores.client(), log).items():
                lag.add_metric([consumer, str(shard)], entries)
        except (redis.RedisError, errors.Unavailable):
            return
        yield lag


class StoreGauges(Collector):
    """Gauges of Redis' memory and its limit; absent while Redis does not answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; without a limit only the usage."""
        try:
            memory = stores.client().info("memory")
        except redis.RedisError:
            return
        yield GaugeMetricFamily("vitrine_redis_bytes", "Bytes that Redis uses", value=memory["used_memory"])
        if limit := memory.get("maxmemory"):
            yield GaugeMetricFamily("vitrine_redis_limit_bytes", "Bytes that Redis may use", value=limit)


class AlarmGauges(Collector):
    """Open alarms about data and models, read at each scrape; absent while PostgreSQL is down."""

    def collect(self) -> Iterator[Metric]:
        """Yield 1 for each open alarm, by kind."""
        gauge = GaugeMetricFamily("vitrine_model_alarms", "Open alarms about data and models", labels=["kind"])
        try:
            with postgres.time_limit(CHECK_SECONDS):
                kinds = [alarm.kind for alarm in open_alarms()]
        except DatabaseError:
            return
        for kind in kinds:
            gauge.add_metric([kind], 1)
        yield gauge


def outcome(check: Callable[[], str]) -> dict[str, Any]:
    """Return whether the check passed, and its detail."""
    try:
        with postgres.time_limit(CHECK_SECONDS):
            return {"ok": True, "detail": check()}
    except (NotMigratedError, installation.ForeignStoreError, shop_ids.ForeignKeyError) as error:
        return {"ok": False, "detail": error.detail}
    except (DatabaseError, redis.RedisError, errors.DomainError) as error:
        return {"ok": False, "detail": type(error).__name__}


class ModelRefusedError(errors.Unavailable):
    """This process does not serve the live version: its files are altered or unreadable."""


class NotMigratedError(errors.Unavailable):
    """The database lacks migrations of this code, so answers may be wrong."""


def check_postgres() -> str:
    """Run a query on PostgreSQL."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "answers"


@lru_cache(maxsize=1)
def check_schema() -> str:
    """Check that the database has every migration of this code; a success is cached. Raises NotMigratedError.

    Unknown migrations are ignored: this code may be an older release that was restored.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigratedError("run manage.py migrate --database owner, then manage.py grant_app_role")
    return "migrated"


@lru_cache(maxsize=1)
def check_key() -> str:
    """Check that `MASTER_KEY` is that of this database; a success is cached. Raises ForeignKeyError."""
    shop_ids.check_key()
    return "its own"


def check_redis() -> str:
    """Ping Redis."""
    stores.client().ping()
    return "answers"


def check_stores() -> str:
    """Check that Redis and the model directory belong to this installation. Raises ForeignStoreError."""
    installation.check("REDIS_URL", "MODEL_DIR")
    return "our own"


def check_log() -> str:
    """Return the number of entries in the event log."""
    return f"{get_log().length()} entries"


def check_catalog() -> str:
    """Check that the catalog is loaded. Raises Unavailable while it is loading, because requests would wait."""
    if snapshot_refresher.loading:
        raise errors.Unavailable("the catalog is being loaded")
    return "loaded"


def check_model() -> str:
    """Return the live model version. Raises ModelRefusedError if this process does not serve it."""
    champion = live.champion()
    if champion is None:
        raise errors.NotFound("no model is live")
    if snapshot_refresher.refusal is not None:
        raise ModelRefusedError(snapshot_refresher.refusal)
    return champion.version


OPTIONAL = {"model"}
CHECKS: dict[str, Callable[[], str]] = {
    "postgres": check_postgres,
    "schema": check_schema,
    "key": check_key,
    "redis": check_redis,
    "stores": check_stores,
    "log": check_log,
    "catalog": check_catalog,
    "model": check_model,
}
