"""Migrations run while processes of the release before still work."""

from django.apps import apps
from django.conf import settings
from django.db.migrations import AddField
from django.db.migrations.loader import MigrationLoader


def added_later() -> set[tuple[str, str]]:
    """Return room.model and name of every column that a migration added to a table that was there before."""
    return {
        (f"{room}.{operation.model_name}", operation.name)
        for (room, _), migration in MigrationLoader(None).disk_migrations.items()
        if room in settings.ROOMS and not migration.initial
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
    assert len(added_later()) > 10
