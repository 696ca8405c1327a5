"""Until the first tag a room has one migration for its tables; later ones only write rows."""

from django.conf import settings
from django.db.migrations import RunPython
from django.db.migrations.loader import MigrationLoader


def test_the_initial_migration_makes_all_of_a_rooms_tables() -> None:
    migrations = MigrationLoader(None).disk_migrations.items()
    later = {key: one for key, one in migrations if key[0] in settings.ROOMS and not one.initial}

    changes = [key for key, one in later.items() if any(not isinstance(step, RunPython) for step in one.operations)]

    assert changes == []
