"""Write the consent cache in Redis anew from PostgreSQL, for instance after Redis was lost."""

from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from common import installation
from consents import cache_updates
from consents.services import suppression


class Command(BaseCommand):
    """`manage.py rebuild_consents`"""

    help = "Rebuild the consent cache in Redis from PostgreSQL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Rebuild with a progress bar."""
        installation.take_for_command("REDIS_URL")
        with tqdm(total=cache_updates.size(), unit="decision") as bar:
            suppression.repair_marks()
            for done in cache_updates.rebuild():
                bar.update(done)
        self.stdout.write(f"{bar.n} decisions in the consent cache.")
