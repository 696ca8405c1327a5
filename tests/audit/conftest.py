"""The app's role, as production has it."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings


@pytest.fixture
def as_app_role(db: None) -> "type[AppRole]":
    """Let a block run as the app's database role, with just the grants that `grant_app_role` gives."""
    call_command("grant_app_role", database="default", verbosity=0)
    return AppRole


class AppRole(AbstractContextManager[None]):
    """`with AppRole():` what follows is asked by the app's role."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f'SET ROLE "{settings.DATABASE_APP_ROLE}"')

    def __exit__(self, *exc: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("RESET ROLE")


GUARDED = ("audit_event", "audit_leaf", "audit_checkpoint", "audit_pending")


@contextmanager
def behind_triggers() -> Iterator[None]:
    """Do what the owner of the database can: write with the triggers switched off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        yield
        for table in GUARDED:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@pytest.fixture
def any_time(db: None) -> None:
    """Let the log take events of any time, until the test is rolled back."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('audit_admit'::regproc)")
        cursor.execute(cursor.fetchone()[0].replace("1 minute", "100 years"))


@pytest.fixture
def key_file(settings: Settings, tmp_path: Path) -> Path:
    """A key file of this test alone."""
    settings.AUDIT_KEY_FILE = tmp_path / "signing.key"
    settings.AUDIT_PUBLISH_TO = str(tmp_path / "checkpoints")
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "signing.key"


def put_events(count: int, *, actor: str = "staff:4", subject: str | None = None, at_once: int = 100) -> None:
    """Record and sequence events about the products P0, P1, …"""
    from audit.services import record
    from audit.services.sequencing import sequence

    for number in range(count):
        record(category="catalog", action="product.put", actor=actor, object=f"product:P{number}", subject=subject)
    while sequence(most=at_once):
        pass
