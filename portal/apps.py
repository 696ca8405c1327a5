"""The Django app of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Pages that read more than one room."""

    name = "portal"

    def ready(self) -> None:
        """Register the sessions of the demo shop for erasure and export."""
        from portal import personal_places, privacy

        privacy.register()
        personal_places.register()
