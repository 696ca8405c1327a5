"""The catalog room as Django sees it."""

from django.apps import AppConfig


class CatalogConfig(AppConfig):
    """Products."""

    name = "catalog"
    verbose_name = "Catalogue"
    default_auto_field = "django.db.models.BigAutoField"
