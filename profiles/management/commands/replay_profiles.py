"""Rebuild all profiles from offset 0."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from common import installation
from common.exits import STOPPED
from events.log import get_log
from profiles.replay import replay


class Command(BaseCommand):
    """Delete all profiles and rebuild them: from PostgreSQL what is recorded, from the log the rest."""

    help = "Rebuild all profiles from the log's beginning. May run beside the consumers."

    def handle(self, *args: Any, **options: Any) -> None:
        """Replay with a progress bar."""
        installation.take_for_command("REDIS_URL")
        with tqdm(unit=" events", disable=None) as bar:
            try:
                count = replay(get_log(), progress=lambda more: bar.update(more))
            except KeyboardInterrupt as stop:
                message = "stopped before the end, profiles are incomplete: run it again"
                raise CommandError(message, returncode=STOPPED) from stop
        self.stdout.write(f"{count} events applied")
