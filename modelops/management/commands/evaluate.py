"""`manage.py evaluate PATH`: `python -m recsys evaluate` with this installation's weights. Needs no database."""

from argparse import ArgumentParser, Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from common.credentials import masked
from recsys.evaluation.command_line import Defaults, Refused, add_arguments, run


class Command(BaseCommand):
    """Judges what the pipeline would release, on data in files."""

    help = (
        "Train on interactions.parquet (and items, shoppers) of a folder, judge on its last part, compare with peers."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Name the folder and what to write."""
        add_arguments(parser, _defaults())

    def handle(self, *args: Any, **options: Any) -> None:
        """Evaluate; refuse in words without passwords."""
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
