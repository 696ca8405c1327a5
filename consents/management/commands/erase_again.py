"""Erase again whom a restored backup brought back, and repair the marks of erased ids."""

from typing import Any

from django.core.management.base import BaseCommand

from common import installation
from consents.services.suppression import repair_marks


class Command(BaseCommand):
    """`manage.py erase_again`"""

    help = "After a restore, before the shop opens: erase again whoever was erased since the backup."

    def handle(self, *args: Any, **options: Any) -> None:
        """Repair the marks; a store that lacked some is searched for the shoppers they belong to."""
        installation.take_for_command("REDIS_URL")
        count = repair_marks()
        self.stdout.write(f"{count} marks of erased ids were repaired. Nobody of them is in a store.")
