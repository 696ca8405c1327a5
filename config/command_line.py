"""The outermost part of `manage.py`: errors of settings and stores end in a sentence instead of a traceback."""

import sys
from typing import Final

from common.exits import STOPPED

# PostgreSQL's codes for an unknown table, column or function, and for a missing right.
NOT_MIGRATED: Final = ("42P01", "42703", "42883")
NOT_GRANTED: Final = "42501"


def run(words: list[str]) -> None:
    """Run the command. Raises SystemExit with a sentence for errors that an operator can fix, unless `--traceback` is
    given.
    """
    try:
        execute(words)
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped before the end\n")
        raise SystemExit(STOPPED) from None
    except Exception as error:
        message = "" if "--traceback" in words else sentence(error)
        if not message:
            raise
        raise SystemExit(message) from None


def execute(words: list[str]) -> None:
    """Run the command as Django does, which reads the settings first."""
    from django.core.management import execute_from_command_line

    execute_from_command_line(words)


def sentence(error: Exception) -> str:
    """Return the error and the next step; "" if the error is a bug."""
    import redis
    from django.core.exceptions import ImproperlyConfigured
    from django.db import InterfaceError, OperationalError, ProgrammingError
    from kombu.exceptions import OperationalError as BrokerError

    from common.errors import DomainError
    from config.env import BadSetting

    match error:
        case BadSetting() | ImproperlyConfigured():
            return f"{error}\nThe environment says so: docs/operations.md tells what each setting means."
        case OperationalError() | InterfaceError():
            return (
                f"PostgreSQL: {str(error).strip()}\n"
                "Start it (`make demo` brings one of its own), or name another in DATABASE_URL and DATABASE_OWNER_URL; "
                "then run this again."
            )
        case ProgrammingError() if _code(error) in NOT_MIGRATED:
            return (
                f"The database is not as this code needs it: {str(error).splitlines()[0]}\n"
                "Run manage.py migrate --database owner, manage.py grant_app_role and manage.py sync_roles, then this."
            )
        case ProgrammingError() if _code(error) == NOT_GRANTED:
            return f"{str(error).strip()}\nRun manage.py grant_app_role (DATABASE_OWNER_URL), then this again."
        case redis.RedisError() | BrokerError():
            return f"Redis: {error}\nStart it, or name another in REDIS_URL (REDIS_BROKER_URL); then run this again."
        case DomainError():
            return error.detail
    return ""


def _code(error: Exception) -> str:
    return getattr(error.__cause__, "pgcode", None) or ""
