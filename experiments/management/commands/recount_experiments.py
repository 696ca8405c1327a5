"""Count again who saw which arm of the live experiments, and what they did then."""

from typing import Any

from django.core.management.base import BaseCommand

from experiments.services.measuring import recount


class Command(BaseCommand):
    """Needed after products got other costs, which margins follow. The numbers are the same otherwise."""

    help = "Count the numbers of all live experiments again from the recorded events."

    def handle(self, *args: Any, **options: Any) -> None:
        """Count, and say what. Pages show the old numbers until the end."""
        keys = recount()
        self.stdout.write(f"Counted {len(keys)} experiments: {', '.join(sorted(keys)) or 'none is live'}.")
