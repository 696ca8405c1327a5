"""A name that an object holds twice is noticed, however it is written."""

import pytest

from common.strictjson import repeats


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (b'{"batch": [1], "batch": [2]}', True),
        (b'{"batch": [1], "b\\u0061tch": [2]}', True),
        (b'{"batch": [{"x": NaN}], "batch": []}', True),
        (b'{"batch": [1]}', False),
        (b'{"batch": [{"batch": 1}], "context": {"batch": 2}}', False),
        (b'{"batch": ["\\u0041"]}', False),
        (b'["batch", "batch"]', False),
        (b'{"batch" "batch"}', False),
    ],
)
def test_only_the_outermost_object_counts(text: bytes, twice: bool) -> None:
    assert repeats(text, "batch") is twice
