"""One name for one thing: words that the glossary retired come back on no page, in no message and in no guide."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.house.tree import text_of, tracked

RETIRED = {
    r"set[ -]aside": "rejected (events) or removed (rows of a training)",
    r"champion": "live",
    r"released": "live, or the chosen stage",
    r"consent events?": "consent proof",
    r"proofs": "consent proof",
}
"""Words by what says the same. Names in code, MLflow's aliases and headers keep theirs."""
PATTERN = re.compile("|".join(rf"\b{word}\b" for word in RETIRED), re.IGNORECASE)
DOORS = ("modelops/", "portal/", "consents/admin", "consents/models", "events/admin", "events/models", "events/stream/",
         "customers/admin", "customers/models", "access/roles")  # fmt: skip
"""Starts of files whose texts people read in the admin and the portal."""
MARKUP = re.compile(r"{%.*?%}|{{.*?}}|<[^>]*>", re.DOTALL)
GUIDES = [
    name for name in tracked() if re.fullmatch(r"docs/(stream|events|log|storefront|path|merchandiser)\.md", name)
]
IN_CODE = re.compile(r"`[^`]*`")


def sentences(path: str) -> Iterator[str]:
    """Yield the texts of a file of Python that hold a blank, without docstrings and log messages."""
    tree = ast.parse(text_of(path))
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("log."):
            notes |= {id(part) for part in node.args}
    texts = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in notes)
    for node in texts:
        if isinstance(node.value, str) and (" " in node.value.strip() or node.value[:1].isupper()):
            yield node.value


def test_templates_use_the_words_of_the_glossary() -> None:
    pages = [name for name in tracked() if name.startswith("templates/") and name.endswith(".html")]
    wrong = {name: PATTERN.findall(MARKUP.sub(" ", text_of(name))) for name in pages}

    assert len(pages) > 40
    assert {name: words for name, words in wrong.items() if words} == {}


def test_texts_of_doors_use_the_words_of_the_glossary() -> None:
    files = [
        name for name in tracked() if name.startswith(DOORS) and name.endswith(".py") and "/migrations/" not in name
    ]
    wrong = [(name, text) for name in files for text in sentences(name) if PATTERN.search(text)]

    assert len(files) > 60
    assert wrong == []


@pytest.mark.parametrize("page", GUIDES)
def test_guides_use_the_words_of_the_glossary(page: str) -> None:
    assert re.findall(r"\bset aside\b", IN_CODE.sub("", text_of(page))) == []


def test_the_glossary_explains_what_replaces_them() -> None:
    words = {line.split("|")[1].strip() for line in text_of("docs/glossary.md").splitlines() if line.startswith("| ")}

    assert {"rejected", "removed", "live version", "consent proof", "chosen stage", "refused"} <= words
