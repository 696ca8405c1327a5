"""Make the previously live model version live again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from modelops.live import champion
from modelops.services.registry import roll_back


class Command(BaseCommand):
    """`manage.py rollback`."""

    help = "Make the previously live version live again."

    def handle(self, *args: Any, **options: Any) -> None:
        """Roll back from the version that is live now; a roll-back that waits for another one does not undo it."""
        live = champion()
        try:
            row = roll_back(actor="system:command", over=live.version if live else "")
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{row.version} is live again")
