"""Lists in one line: commas between names, quotes around a name that holds one."""

import pytest

from common.comma_lists import join_names, split_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        (" , ,", []),
        ("desk, lamp ,desk", ["desk", "lamp", "desk"]),
        ('"A,1", desk', ["A,1", "desk"]),
        ('desk,"Acme, Inc." , lamp', ["desk", "Acme, Inc.", "lamp"]),
        ('"say ""hi"", all"', ['say "hi", all']),
        ('24" desk, "Best" Nord', ['24" desk', '"Best" Nord']),
        ('"A, desk', ['"A', "desk"]),
        ('"", desk', ["desk"]),
    ],
)
def test_a_name_in_quotes_may_hold_a_comma(text: str, names: list[str]) -> None:
    assert split_names(text) == names


@pytest.mark.parametrize("name", ["desk", "A,1", '24" desk', '"Best"', '"Best" Nord', '",', 'a","b', "Å, ß"])
def test_what_is_shown_is_read_as_the_same(name: str) -> None:
    assert split_names(join_names([name, "lamp", name])) == [name, "lamp", name]


@pytest.mark.parametrize("names", [['"A', 'B"'], ['"', '"'], ['"A"', '24"', '"B, C'], ['"Best" Nord', '24"']])
def test_quotes_of_several_names_do_not_make_one_of_them(names: list[str]) -> None:
    assert split_names(join_names(names)) == names


def test_names_without_a_comma_are_shown_as_they_are() -> None:
    assert join_names(["desk", '24" desk']) == 'desk, 24" desk'
