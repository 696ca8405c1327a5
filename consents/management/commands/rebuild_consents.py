"""Write the consent mirror in Redis anew from PostgreSQL, for instance after Redis was lost."""

from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from common import installation
from consents import mirroring


class Command(BaseCommand):
    """`manage.py rebuild_consents`"""

    help = "Rebuild the consent mirror in Redis from PostgreSQL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild with a progress bar."""
        installation.take_for_command("REDIS_URL")
        with tqdm(total=mirroring.size(), unit="decision") as bar:
            for done in mirroring.rebuild():
                bar.update(done)
        self.stdout.write(f"{bar.n} decisions in the mirror.")
