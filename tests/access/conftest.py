"""No key is remembered from one test to the next."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Empty this process's memory of keys."""
    from access.selectors import forget_keys

    forget_keys()
    yield
    forget_keys()
