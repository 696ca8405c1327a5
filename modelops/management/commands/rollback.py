"""Make the model version live again that was live before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from modelops.live import champion
from modelops.services.registry import roll_back


class Command(BaseCommand):
    """`manage.py rollback`."""

    help = "Make the version live again that was live before the present one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Roll back from what is live now: who waits for another one's roll-back does not undo it."""
        live = champion()
        try:
            row = roll_back(actor="system:command", over=live.version if live else "")
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{row.version} is live again")
