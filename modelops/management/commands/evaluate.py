"""`manage.py evaluate PATH`: `python -m recsys evaluate` with this installation's weights. Needs no database."""

from argparse import ArgumentParser, Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.credentials import masked
from recsys.evaluation.command_line import Defaults, Refused, add_arguments, run


class Command(BaseCommand):
    """Evaluates, on data in files, the model that the pipeline would release."""

    help = (
        "Train on interactions.parquet (and items, shoppers) of a folder, evaluate on its last part, and compare with "
        "peers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the arguments."""
        add_arguments(parser, _defaults())

    def handle(self, *args: Any, **options: Any) -> None:
        """Evaluate; error messages have passwords masked."""
        try:
            run(
                Namespace(**options),
                defaults=_defaults(),
                out=self.stdout.write,
                warn=lambda line: self.stderr.write(masked(line)),
            )
        except Refused as refusal:
            raise CommandError(masked(str(refusal)), returncode=refusal.code) from refusal


def _defaults() -> Defaults:
    return Defaults(settings.EVENT_WEIGHTS, settings.EXPOSURE_STRENGTH)
