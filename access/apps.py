"""The access room as Django sees it."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Staff users, roles and API keys."""

    name = "access"
    verbose_name = "Access"
    default_auto_field = "django.db.models.BigAutoField"
