"""The app's database role gets what it needs, and what a room declares less of, it gets less of."""

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

pytestmark = pytest.mark.django_db
ALL = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")


def rights(table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT p FROM unnest(%s) p WHERE has_table_privilege(%s, %s, p)",
            [list(ALL), settings.DATABASE_APP_ROLE, table],
        )
        return sorted(name for (name,) in cursor.fetchall())


def test_rights_are_granted_narrowed_and_again_the_same() -> None:
    for _ in range(2):
        call_command("grant_app_role", database="default", verbosity=0)

        assert rights("catalog_product") == ["DELETE", "INSERT", "SELECT", "UPDATE"]
        assert rights("audit_event") == ["INSERT", "SELECT"]
        assert rights("audit_detail") == ["INSERT", "SELECT"]


def test_a_right_too_many_is_taken_back() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f'GRANT ALL ON audit_event TO "{settings.DATABASE_APP_ROLE}"')

    call_command("grant_app_role", database="default", verbosity=0)

    assert rights("audit_event") == ["INSERT", "SELECT"]


def test_partitions_are_reached_through_their_parent_alone() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'audit_event'::regclass")
        months = [name for (name,) in cursor.fetchall()]

    call_command("grant_app_role", database="default", verbosity=0)

    assert len(months) >= 2
    assert [rights(month) for month in months] == [[]] * len(months)


def test_a_role_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(CommandError, match="does not exist"):
        call_command("grant_app_role", role="nobody_at_all", database="default")


def test_a_role_that_owns_everything_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("grant_app_role", role=settings.DATABASES["default"]["USER"], database="default")

    assert "guarded by its triggers alone" in capsys.readouterr().err
