"""Compare the stored audit log with its signed tree."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.services.verification import verify_log


class Command(BaseCommand):
    """The result also stands on the page of the audit log."""

    help = "Compare the stored audit log with its signed tree. Outsiders verify an export instead."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the result. Raises CommandError if something is wrong."""
        row = verify_log()
        if row.problems:
            raise CommandError("NOT VERIFIED:\n" + "\n".join(f"- {problem}" for problem in row.problems))
        self.stdout.write(f"Verified: {row.size:,} events in {row.seconds:.1f} s")
