"""The tree of an earlier commit, to measure it beside today's."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench._stage import ROOT


@contextlib.contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """Yield a folder that holds the files of a commit; remove it behind it. Raises CalledProcessError without one."""
    with tempfile.TemporaryDirectory(prefix="vitrine-") as name:
        tree = Path(name) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", tree, commit], cwd=ROOT, check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], cwd=ROOT, check=True)


def environment_of(tree: Path) -> dict[str, str]:
    """Return the environment of a tree's own commands."""
    return {**os.environ, "SECRET_KEY": "only-for-measuring-" + "x" * 40, "PYTHONPATH": str(tree)}
