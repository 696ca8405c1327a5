"""Make a model version live."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from common.errors import DomainError
from modelops.services.registry import promote


class Command(BaseCommand):
    """`manage.py promote VERSION`."""

    help = "Make a model version live; every web process follows within two seconds."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument("version", help="as the admin lists it, YYYY-MM-DD.n")

    def handle(self, *args: Any, **options: Any) -> None:
        """Promote."""
        try:
            row = promote(options["version"], actor="system:command")
        except DomainError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{row.version} is live")
