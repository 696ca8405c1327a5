"""The events room as Django sees it, and the rights of the app's database role on its functions."""

from typing import ClassVar

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """Events, the log and orders."""

    name = "events"
    verbose_name = "Events and orders"
    app_role_functions: ClassVar[tuple[str, ...]] = ("events_ensure_month(timestamptz)",)

    def ready(self) -> None:
        """Connect the consent API to the log, and register erasure and export."""
        from consents.services import log_with
        from events import personal_places, privacy
        from events.services.consent_events import write_change
        from events.services.waiting import release_for
        from events.stream import privacy as stream_privacy

        log_with(write_change, release=release_for)
        privacy.register()
        personal_places.register()
        stream_privacy.register()
