"""The cast of the portal's tests: one member of staff per role."""

from collections.abc import Callable

import pytest
from django.test import Client

LogIn = Callable[[str], Client]


@pytest.fixture
def log_in(db: None) -> LogIn:
    """Return a browser in which somebody of the role is logged in; "" is the superuser, "nobody" has no role."""
    # Models can be imported only once Django is set up, which is after this file is read.
    from django.contrib.auth import get_user_model
    from django.contrib.auth.models import Group

    from access.services import sync_roles

    sync_roles(actor="system:test")

    def enter(role: str) -> Client:
        user = get_user_model().objects.create_user(
            username=role or "root", password="x", is_staff=True, is_superuser=not role
        )
        if role not in ("", "nobody"):
            user.groups.add(Group.objects.get(name=role))
        client = Client()
        client.force_login(user)
        return client

    return enter
