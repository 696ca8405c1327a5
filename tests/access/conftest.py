"""No key is remembered from one test to the next."""

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Empty this process's memory of keys and of their uses."""
    from access.selectors import forget_keys
    from access.services import forget_uses

    forget_keys()
    forget_uses()
    yield
    forget_keys()
