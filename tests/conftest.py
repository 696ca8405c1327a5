"""What every test stands on: the stores, a clean Redis, and settings that are quick and shut off from the world."""

import os
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TYPE_CHECKING

import django
import pytest
import redis
from django.apps import apps
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import TransactionTestCase, override_settings
from hypothesis import HealthCheck, settings
from pytest_django import DjangoDbBlocker

from tests import programs
from tests.services import Services, acquire, environment, named, refuse_a_shop

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.staff import LogIn

# Two busy cores are slow, and a fixture of a function serves all its examples.
settings.register_profile(
    "vitrine", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
settings.load_profile("vitrine")

# As the tables' owner: no other role may, and the owner only by switching the triggers off.
EMPTY_AUDIT_LOG = """
DO $$
DECLARE part regclass;
BEGIN
    FOR part IN
        SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_event'::regclass
        UNION SELECT unnest(ARRAY['audit_leaf', 'audit_checkpoint', 'audit_destruction'])::regclass
    LOOP
        EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', part);
        EXECUTE format('TRUNCATE %s', part);
        EXECUTE format('ALTER TABLE %s ENABLE TRIGGER USER', part);
    END LOOP;
END $$
"""
LASTING_TABLES = {"django_content_type", "auth_permission"}
SERVICES = pytest.StashKey[Services]()
MODELS = pytest.StashKey[TemporaryDirectory[str]]()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Start the stores and name them in the environment, before Django reads it.

    The process that only hands tests out to xdist's workers takes no place and sets nothing: they would inherit it.
    """
    if getattr(config.option, "numprocesses", None) and "PYTEST_XDIST_WORKER" not in os.environ:
        # Named in a worker's environment, it would have pytest-django read the settings before the stores are known.
        os.environ.pop("DJANGO_SETTINGS_MODULE", None)
        if named():  # said here: a worker that refuses is replaced by one with other databases
            refuse_a_shop(os.environ["REDIS_URL"])
        for word in config.args:  # xdist's workers would find no test, and not say why
            if not (config.invocation_params.dir / word.split("::")[0]).exists():
                raise pytest.UsageError(f"file or directory not found: {word}")
        return
    config.stash[SERVICES] = acquire()
    # Of this process alone: another one's first version of the day has the same name.
    config.stash[MODELS] = TemporaryDirectory(prefix="vitrine-models-")
    os.environ["MODEL_DIR"] = config.stash[MODELS].name
    os.environ["AUDIT_KEY_FILE"] = f"{config.stash[MODELS].name}/audit/signing.key"
    os.environ["AUDIT_PUBLISH_TO"] = f"{config.stash[MODELS].name}/audit/checkpoints"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
    os.environ.setdefault("DEMO", "1")
    os.environ.setdefault("FAST_CLOCK", "0")  # tests of outages would count its reads
    os.environ.setdefault("TUNING_MINUTES", "0")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    django.setup()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the place in the stores back."""
    if SERVICES in config.stash:
        config.stash[SERVICES].leave()
        config.stash[MODELS].cleanup()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs a program that this machine has not; run files with slow tests first, so that none ends last.

    Every test of a browser or of an SDK is slow: it starts programs of hundreds of megabytes.
    """
    for item in items:
        if item.get_closest_marker("browser") or item.get_closest_marker("sdk_node"):
            item.add_marker("slow")
        for marker in programs.missing():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"not found: {programs.NEEDS[marker]}"))
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name in one line what was not run for want of a program."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "not found: " in str(report.longrepr)]
    if skipped:
        names = ", ".join(programs.NEEDS[marker] for marker in programs.missing())
        terminalreporter.write_line(f"{len(skipped)} tests not run, because this machine has not: {names}")


@pytest.fixture(autouse=True, scope="session")
def quick_flush() -> Iterator[None]:
    """After a test that commits, truncate the tables that have rows: a flush of all takes half a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test_case: truncate_filled_tables())
        yield


def truncate_filled_tables() -> None:
    """Empty the tables, once more after a deadlock: a thread of the test before may still read them.

    Content types and permissions stay: they depend on the models alone.
    """
    tables = sorted({*connection.introspection.django_table_names(include_views=False)} - LASTING_TABLES)
    filled_tables = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(filled_tables)
        names = ", ".join(name for (name,) in cursor.fetchall())
        if not names:
            return
        try:
            cursor.execute(f"TRUNCATE {names} CASCADE")
        except OperationalError:
            cursor.execute(f"TRUNCATE {names} CASCADE")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """End what this session's own servers still hold before its database is dropped.

    A thread behind a browser's kept-alive socket, or the backend of a server that ended a moment ago, is still
    connected then, and PostgreSQL drops no database that somebody uses.
    """
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            # PostgreSQL's own autovacuum is not ours to end; dropping a database ends it.
            " AND backend_type = 'client backend'"
        )


@pytest.fixture(scope="session", autouse=True)
def quick_settings() -> Iterator[None]:
    """Hash passwords quickly and serve static files without a manifest."""
    static = "django.contrib.staticfiles.storage.StaticFilesStorage"
    storages = {**django_settings.STORAGES, "staticfiles": {"BACKEND": static}}
    with override_settings(
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        STORAGES=storages,
        # Static files are looked up when asked for, so that no test waits for their collection.
        WHITENOISE_AUTOREFRESH=True,
        WHITENOISE_USE_FINDERS=True,
        # No thread of this process outlives a test and writes into the next one's log.
        SERVING_REFRESH="inline",
    ):
        yield


@pytest.fixture(scope="session")
def redis_clients() -> Iterator[list[redis.Redis]]:
    """Clients of the Redis databases that belong to this session."""
    urls = (django_settings.REDIS_URL, django_settings.REDIS_BROKER_URL, django_settings.REDIS_CHANNELS_URL)
    clients = [redis.Redis.from_url(url) for url in urls]
    for client in clients:
        client.flushdb()  # of a session that was killed: its database is no more
    yield clients
    for client in clients:
        client.close()


@pytest.fixture(autouse=True)
def clean_redis(redis_clients: list[redis.Redis]) -> Iterator[None]:
    """Empty this session's Redis databases after each test, and what this process would still write into them.

    A database that a test declared dead is alive again, and its rules of consent are remembered by no later one.
    """
    yield
    from common import postgres
    from consents.selectors import forget_terms
    from customers.shop_ids import forget_sealed
    from events.allowed_fields import forget_list
    from events.dropped_fields import drop_counter
    from events.stream.tail import tail
    from experiments.selectors.live import live_experiments
    from experiments.services.sticky import arm_keeper
    from personalization.serving.exposures import exposures
    from personalization.serving.shoppers import shopper_cache

    exposures.forget()
    arm_keeper.forget()
    live_experiments.forget()
    shopper_cache.clear()
    forget_terms()
    forget_sealed()
    forget_list()
    drop_counter.forget()
    postgres.cooldown.clear()
    tail.forget()
    Path(django_settings.ERASURE_MARKS_FILE).unlink(missing_ok=True)
    for client in redis_clients:
        client.flushdb()


@pytest.fixture
def every_field_allowed(db: None) -> None:
    """Allow all fields of events, for tests of what else happens to them."""
    from events.allowed_fields import forget_list
    from events.field_list import PARTS
    from events.models import AllowedField

    purposes = ["essential"]
    AllowedField.objects.bulk_create(AllowedField(path=f"{part}*", purposes=purposes) for part in PARTS)
    forget_list()


@pytest.fixture(autouse=True)
def filled(request: pytest.FixtureRequest, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Give each test the rows that migrations fill in, and the next one an empty audit log.

    A test that commits is followed by a flush, which takes those rows and runs later than any fixture here: so they are
    put back before a test, not after. The audit log's triggers keep the flush out, so it is emptied by hand.
    """
    marker = request.node.get_closest_marker("django_db")
    commits = "transactional_db" in request.fixturenames or (marker is not None and marker.kwargs.get("transaction"))
    if marker is not None or not {"db", "transactional_db"}.isdisjoint(request.fixturenames):
        with django_db_blocker.unblock():
            fill()
    yield
    if commits:
        with django_db_blocker.unblock():
            empty_audit_log()


def fill() -> None:
    """Put back the rows of migrations that a flush took."""
    from consents.models import Purpose
    from personalization.selectors.placements import active_placements

    editor = SimpleNamespace(connection=connection)
    if not active_placements():
        import_module("personalization.migrations.0002_default_placements").create(apps, editor)
    if not Purpose.objects.exists():
        import_module("consents.migrations.0002_seed_purposes").seed(apps, editor)


def empty_audit_log() -> None:
    """Empty it as the tables' owner."""
    with connection.cursor() as cursor:
        cursor.execute(EMPTY_AUDIT_LOG)


@pytest.fixture
def process_environment(transactional_db: None) -> dict[str, str]:
    """As `environment` says, in a test that commits what such a process shall see."""
    return environment()


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    """One Chromium for the session: Playwright's loop runs once a process."""
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; Django must not take our own queries for calls from a coroutine.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=programs.chromium(), args=programs.CHROMIUM_FLAGS)
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def log_in(db: None) -> "LogIn":
    """Logs somebody of a role in, see `staff`, and returns their browser; named as the role unless told otherwise."""
    from tests.staff import staff

    return lambda role, name=None: staff(name or role or "root", role)
