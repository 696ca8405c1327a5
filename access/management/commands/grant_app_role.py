"""Give the app's database role exactly the rights it needs. The owner runs it after migrate."""

from typing import Any, Final

from django.apps import apps
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections
from psycopg2 import sql

EVERYTHING: Final = ("SELECT", "INSERT", "UPDATE", "DELETE")
# Partitions get nothing: queries reach them through their parent, whose grants apply.
TABLES: Final = """
SELECT relname FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm') AND NOT relispartition
ORDER BY relname
"""


class Command(BaseCommand):
    """Grant the app's role its rights on every table, restricted where a room declares less.

    A room restricts a table in its AppConfig: `app_role_privileges = {"table": ("SELECT", "INSERT")}`. It opens
    functions that are closed to the public: `app_role_functions = ("name(argument types)",)`.
    """

    help = "Grant the app's database role its rights (run after migrate; safe to run again)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the role and the connection."""
        parser.add_argument("--role", default=None, help="Default: settings.DATABASE_APP_ROLE.")
        parser.add_argument(
            "--database", default="owner", choices=tuple(connections), help="The connection of the tables' owner."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Grant within one transaction."""
        role, connection = options["role"] or settings.DATABASE_APP_ROLE, connections[options["database"]]
        privileges, functions = declared()
        with connection.cursor() as cursor:
            cursor.execute("SELECT session_user = %s, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role, role])
            same, exists = cursor.fetchone()
            if same or not exists:
                reason = "is the owner itself: the audit log is then guarded by its triggers alone"
                self._skip(role, reason if same else "does not exist", failed=not same)
                return
            cursor.execute(TABLES)
            tables = [name for (name,) in cursor.fetchall()]
        if unknown := set(privileges) - set(tables):
            raise CommandError(f"declared, but not in the database: {', '.join(sorted(unknown))}")
        with connection.cursor() as cursor:
            cursor.execute(sql.SQL("; ").join(statements(role, tables, privileges, functions)))
        self.stdout.write(f"{role}: {len(tables)} tables, {len(privileges)} of them narrowed")

    def _skip(self, role: str, reason: str, *, failed: bool) -> None:
        if failed:
            raise CommandError(f"the role {role} {reason}")
        self.stderr.write(f"nothing granted: the role {role} {reason}")


def declared() -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Return the declarations of the rooms: restricted tables, and functions."""
    privileges: dict[str, tuple[str, ...]] = {}
    functions: list[str] = []
    for config in apps.get_app_configs():
        privileges.update(getattr(config, "app_role_privileges", {}))
        functions.extend(getattr(config, "app_role_functions", ()))
    return privileges, functions


def statements(
    role: str, tables: list[str], privileges: dict[str, tuple[str, ...]], functions: list[str]
) -> list[sql.Composable]:
    """Return the statements, to be run as one, so that at no moment the role has no rights or too many."""
    who = sql.Identifier(role)
    lines: list[sql.Composable] = [sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(who)]
    for table in tables:
        allowed = privileges.get(table, EVERYTHING)
        name = sql.Identifier("public", table)
        lines.append(sql.SQL("REVOKE ALL ON {} FROM {}, PUBLIC").format(name, who))
        lines.append(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(", ").join(map(sql.SQL, allowed)), name, who))
    lines.append(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(who))
    for function in functions:
        lines.append(sql.SQL("GRANT EXECUTE ON FUNCTION " + function + " TO {}").format(who))
    return lines
