"""The personalization room."""

from typing import Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

RESET = """
UPDATE personalization_rulestate SET xid = 0 WHERE xid > pg_current_xact_id()::text::bigint
"""
"""After a restore on another cluster, whose transactions count from a few hundred."""


class PersonalizationConfig(AppConfig):
    """Placements, rules, and what serves them."""

    name = "personalization"
    verbose_name = "Personalization"

    def ready(self) -> None:
        """Show at products which rules touch them; reset transaction ids after each migration.

        The database may have been restored.
        """
        from catalog.product_panels import register, register_label
        from personalization.payload_kinds import register_kinds

        register("personalization.admin.product_rules.panel")
        register_label("personalization.services.hidden_products.labels")
        register_kinds()
        post_migrate.connect(after_migrate, sender=self)


def after_migrate(using: str, **_: Any) -> None:
    """Reset transaction ids that no transaction of this cluster has reached."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.personalization_rulestate')")
        if cursor.fetchone()[0]:
            cursor.execute(RESET)
