"""The consents room as Django sees it."""

from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string


class ConsentsConfig(AppConfig):
    """Purposes, decisions and their proof."""

    name = "consents"
    verbose_name = "Consents"

    def ready(self) -> None:
        """Register what this room erases and exports. Raises ImproperlyConfigured where the resolver is not found."""
        from common import privacy
        from consents import personal_places
        from consents.privacy import STORE

        privacy.register(STORE)
        personal_places.register()
        try:
            if settings.CONSENT_REGION_RESOLVER:
                import_string(settings.CONSENT_REGION_RESOLVER)
        except ImportError as error:
            raise ImproperlyConfigured(f"CONSENT_REGION_RESOLVER: {error}") from error
