"""The operator's endpoints: liveness, readiness, metrics."""

import pytest
from django.conf import LazySettings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from common import redis as stores
from customers.models import Customer
from customers.shop_ids import NO_PSEUDONYMS, OTHER_KEY, keep_ids, newly_sealed
from personalization.serving.snapshot_refresher import SnapshotRefresher
from portal.operations import check_key, check_schema

pytestmark = pytest.mark.django_db
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


def test_healthz_needs_no_stores(client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = NOBODY_LISTENS

    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_operator_endpoints_accept_any_host(client: Client, settings: LazySettings, path: str) -> None:
    settings.ALLOWED_HOSTS = ["shop.example"]

    assert client.get(path, headers={"Host": "127.0.0.1:8000"}).status_code == 200
    assert client.get("/api/v1/products/P1", headers={"Host": "127.0.0.1:8000"}).status_code == 400
    assert client.get("/shop/", headers={"Host": "127.0.0.1:8000"}).status_code == 400


def test_ready_without_a_model(client: Client) -> None:
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"]["postgres"] == {"ok": True, "detail": "answers"}
    assert answer.json()["checks"]["model"] == {"ok": False, "detail": "NotFound"}


def test_not_ready_while_the_catalog_is_loaded(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SnapshotRefresher, "loading", True)

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["catalog"] == {"ok": False, "detail": "Unavailable"}


def test_not_ready_without_redis(client: Client, settings: LazySettings) -> None:
    settings.REDIS_URL = NOBODY_LISTENS

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "2"
    assert answer.json()["checks"]["redis"] == {"ok": False, "detail": "ConnectionError"}
    assert answer.json()["checks"]["postgres"]["ok"]


def test_not_ready_on_a_database_that_was_not_migrated(client: Client) -> None:
    newest = MigrationRecorder.Migration.objects.filter(app="personalization").latest("id")
    check_schema.cache_clear()
    newest.delete()

    before = client.get("/readyz")
    MigrationRecorder(connection).record_applied(newest.app, newest.name)
    after = client.get("/readyz")

    assert before.status_code == 503
    assert before.json()["checks"]["schema"] == {
        "ok": False,
        "detail": "run manage.py migrate --database owner, then manage.py grant_app_role",
    }
    assert (after.status_code, after.json()["checks"]["schema"]) == (200, {"ok": True, "detail": "migrated"})


def test_not_ready_with_another_master_key_or_ids_without_pseudonyms(client: Client, settings: LazySettings) -> None:
    def key() -> dict[str, object]:
        return dict(client.get("/readyz").json()["checks"]["key"])

    keep_ids(newly_sealed(["U1"]))
    check_key.cache_clear()
    with_own = settings.MASTER_KEY
    settings.MASTER_KEY = "another key of forty letters, all in all"
    assert key() == {"ok": False, "detail": OTHER_KEY}

    settings.MASTER_KEY = with_own
    before = Customer.objects.create(raw_id="user:U1")
    assert key() == {"ok": False, "detail": NO_PSEUDONYMS}

    before.delete()
    assert key() == {"ok": True, "detail": "its own"}


def test_schema_check_is_cached_after_success(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    check_schema.cache_clear()
    check_schema()

    with django_assert_num_queries(0):
        assert check_schema() == "migrated"


def test_database_ahead_of_the_code_is_ready(client: Client) -> None:
    check_schema.cache_clear()
    MigrationRecorder(connection).record_applied("personalization", "9999_of_a_later_release")

    assert client.get("/readyz").status_code == 200


def test_requests_are_counted_by_route(client: Client) -> None:
    client.get("/healthz")

    text = client.get("/metrics").content.decode()

    assert 'vitrine_requests_total{method="GET",route="healthz",status="200"}' in text


def test_unknown_paths_share_one_series(client: Client) -> None:
    client.get("/no/such/path/1")
    client.get("/no/such/path/2")

    text = client.get("/metrics").content.decode()

    assert "no/such/path" not in text
    assert 'route="unknown",status="404"' in text


def test_log_gauges_are_exported(client: Client) -> None:
    assert "vitrine_log_entries 0.0" in client.get("/metrics").content.decode()


@pytest.mark.parametrize("limit", [0, 1 << 30])
def test_redis_gauges_include_the_limit(client: Client, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    memory = {"used_memory": 12_345, "maxmemory": limit}
    monkeypatch.setattr(stores.client(), "info", lambda section: memory if section == "memory" else {})

    text = client.get("/metrics").content.decode()

    assert "\nvitrine_redis_bytes 12345.0\n" in text
    assert ("\nvitrine_redis_limit_bytes 1.073741824e+09\n" in text) is bool(limit)


def test_redis_memory_fields_exist(client: Client) -> None:
    memory = stores.client().info("memory")

    assert memory["used_memory"] > 0
    assert "maxmemory" in memory
    assert "vitrine_redis_bytes" in client.get("/metrics").content.decode()


def test_metrics_need_the_token(client: Client, settings: LazySettings) -> None:
    settings.METRICS_TOKEN, settings.METRICS_LOOPBACK = "let-me-see", False

    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer guessed"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer gu\xe9ss\xe9d"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer let-me-see"}).status_code == 200


@pytest.mark.parametrize(
    ("loopback", "headers", "status"),
    [
        (False, {}, 401),
        (False, {"Authorization": "Bearer "}, 401),
        (True, {}, 200),
        (True, {"X-Forwarded-For": "127.0.0.1"}, 401),
        (True, {"X-Forwarded-For": ""}, 401),
    ],
)
def test_without_a_token_only_this_machine_sees_metrics(
    client: Client, settings: LazySettings, loopback: bool, headers: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN, settings.METRICS_LOOPBACK = "", loopback

    assert client.get("/metrics", headers=headers).status_code == status


def test_another_machine_sees_no_metrics(client: Client, settings: LazySettings) -> None:
    settings.METRICS_LOOPBACK = True

    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 401
    assert client.get("/metrics", REMOTE_ADDR="::1").status_code == 200


def test_operator_endpoints_accept_only_get_and_head(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert stores.client().dbsize() == 0
