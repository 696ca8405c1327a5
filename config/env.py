"""Typed reads of the environment, which fail loudly on what they cannot understand."""

import json
import math
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn

ROOT = Path(__file__).resolve().parent.parent
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
# Of libpq: a host that is gone says nothing, and Linux would wait for it a quarter of an hour. Seconds, but for the
# first, which is in milliseconds. A host that does not know them goes without.
PATIENCE = {
    "tcp_user_timeout": "5000",
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
}


class BadSetting(Exception):
    """An environment variable holds something that its setting cannot mean."""


def text(name: str, default: str = "") -> str:
    """Return the variable as it stands."""
    return os.environ.get(name, default)


def secret(name: str, *, least: int) -> str:
    """Return the variable as it stands: empty, or of `least` characters and more. What it holds is never shown."""
    raw = os.environ.get(name, "")
    if 0 < len(raw) < least:
        raise BadSetting(f"{name}: expected at least {least} characters")
    return raw


def checked(name: str, default: str, *, reads: Callable[[str], object], expected: str) -> str:
    """Return the text, the default where it is empty; `reads` must make something of it."""
    raw = os.environ.get(name) or default
    try:
        good = not raw or reads(raw)
    except ValueError:
        good = False
    if not good:
        raise BadSetting(f"{name}={raw!r}: expected {expected}")
    return raw


def choice(name: str, default: str, *, among: Collection[str]) -> str:
    """Return one of the words."""
    return checked(name, default, reads=lambda raw: raw in among, expected=f"one of {', '.join(among)}")


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes or no."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    if raw.lower() in TRUE:
        return True
    if raw.lower() in FALSE:
        return False
    raise BadSetting(f"{name}={raw!r}: expected one of 1, 0, true, false, yes, no, on, off")


def integer(name: str, default: int, *, least: int | None = None, most: int | None = None) -> int:
    """Return a whole number, not below `least` and not above `most`."""
    raw = os.environ.get(name, str(default))
    try:
        value = int(raw)
    except ValueError as error:
        raise BadSetting(f"{name}={raw!r}: expected a whole number") from error
    if least is not None and value < least:
        raise BadSetting(f"{name}={raw!r}: expected at least {least}")
    if most is not None and value > most:
        raise BadSetting(f"{name}={raw!r}: expected at most {most}")
    return value


def number(name: str, default: float, *, least: float | None = None, most: float | None = None) -> float:
    """Return a decimal number, not below `least` and not above `most`."""
    raw = os.environ.get(name, str(default))
    try:
        value = float(raw)
    except ValueError as error:
        raise BadSetting(f"{name}={raw!r}: expected a number") from error
    if not math.isfinite(value):
        raise BadSetting(f"{name}={raw!r}: expected a finite number")
    if least is not None and value < least:
        raise BadSetting(f"{name}={raw!r}: expected at least {least}")
    if most is not None and value > most:
        raise BadSetting(f"{name}={raw!r}: expected at most {most}")
    return value


def listing(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def amounts(name: str, known: Iterable[str]) -> dict[str, float]:
    """Return the numbers of comma-separated parts `name=number`: names that are known, each once, from 1e-6 to 1e6."""
    names, found = tuple(known), dict[str, float]()
    for part in listing(name):
        key, _, raw = (piece.strip() for piece in part.partition("="))
        if key not in names:
            raise BadSetting(f"{name}: {key!r} is none of {', '.join(names)}")
        if key in found:
            raise BadSetting(f"{name}: {key} is said twice")
        try:
            found[key] = float(raw)
        except ValueError as error:
            raise BadSetting(f"{name}: {part!r}: expected {key}=number") from error
        if not 1e-6 <= found[key] <= 1e6:  # nor is NaN
            raise BadSetting(f"{name}: {part!r}: expected a number above 0, from 0.000001 to 1000000")
    return found


def mapping(
    name: str, default: dict[str, str], *, key: Callable[[str], str | None], among: Collection[str]
) -> dict[str, str]:
    """Return a JSON object whose names `key` can read, each once, and whose values are among the given ones."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as error:
        raise BadSetting(f"{name}: expected a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise BadSetting(f"{name}: expected a JSON object")
    found = dict[str, str]()
    for given, part in value.items():
        if part not in among:
            raise BadSetting(f"{name}: {given!r}: expected one of {', '.join(among)}, not {part!r}")
        if (read := key(given)) is None:
            raise BadSetting(f"{name}: {given!r} cannot be read")
        if read in found:
            raise BadSetting(f"{name}: {read} is said twice")
        found[read] = part
    return found


def path(name: str, default: str) -> Path:
    """Return a path, relative ones under the project's root; the default where it is empty, which names that root."""
    return ROOT / (os.environ.get(name) or default)


def postgres(url: str, *, name: str) -> dict[str, Any]:
    """Return Django's database settings for `postgresql://user:password@host:port/name?option=value`."""
    parts = _parts(url, name=name)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(f"{name}: a database's address starts with postgresql://")
    if not parts.path.strip("/"):
        raise BadSetting(
            f"{name}: the address ends in the name of a database: postgresql://user:password@host:5432/name"
        )
    port = _port(parts, name=name)
    options = dict(parse_qsl(parts.query))
    try:
        make_dsn(**options)
    except ProgrammingError as error:
        raise BadSetting(f"{name}: {str(error).strip()}") from error
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(port or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {**PATIENCE, **options},
    }


def redis(name: str, default: str) -> str:
    """Return the address of a database of Redis, the default where it is empty."""
    url = os.environ.get(name) or default
    parts = _parts(url, name=name)
    if parts.scheme not in {"redis", "rediss"} or not (parts.path.strip("/") or "0").isdigit():
        raise BadSetting(f"{name}: expected an address as redis://host:6379/0, with the number of a database")
    _port(parts, name=name)
    return url


def redis_database(url: str, offset: int) -> str:
    """Return the URL of the database `offset` places behind the one that `url` names."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or '0') + offset}").geturl()


def _parts(url: str, *, name: str) -> SplitResult:
    """Return the parts of an address. The message names no address: it holds a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise BadSetting(f"{name}: cannot be read as an address: write what is special in a password as %5B") from None


def _port(parts: SplitResult, *, name: str) -> int | None:
    """Return the port of an address. The message names no address: it holds a password."""
    try:
        return parts.port
    except ValueError as error:
        raise BadSetting(f"{name}: the port is a whole number up to 65535") from error


def load_demo_environment() -> None:
    """Read `var/demo/env`, written by `make demo`, so that commands meet the demo's services.

    The environment wins: with a DATABASE_URL nothing is read.
    """
    file = ROOT / "var" / "demo" / "env"
    if "DATABASE_URL" in os.environ or not file.exists():
        return
    for line in file.read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)
