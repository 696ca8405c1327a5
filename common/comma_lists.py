"""Lists in one line of text: comma-separated names; a name with a comma stands in double quotes, as in CSV. Pure."""

import re
from collections.abc import Iterable

NAME = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|\Z)|([^,]*)(?:,|\Z)')
"""Quotes around only a part of a name belong to the name: 24" is a size."""


def split_names(text: str) -> list[str]:
    """Return the names without surrounding blanks and without empty ones."""
    names = (quoted.replace('""', '"') or plain for quoted, plain in NAME.findall(text))
    return [name for one in names if (name := one.strip())]


def join_names(names: Iterable[str]) -> str:
    """Return the line that `split_names` reads as these names. They must have no blanks around them."""
    return ", ".join(_quoted(name) if "," in name or name.startswith('"') else name for name in names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
