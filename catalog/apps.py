"""The catalog room as Django sees it."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CatalogConfig(AppConfig):
    """Products."""

    name = "catalog"
    verbose_name = "Catalog"

    def ready(self) -> None:
        """Look after each migration for what a restore left behind."""
        from catalog.restored import after_migrate

        post_migrate.connect(after_migrate, sender=self)
