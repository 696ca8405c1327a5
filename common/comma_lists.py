"""Lists in one line of text: names between commas, a name that holds a comma in double quotes, as in CSV. Pure."""

import re
from collections.abc import Iterable

NAME = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|\Z)|([^,]*)(?:,|\Z)')
"""Quotes that do not hold the whole name belong to it: 24" is a size."""


def split_names(text: str) -> list[str]:
    """Return the names without blanks around them; empty ones are left out."""
    names = (quoted.replace('""', '"') or plain for quoted, plain in NAME.findall(text))
    return [name for one in names if (name := one.strip())]


def join_names(names: Iterable[str]) -> str:
    """Return the line that `listed` reads as these names, which have no blanks around them."""
    return ", ".join(_quoted(name) if "," in name or name.startswith('"') else name for name in names)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
