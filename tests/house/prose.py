"""Sentences of pages and docstrings, and the names that a file binds."""

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePath

from tests.house.tree import text_of, tracked

MOST_WORDS = 40
FENCE = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
CODE = re.compile(r"`[^`]*`")
# A heading, a row, an item of a list, a blank line or an indented example ends what stands before it.
NEW_BLOCK = re.compile(r"^\s*$|^\s*(?:#|\||[-*•] |\d+\. |>>> |:\w)")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]*]*\s+")


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a page or a docstring; each cell of a table is text of its own."""
    text = CODE.sub("code", LINK.sub(r"\1", FENCE.sub("\n", text)))
    block: list[str] = []
    for line in [*text.splitlines(), ""]:
        if NEW_BLOCK.match(line) and block:
            yield from _split(" ".join(block))
            block = []
        if line.lstrip().startswith("|"):
            for cell in line.split("|"):
                yield from _split(cell)
        elif line.strip():
            block.append(line.strip())


def _split(text: str) -> Iterator[str]:
    yield from (part for part in SENTENCE_END.split(text.strip()) if part)


def long_sentences(text: str) -> list[str]:
    """Return the sentences of more than 40 words; a word has a letter or a digit."""
    return [one for one in sentences(text) if sum(any(map(str.isalnum, word)) for word in one.split()) > MOST_WORDS]


@lru_cache(maxsize=1)
def parsed() -> dict[str, ast.Module]:
    """Return the syntax tree of each file of ours outside the tests, by its path."""
    files = [name for name in tracked() if name.endswith(".py") and "/" in name and not name.startswith("tests/")]
    return {name: ast.parse(text_of(name)) for name in files}


def docstrings(tree: ast.Module) -> Iterator[str]:
    """Yield the docstrings of a module, its classes and functions, and the texts that stand below attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value


def bound_names(path: str, tree: ast.Module) -> Iterator[str]:
    """Yield what a file gives a name: the module, its functions, classes, parameters, variables and attributes."""
    yield PurePath(path).stem
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name
