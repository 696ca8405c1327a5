"""The purposes every shop starts with."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

# name, title, description, legal basis, data categories, retention in days, sale or share
SEEDS = [
    (
        "essential",
        "Running the shop",
        "Keeps the cart, takes the order, prevents abuse, and remembers what you decided about all else.",
        "contract",
        ["orders", "consent decisions"],
        3650,
        False,
    ),
    (
        "analytics",
        "Understanding how the shop is used",
        "Counts which pages and products are looked at, so that the shop can be improved.",
        "consent",
        ["browsing", "searches", "device type"],
        395,
        False,
    ),
    (
        "personalization",
        "Showing what fits you",
        "Builds a profile of what you look at and buy, and picks products by it.",
        "consent",
        ["browsing", "purchases", "ratings"],
        730,
        False,
    ),
    (
        "cross_device",
        "Recognizing you on your other devices",
        "Joins what you do before you log in with your account.",
        "consent",
        ["identifiers"],
        730,
        False,
    ),
    (
        "train_models",
        "Teaching the recommender",
        "Uses your visits and purchases, without your name, to learn which products go together.",
        "consent",
        ["browsing", "purchases", "ratings"],
        730,
        False,
    ),
    (
        "experiments",
        "Comparing versions of the shop",
        "Shows you one of several versions and measures which serves shoppers better.",
        "consent",
        ["assignments", "browsing", "purchases"],
        395,
        False,
    ),
    (
        "crm_sync",
        "Keeping our customer service informed",
        "Copies your segments and order history to the shop's customer database.",
        "consent",
        ["contact details", "purchases", "segments"],
        730,
        False,
    ),
    (
        "ads_share",
        "Advertising elsewhere",
        "Tells advertising networks what you looked at, so that they show it to you on other sites.",
        "consent",
        ["browsing", "identifiers"],
        395,
        True,
    ),
]


def seed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Write version 1 of each purpose."""
    purpose = apps.get_model("consents", "Purpose")
    purpose.objects.using(schema_editor.connection.alias).bulk_create(
        [
            purpose(
                name=name,
                version=1,
                title=title,
                description=description,
                legal_basis=basis,
                data_categories=categories,
                retention_days=days,
                sale_or_share=share,
            )
            for name, title, description, basis, categories, days, share in SEEDS
        ],
        ignore_conflicts=True,
    )


class Migration(migrations.Migration):
    """Seeds; going back leaves them, because decisions may point to them."""

    dependencies = [("consents", "0001_initial")]
    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
