"""The log's signing key: a file beside the data, never in the database, whose owner could otherwise forge the log."""

import contextlib
import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from audit.notes import BadNote, Signer, new_signer, parse_signer

SUFFIX: Final = "/audit"


def signer() -> Signer:
    """Return the log's key. Raises ImproperlyConfigured without one."""
    path = Path(settings.AUDIT_KEY_FILE)
    try:
        return parse_signer(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ImproperlyConfigured(
            f"AUDIT_KEY_FILE: {path} is missing. Bring it back from your backup: the log continues with its key alone."
        ) from error
    except (OSError, UnicodeDecodeError, BadNote) as error:
        raise ImproperlyConfigured(f"AUDIT_KEY_FILE: {path} cannot be read: {error}") from error


def create_key() -> None:
    """Create the key, unless there is one. For a log that has no checkpoint yet.

    Two processes may do so at once: the file appears whole, and the first one stays.
    """
    path = Path(settings.AUDIT_KEY_FILE)
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(f"{new_signer(origin())}\n")
    with contextlib.suppress(FileExistsError):
        os.link(draft, path)
    draft.unlink()


def origin() -> str:
    """Return the name of a new log and its key: the address of the installation without its scheme."""
    return urlsplit(settings.PUBLIC_URL).netloc.replace("+", "-") + SUFFIX
