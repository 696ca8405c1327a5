"""Typed reads of the environment, which fail loudly on what they cannot understand."""

import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
TRUE = {"1", "true", "yes", "on"}
PLAIN = re.compile(r"[A-Za-z0-9_.-][A-Za-z0-9 _.-]*")
FALSE = {"0", "false", "no", "off", ""}


class BadSetting(Exception):
    """An environment variable holds something that its setting cannot mean."""


def text(name: str, default: str = "") -> str:
    """Return the variable as it stands."""
    return os.environ.get(name, default)


def plain(name: str, default: str) -> str:
    """Return a name of letters, digits, blanks and -_. alone, as the names of other systems may be."""
    value = os.environ.get(name) or default
    if not PLAIN.fullmatch(value):
        raise BadSetting(f"{name}={value!r}: expected letters, digits, blanks, -, _ and . alone")
    return value


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


def mapping(name: str, default: dict[str, str]) -> dict[str, str]:
    """Return a JSON object of strings."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as error:
        raise BadSetting(f"{name}: expected a JSON object: {error}") from error
    if not isinstance(value, dict) or not all(isinstance(part, str) for part in value.values()):
        raise BadSetting(f"{name}: expected a JSON object of strings")
    return value


def path(name: str, default: str) -> Path:
    """Return a path, relative ones under the project's root."""
    return ROOT / os.environ.get(name, default)


def postgres(url: str) -> dict[str, Any]:
    """Return Django's database settings for `postgresql://user:password@host:port/name?option=value`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise BadSetting(f"a database URL starts with postgresql://, not {parts.scheme!r}")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 3, **dict(parse_qsl(parts.query))},
    }


def redis_database(url: str, offset: int) -> str:
    """Return the URL of the database `offset` places behind the one that `url` names."""
    parts = urlsplit(url)
    number_in_path = parts.path.strip("/") or "0"
    if not number_in_path.isdigit():
        raise BadSetting(f"a Redis URL ends with a database number, not {number_in_path!r}")
    return parts._replace(path=f"/{int(number_in_path) + offset}").geturl()


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
