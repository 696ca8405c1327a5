"""Set the groups of the roles to `access.roles`. Safe to run at every deployment."""

from typing import Any

from django.core.management.base import BaseCommand

from access.services import sync_roles


class Command(BaseCommand):
    """Make the role groups and set their permissions."""

    help = "Make the staff roles and set their permissions (run after migrate; safe to run again)."

    def handle(self, *args: Any, **options: Any) -> None:
        """Sync, and say how many permissions each role holds."""
        for role, count in sync_roles(actor="system:sync_roles").items():
            self.stdout.write(f"{role}: {count} permissions")
