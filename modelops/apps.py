"""The modelops room."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class ModelopsConfig(AppConfig):
    """Training runs, model versions and their promotion."""

    name = "modelops"
    verbose_name = "Models"

    def ready(self) -> None:
        """Raise ImproperlyConfigured for an unknown source in EXTRA_SOURCES; each night's training would fail."""
        from recsys.training.plan import OPTIONAL

        if unknown_sources := sorted({*settings.EXTRA_SOURCES} - {*OPTIONAL}):
            raise ImproperlyConfigured(
                f"EXTRA_SOURCES: {', '.join(unknown_sources)}: expected some of {', '.join(OPTIONAL)}"
            )
