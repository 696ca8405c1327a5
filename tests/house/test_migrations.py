"""Migrations run while processes of the release before still work."""

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations import AddField, AddIndex, Migration
from django.db.migrations.loader import MigrationLoader


def later() -> list[tuple[str, Migration]]:
    """Return every migration of a room but its first, and the room's name."""
    migrations = MigrationLoader(None).disk_migrations.items()
    return [(room, one) for (room, _), one in migrations if room in settings.ROOMS and not one.initial]


def added_later() -> set[tuple[str, str]]:
    """Return room.model and name of every column that a migration added to a table that was there before."""
    return {
        (f"{room}.{operation.model_name}", operation.name)
        for room, migration in later()
        for operation in migration.operations
        if isinstance(operation, AddField)
    }


def test_rows_of_processes_that_do_not_know_a_column_yet_are_taken() -> None:
    columns = {
        (model._meta.label_lower, field.name): field.null or field.has_db_default()
        for model in apps.get_models()
        for field in model._meta.concrete_fields
    }

    assert [name for name in sorted(added_later()) if not columns.get(name, True)] == []


def test_indexes_are_built_beside_who_writes() -> None:
    indexes = [
        (one, operation) for _, one in later() for operation in one.operations if isinstance(operation, AddIndex)
    ]

    assert [one.name for one, operation in indexes if not isinstance(operation, AddIndexConcurrently)] == []
