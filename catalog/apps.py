"""The catalog room as Django sees it."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CatalogConfig(AppConfig):
    """Products."""

    name = "catalog"
    verbose_name = "Catalogue"

    def ready(self) -> None:
        """Reset transaction ids after each migration, in case the database was restored."""
        from catalog.transaction_ids import after_migrate

        post_migrate.connect(after_migrate, sender=self)
