"""The personalization room."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured


class PersonalizationConfig(AppConfig):
    """Placements, rules, model versions, and what serves them."""

    name = "personalization"
    verbose_name = "Personalization"

    def ready(self) -> None:
        """Raise ImproperlyConfigured where a source is named that there is not: each night's training would fail."""
        from personalization.training.plan import OPTIONAL

        if unknown := sorted({*settings.EXTRA_SOURCES} - {*OPTIONAL}):
            raise ImproperlyConfigured(f"EXTRA_SOURCES: {', '.join(unknown)}: expected some of {', '.join(OPTIONAL)}")
