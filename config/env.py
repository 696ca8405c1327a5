"""Typed reads of the environment. A value that cannot be understood stops the start; its message names the variable."""

import json
import math
import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn

ROOT = Path(__file__).resolve().parent.parent
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
# libpq's options: without them Linux waits a quarter of an hour for a host that is gone. Only the first is in
# milliseconds, the others are in seconds. An operating system that lacks one ignores it.
CONNECTION_TIMEOUTS = {
    "tcp_user_timeout": "5000",
    "connect_timeout": "3",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
}


N = TypeVar("N", int, float)


class BadSetting(Exception):
    """An environment variable holds a value that its setting does not accept."""


def text(name: str, default: str = "") -> str:
    """Return the variable unchanged."""
    return os.environ.get(name, default)


def secret(name: str, *, min_length: int) -> str:
    """Return the variable: empty, or of at least `min_length` characters. No message shows the value."""
    raw = os.environ.get(name, "")
    if 0 < len(raw) < min_length:
        raise BadSetting(f"{name}: expected at least {min_length} characters")
    return raw


def checked(name: str, default: str, *, accepts: Callable[[str], object], expected: str) -> str:
    """Return the text, or the default where it is empty.

    `accepts` returns something true for a valid text; for others it returns something false or raises ValueError.
    """
    raw = os.environ.get(name) or default
    try:
        valid = not raw or accepts(raw)
    except ValueError:
        valid = False
    if not valid:
        raise BadSetting(f"{name}={raw!r}: expected {expected}")
    return raw


def choice(name: str, default: str, *, choices: Collection[str]) -> str:
    """Return one of the choices."""
    return checked(name, default, accepts=lambda raw: raw in choices, expected=f"one of {', '.join(choices)}")


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes or no."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    if raw.lower() in TRUE | FALSE:
        return raw.lower() in TRUE
    raise BadSetting(f"{name}={raw!r}: expected one of 1, 0, true, false, yes, no, on, off")


def integer(name: str, default: int, *, minimum: int | None = None, maximum: int | None = None) -> int:
    """Return a whole number."""
    return _bounded(name, default, int, "a whole number", minimum, maximum)


def number(name: str, default: float, *, minimum: float | None = None, maximum: float | None = None) -> float:
    """Return a finite decimal number."""
    return _bounded(name, default, float, "a number", minimum, maximum)


def listing(name: str, default: str = "") -> list[str]:
    """Return the comma-separated parts."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def weights(name: str, keys: Iterable[str]) -> dict[str, float]:
    """Return the weights of comma-separated parts `key=number`: each key at most once, each weight from 1e-6 to 1e6."""
    allowed, weights = tuple(keys), dict[str, float]()
    for part in listing(name):
        key, _, raw = (piece.strip() for piece in part.partition("="))
        if key not in allowed:
            raise BadSetting(f"{name}: {key!r} is none of {', '.join(allowed)}")
        if key in weights:
            raise BadSetting(f"{name}: {key} comes twice")
        try:
            weights[key] = float(raw)
        except ValueError as error:
            raise BadSetting(f"{name}: {part!r}: expected {key}=number") from error
        if not 1e-6 <= weights[key] <= 1e6:  # false for NaN too
            raise BadSetting(f"{name}: {part!r}: expected a number above 0, from 0.000001 to 1000000")
    return weights


def mapping(
    name: str, default: dict[str, str], *, key: Callable[[str], str | None], choices: Collection[str]
) -> dict[str, str]:
    """Return a JSON object. `key` returns a name in its normal form, or None where it is invalid; none comes twice."""
    raw = os.environ.get(name)
    if raw is None:
        return default
    try:
        value = json.loads(raw)
    except json.JSONDecodeError as error:
        raise BadSetting(f"{name}: expected a JSON object: {error}") from error
    if not isinstance(value, dict):
        raise BadSetting(f"{name}: expected a JSON object")
    result = dict[str, str]()
    for written, part in value.items():
        if part not in choices:
            raise BadSetting(f"{name}: {written!r}: expected one of {', '.join(choices)}, not {part!r}")
        if (normal := key(written)) is None:
            raise BadSetting(f"{name}: {written!r} cannot be read")
        if normal in result:
            raise BadSetting(f"{name}: {normal} comes twice")
        result[normal] = part
    return result


def path(name: str, default: str) -> Path:
    """Return a path, or the default where it is empty. Relative paths start at the project's root."""
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
        "OPTIONS": {**CONNECTION_TIMEOUTS, **options},
    }


def redis(name: str, default: str) -> str:
    """Return the address of a Redis database, or the default where it is empty."""
    url = os.environ.get(name) or default
    parts = _parts(url, name=name)
    if parts.scheme not in {"redis", "rediss"} or not (parts.path.strip("/") or "0").isdigit():
        raise BadSetting(f"{name}: expected an address as redis://host:6379/0, with the number of a database")
    _port(parts, name=name)
    return url


def redis_database(url: str, offset: int) -> str:
    """Return the URL of the database whose number is `offset` higher."""
    parts = urlsplit(url)
    return parts._replace(path=f"/{int(parts.path.strip('/') or '0') + offset}").geturl()


def _bounded(
    name: str, default: N, parse: Callable[[str], N], expected: str, minimum: N | None, maximum: N | None
) -> N:
    """Return a finite number within its bounds."""
    raw = os.environ.get(name, str(default))
    try:
        value = parse(raw)
    except ValueError as error:
        raise BadSetting(f"{name}={raw!r}: expected {expected}") from error
    if not math.isfinite(value):
        raise BadSetting(f"{name}={raw!r}: expected a finite number")
    if minimum is not None and value < minimum:
        raise BadSetting(f"{name}={raw!r}: expected at least {minimum}")
    if maximum is not None and value > maximum:
        raise BadSetting(f"{name}={raw!r}: expected at most {maximum}")
    return value


def _parts(url: str, *, name: str) -> SplitResult:
    """Return the parts of an address. The message does not show the address, because it holds a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise BadSetting(
            f"{name}: cannot be read as an address: write special characters of a password as %5B"
        ) from None


def _port(parts: SplitResult, *, name: str) -> int | None:
    """Return the port of an address. The message does not show the address, because it holds a password."""
    try:
        return parts.port
    except ValueError as error:
        raise BadSetting(f"{name}: the port is a whole number up to 65535") from error


def load_demo_environment() -> None:
    """Read `var/demo/env`, which `make demo` writes, so that commands use the demo's services.

    With a DATABASE_URL in the environment nothing is read.
    """
    file = ROOT / "var" / "demo" / "env"
    if "DATABASE_URL" in os.environ or not file.exists():
        return
    for line in file.read_text().splitlines():
        name, _, value = line.partition("=")
        os.environ.setdefault(name, value)
