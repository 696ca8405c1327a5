"""Members of staff, and the browsers they are logged in with."""

from collections.abc import Callable

from django.contrib.auth.models import Group, Permission
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


def person(name: str, *codenames: str) -> User:
    """Return a member of staff with these permissions."""
    user = User.objects.create_user(name, is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user
