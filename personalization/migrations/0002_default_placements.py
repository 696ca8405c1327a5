"""The placements every shop starts with; a shop may change each of them, so they are made only where missing."""

from typing import Any

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

FILL = ["trending", "popular", "catalog_order"]
DEFAULTS: list[dict[str, Any]] = [
    {"key": "home", "name": "Home page", "recent_item_slots": 1, "explore_share": 0.1},
    {"key": "product", "name": "Product page: recommended for you", "about": "product"},
    {
        "key": "similar",
        "name": "Product page: similar products",
        "about": "product",
        "strategy": "substitutes",
        "fallback": FILL,
    },
    {
        "key": "bundle",
        "name": "Product page: goes well with it",
        "about": "product",
        "strategy": "complements",
        "fallback": ["bought_together", *FILL],
        "size": 4,
        "max_per_category": 2,
        "repeat": False,
    },
    {
        "key": "cart",
        "name": "Cart: goes well with it",
        "about": "cart",
        "strategy": "basket",
        "fallback": ["complements", "bought_together", *FILL],
        "size": 6,
        "max_per_category": 2,
    },
    {"key": "trending", "name": "Trending now", "strategy": "trending"},
    {"key": "recent", "name": "Recently viewed", "strategy": "recent"},
    {"key": "onboarding", "name": "Questions to a newcomer", "strategy": "onboarding", "max_per_category": 2},
]


def create(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Add the missing defaults."""
    model = apps.get_model("personalization", "Placement")
    for row in DEFAULTS:
        model.objects.using(schema_editor.connection.alias).get_or_create(
            key=row["key"], defaults={"fallback": FILL, **row}
        )


class Migration(migrations.Migration):
    """Data only."""

    dependencies = [("personalization", "0001_initial")]
    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
