"""How to run PostgreSQL, which refuses to run as root.

An ordinary user needs nothing. Root runs it in a user namespace, where it is `nobody` (initdb wants a user with a name)
but stays root outside. A clone under a private home then works without a new user or an opened folder. Where namespaces
are forbidden, root becomes `nobody`, and cluster and binaries move to a folder which that user can read.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

USER = "nobody"


@dataclass(frozen=True, slots=True)
class Privileges:
    """The prefix of a command, and the user who must own its files (None: the current user)."""

    prefix: tuple[str, ...] = ()
    user: str | None = None

    def own(self, directory: Path) -> None:
        """Give the directory to the user of the command."""
        if self.user is not None:
            shutil.chown(directory, self.user)


@lru_cache(maxsize=1)
def unprivileged() -> Privileges:
    """Return how this process starts a server that refuses root."""
    if os.geteuid() != 0:
        return Privileges()
    user = pwd.getpwnam(USER)
    namespace = ("unshare", "-U", f"--map-user={user.pw_uid}", f"--map-group={user.pw_gid}")
    if works(namespace):
        return Privileges(namespace)
    return Privileges(("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"), USER)


def works(namespace: tuple[str, ...]) -> bool:
    """Return whether the kernel allows this user namespace."""
    if shutil.which(namespace[0]) is None:
        return False
    return subprocess.run([*namespace, "true"], capture_output=True, check=False).returncode == 0


def reachable(directory: Path) -> Path:
    """Return the place for the files of `directory`: itself, or a folder that the user `nobody` can read."""
    if unprivileged().user is None:
        return directory
    name = hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:12]
    place = Path("/var/tmp") / f"vitrine-{name}"
    place.mkdir(mode=0o755, exist_ok=True)
    if place.is_symlink() or place.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{place} belongs to somebody else")
    return place
