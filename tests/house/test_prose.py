"""Prose is plain: no sentence of a page or docstring over 40 words, and no name that does not say what its value is.

Rooms that are still being rewritten have a ceiling, the count of today. A ceiling only goes down: whoever rewrites a
room lowers its numbers, and at 0 its line is dropped.
"""

from collections import Counter

import pytest

from tests.house.prose import bound_names, docstrings, long_sentences, parsed
from tests.house.tree import text_of, tracked

PAGES = [name for name in tracked() if name.endswith(".md")]
LONG_SENTENCES: dict[str, int] = {"recsys": 1}
PARTICIPLES = """
appealed asked borne drawn found given gone heard held judged kept known learnt lifted lived made meant met said seen
shown spoken starred taken taught told touched tried wanted wished
"""
"""They say what was done, not what the value is."""
RIDDLES = """
alone beside by_strangers climb deciding facts freshness grown in_the_middle judging keeper least lesson marks naming
portrait quality_gate rival rung scene shelf side_by_side soundness strangers survey writing
"""
"""Words that only this code used so, or that meant several things in it."""
UNCLEAR = frozenset({*PARTICIPLES.split(), *RIDDLES.split()})
"""Names that must not come back; see "Names in code" in docs/glossary.md for better ones."""
UNCLEAR_NAMES: dict[str, int] = {
    "bench": 1,  # the benchmark of freshness
    "consents": 35,
    "modelops": 23,
    "recsys": 22,
}


def room_of(path: str) -> str:
    """Return the top-level package of a file."""
    return path.split("/")[0]


def over(counts: Counter[str], ceilings: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Return the rooms whose count is above the ceiling, with both."""
    return {room: (count, ceilings.get(room, 0)) for room, count in counts.items() if count > ceilings.get(room, 0)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("one " * 40 + "end. Another sentence.", [41]),
        ("one " * 25 + "end. " + "two " * 25 + "end.", []),
        ("one " * 25 + "\n\n" + "two " * 25, []),
        ("* " + "one " * 25 + "\n* " + "two " * 25, []),
        ("| " + "one " * 25 + "| " + "two " * 25 + "|", []),
        ("```\n" + "one " * 50 + "\n```", []),
        ("`" + "one " * 50 + "`", []),
    ],
)
def test_sentences_are_counted_by_block(text: str, words: list[int]) -> None:
    assert [len(one.split()) for one in long_sentences(text)] == words


@pytest.mark.parametrize("page", PAGES)
def test_no_sentence_of_a_page_is_long(page: str) -> None:
    assert long_sentences(text_of(page)) == []


def test_docstrings_have_no_more_long_sentences_than_before() -> None:
    counts: Counter[str] = Counter()
    for path, tree in parsed().items():
        counts[room_of(path)] += sum(len(long_sentences(text)) for text in docstrings(tree))

    assert over(counts, LONG_SENTENCES) == {}, "split the sentence; a ceiling is never raised"


def test_unclear_names_do_not_come_back() -> None:
    counts: Counter[str] = Counter()
    for path, tree in parsed().items():
        counts[room_of(path)] += sum(name.strip("_").lower() in UNCLEAR for name in bound_names(path, tree))

    assert over(counts, UNCLEAR_NAMES) == {}, "say what the value is; a ceiling is never raised"
