"""Print the record of processing activities (GDPR, Article 30)."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consents.selectors.processing import FORMATS, as_text, processing_record, undeclared


class Command(BaseCommand):
    """`manage.py record_of_processing`"""

    help = "Print the record of processing activities, as Markdown, CSV (one line a group of fields) or JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the format, and whether to check only."""
        parser.add_argument("--format", choices=FORMATS, default="markdown")
        parser.add_argument(
            "--check", action="store_true", help="List undeclared fields instead; exit 1 if there are any."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the record. Raises CommandError with `--check` where a field is not declared."""
        if not options["check"]:
            self.stdout.write(as_text(processing_record(), options["format"]), ending="")
        elif lines := undeclared():
            raise CommandError("\n".join(lines))
