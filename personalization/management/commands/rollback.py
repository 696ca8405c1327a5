"""Make the model version live again that was live before."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from personalization.services.registry import roll_back


class Command(BaseCommand):
    """`manage.py rollback`."""

    help = "Make the version live again that was live before the present one."

    def handle(self, *args: Any, **options: Any) -> None:
        """Roll back."""
        try:
            row = roll_back(actor="system:command")
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{row.version} is live again")
