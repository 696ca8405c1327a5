"""The app's role, as production has it."""

from contextlib import AbstractContextManager

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection


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
