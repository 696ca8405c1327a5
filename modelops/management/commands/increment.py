"""Make an increment of the live model now."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from modelops.services.increments import run_increment


class Command(BaseCommand):
    """`manage.py increment`."""

    help = "Fit the quick sources and the facts of the live model again on all events until now."

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the increment, due or not."""
        try:
            self.stdout.write(run_increment(forced=True, actor="system:command"))
        except DomainError as error:
            raise CommandError(error.detail) from error
