"""The consents room as Django sees it."""

from django.apps import AppConfig


class ConsentsConfig(AppConfig):
    """Purposes, decisions and their proof."""

    name = "consents"
    verbose_name = "Consents"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register what this room erases and exports."""
        from consents import privacy

        privacy.register()
