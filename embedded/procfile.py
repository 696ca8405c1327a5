"""Reads the Procfile: the product's processes and the command of each."""

import shlex
from pathlib import Path


def read(path: Path) -> dict[str, list[str]]:
    """Return the words of each process's command, in the file's order."""
    lines = [line.strip() for line in path.read_text().splitlines()]
    pairs = [line.partition(":") for line in lines if line and not line.startswith("#")]
    return {name.strip(): shlex.split(command) for name, _, command in pairs}
