"""The experiments room as Django sees it."""

from django.apps import AppConfig


class ExperimentsConfig(AppConfig):
    """Experiments, their arms, and who saw which."""

    name = "experiments"
    verbose_name = "Experiments"

    def ready(self) -> None:
        """Register what this room erases and exports, and the fields of events that its metrics read."""
        from events.allowed_fields import register_readers
        from experiments import personal_places, privacy
        from experiments.selectors.event_fields import metric_fields

        privacy.register()
        personal_places.register()
        register_readers(metric_fields)
