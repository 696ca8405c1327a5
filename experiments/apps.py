"""The experiments room as Django sees it."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Experiments, their arms, and who saw which."""

    name = "experiments"
    verbose_name = "Experiments"

    def ready(self) -> None:
        """Register what this room erases and exports."""
        from experiments import personal_places, privacy

        privacy.register()
        personal_places.register()
