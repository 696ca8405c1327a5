"""The profiles room as Django sees it."""

from django.apps import AppConfig


class ProfilesConfig(AppConfig):
    """Histories and traits."""

    name = "profiles"
    verbose_name = "Profiles"

    def ready(self) -> None:
        """Register what this room erases and exports."""
        from profiles import personal_places, privacy

        privacy.register()
        personal_places.register()
