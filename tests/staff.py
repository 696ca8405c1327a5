"""Members of staff, logged in."""

from collections.abc import Callable

from django.contrib.auth.models import Group
from django.test import Client

from access.models import User
from access.services import sync_roles

LogIn = Callable[..., Client]
"""The fixture `log_in`: a role and, where two people have the same, a name."""


def staff(name: str, role: str) -> Client:
    """Return a browser in which somebody of the role is logged in; "" is the superuser's, "nobody" has none."""
    sync_roles(actor="system:test")
    user = User.objects.create_user(name, password="correct horse battery", is_staff=True, is_superuser=not role)
    if role not in ("", "nobody"):
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client
