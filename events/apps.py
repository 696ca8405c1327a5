"""The events room as Django sees it, and what the app's database role may do to its tables."""

from typing import ClassVar

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """What happened."""

    name = "events"
    verbose_name = "Events and orders"
    app_role_functions: ClassVar[tuple[str, ...]] = ("events_ensure_month(timestamptz)",)

    def ready(self) -> None:
        """Say where the consent door writes its decisions, and register what this room erases and exports."""
        from consents.services import log_with
        from events import privacy
        from events.services.journal import write_change

        log_with(write_change)
        privacy.register()
