"""Take over Redis and MODEL_DIR from an installation that no longer exists."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from audit.services import record
from common.installation import adopt


class Command(BaseCommand):
    """Write this database's identity into every store."""

    help = "Take over Redis and MODEL_DIR from an installation that is no more (see the docs on operations)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Take the stores over, and record which belonged to another installation. Raises CommandError where that
        fails.
        """
        with transaction.atomic():
            adopted, unwritten = adopt()
            data = {"stores": adopted}
            record(category="access", action="stores.adopted", actor="system:adopt_stores", object="stores", data=data)
        self.stdout.write(f"taken over from another installation: {', '.join(adopted) or 'none'}")
        if unwritten:
            raise CommandError(f"could not be written, being full or closed to us: {', '.join(unwritten)}")
