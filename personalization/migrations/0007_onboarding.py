"""The onboarding placement asks what tells most, where the shop has not chosen otherwise."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def ask(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Change the strategy that the default placement was made with."""
    _change(apps, schema_editor, "popular", "onboarding")


def ask_popular(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Go back to popular products."""
    _change(apps, schema_editor, "onboarding", "popular")


def _change(apps: Apps, schema_editor: BaseDatabaseSchemaEditor, before: str, after: str) -> None:
    rows = apps.get_model("personalization", "Placement").objects.using(schema_editor.connection.alias)
    rows.filter(key="onboarding", strategy=before).update(strategy=after)


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [("personalization", "0006_exploration")]
    operations = [migrations.RunPython(ask, ask_popular)]
