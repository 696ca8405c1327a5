"""The operator's doors: is the process alive, can it serve, and what does it count."""

import hmac
import os
from collections.abc import Callable, Iterator
from functools import lru_cache
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
from events.consumer import lags
from events.log import get_log
from modelops import live
from modelops.selectors.overview import open_alarms
from personalization.serving.snapshot_refresher import keeper

RETRY_SECONDS = 2
CHECK_SECONDS = 1.0
"""What a check waits for PostgreSQL: who asks whether we are ready does not wait long."""


@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """Answer 200 as long as the process handles requests, whatever it depends on."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when requests can be served, 503 when a store that they need is down, not migrated or another's.

    A missing model is shown, but recommendations are answered without one.
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
    """Answer the counters of every process of this machine in Prometheus's text format."""
    if settings.METRICS_TOKEN and not hmac.compare_digest(bearer(request).encode(), settings.METRICS_TOKEN.encode()):
        return respond(errors.Unauthenticated("send the metrics token as a Bearer token"))
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def bearer(request: HttpRequest) -> str:
    """Return the Bearer token of the request, or nothing."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""


def registry() -> CollectorRegistry:
    """Return the counters of all workers where they share a folder, else this process's own."""
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
    """What the event log holds, asked when Prometheus asks; absent while the log does not answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges."""
        log = get_log()
        try:
            entries, size = log.length(), log.size_bytes()
        except errors.Unavailable:
            return
        yield GaugeMetricFamily("vitrine_log_entries", "Entries that the event log keeps", value=entries)
        yield GaugeMetricFamily("vitrine_log_bytes", "Bytes that count against the event log's limit", value=size)
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
    """What Redis holds and may hold: log, profiles and decisions together; absent while it does not answer."""

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges; a store without a limit has none."""
        try:
            told = stores.client().info("memory")
        except redis.RedisError:
            return
        yield GaugeMetricFamily("vitrine_redis_bytes", "Bytes that Redis uses", value=told["used_memory"])
        if limit := told.get("maxmemory"):
            yield GaugeMetricFamily("vitrine_redis_limit_bytes", "Bytes that Redis may use", value=limit)


class AlarmGauges(Collector):
    """Which alarms about data and models are open, asked when Prometheus asks; absent while PostgreSQL is down."""

    def collect(self) -> Iterator[Metric]:
        """Yield 1 for each open alarm, by what it is about."""
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
    """Return whether the check passed, and what it said."""
    try:
        with postgres.time_limit(CHECK_SECONDS):
            return {"ok": True, "detail": check()}
    except (NotMigratedError, installation.ForeignStoreError) as error:
        return {"ok": False, "detail": error.detail}
    except (DatabaseError, redis.RedisError, errors.DomainError) as error:
        return {"ok": False, "detail": type(error).__name__}


class ModelRefusedError(errors.Unavailable):
    """The released version is not what this process serves with: its files are altered or cannot be read."""


class NotMigratedError(errors.Unavailable):
    """The database lacks migrations of this code: what it answers may be wrong, or an error."""


def check_postgres() -> str:
    """Ask PostgreSQL for a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "answers"


@lru_cache(maxsize=1)
def check_schema() -> str:
    """Say that the database has every migration of this code, asked until it has. Raises NotMigratedError.

    Migrations that the code does not know are none of its business: it may be the one of before, put back.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigratedError("run manage.py migrate --database owner, then manage.py grant_app_role")
    return "migrated"


def check_redis() -> str:
    """Ask Redis for a sign of life."""
    stores.client().ping()
    return "answers"


def check_stores() -> str:
    """Say that Redis and the model directory are nobody else's. Raises ForeignStoreError."""
    installation.check("REDIS_URL", "MODEL_DIR")
    return "our own"


def check_log() -> str:
    """Ask the event log how much it holds."""
    return f"{get_log().length()} entries"


def check_catalogue() -> str:
    """Say whether this process may answer at once. Raises Unavailable while it loads the catalogue: requests wait."""
    if keeper.loading:
        raise errors.Unavailable("the catalogue is being loaded")
    return "loaded"


def check_model() -> str:
    """Name the released model version. Raises ModelRefusedError where this process does not serve with it."""
    champion = live.champion()
    if champion is None:
        raise errors.NotFound("no model is released")
    if keeper.refused is not None:
        raise ModelRefusedError(keeper.refused)
    return champion.version


OPTIONAL = {"model"}
CHECKS: dict[str, Callable[[], str]] = {
    "postgres": check_postgres,
    "schema": check_schema,
    "redis": check_redis,
    "stores": check_stores,
    "log": check_log,
    "catalogue": check_catalogue,
    "model": check_model,
}
