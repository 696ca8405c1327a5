"""Write an export of the audit log to a zip file, with the program that verifies it."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.export_files import EventMissing
from audit.models import ExportFormat
from audit.selectors.segments import EXACT, segment_of
from audit.services import exports
from common.errors import InvalidInput


def moment(text: str) -> datetime:
    """Return a date or time as aware UTC. Raises ArgumentTypeError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(f"{text!r} is no date such as 2026-11-01 or 2026-11-01T12:00") from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class Command(BaseCommand):
    """The export is itself recorded."""

    help = "Export the audit log to a zip file. It holds verify_audit.py, which needs Python alone."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file, the format and the filter."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--format", choices=ExportFormat.values, default="jsonl")
        parser.add_argument("--since", type=moment, help="From then on: 2026-11-01 or 2026-11-01T12:00 (UTC).")
        parser.add_argument("--until", type=moment, help="Before then.")
        for name in EXACT:
            parser.add_argument(f"--{name}", help="A shopper: user:ID, anonymous:ID." if name == "subject" else None)

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, and say how to verify it."""
        try:
            declared = exports.declared_filter(
                since=options["since"], until=options["until"], **{name: options[name] for name in EXACT}
            )
            segment = segment_of(declared)
            if segment is None:
                raise CommandError(exports.NO_EVENTS)
            written = exports.write_file(
                options["file"], segment, format=options["format"], declared=declared, progress=self._progress
            )
        except (InvalidInput, EventMissing, ImproperlyConfigured, OSError) as error:
            raise CommandError(str(error)) from error
        exports.record_command(format=options["format"], declared=declared, segment=segment, written=written)
        self.stdout.write(f"{written.rows:,} events in full, {written.bare:,} as hashes: {options['file']}")

    def _progress(self, position: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{position:,} events", ending="")
