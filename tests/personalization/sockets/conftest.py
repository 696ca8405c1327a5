"""A page's key."""

import pytest


@pytest.fixture
def page_key(stocked_shop: None) -> str:
    """A publishable key whose user ids are believed."""
    from access.services import create_key

    return create_key(kind="pk", name="page", requires_user_hash=False)[1]
