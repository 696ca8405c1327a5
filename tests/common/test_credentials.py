"""No message repeats the password of an address."""

import pytest

from common.credentials import masked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the study postgresql://u:secret@db/optuna can …", "the study postgresql://…@db/optuna can …"),
        ("http://u:p@ss@host:5000/x and mail a@b.c", "http://…@host:5000/x and mail a@b.c"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_credentials_are_hidden(text: str, expected: str) -> None:
    assert masked(text) == expected
