"""Count again what answers showed and what became of it."""

from typing import Any

from django.core.management.base import BaseCommand

from events.services.performance import recount


class Command(BaseCommand):
    """Needed after a change of the shop's time zone or currency; the numbers are the same otherwise."""

    help = "Forget the counts of placements and count all recorded events again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Count, and say how much."""
        parts = recount()
        self.stdout.write(f"Counted {parts} hours of the log.")
