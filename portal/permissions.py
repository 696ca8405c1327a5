"""Permissions of the staff pages."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import wraps
from typing import Final

from django.contrib import admin
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

View = Callable[..., HttpResponse]
NAMED_SHOPPERS: Final = "customers.view_customer"
"""The permission of roles that have a reason to look at one named shopper."""

WATCH: Final = "events.change_setaside"
"""The permission of those who may send rejected events again: who handles failures may watch the event stream."""


def may(user: AbstractBaseUser | AnonymousUser, pattern: str) -> bool:
    """Return whether the user holds a permission that fits the pattern (`app.action_model`, `*` for any)."""
    if not isinstance(user, PermissionsMixin):
        return False
    return any(fnmatchcase(permission, pattern) for permission in user.get_all_permissions())


def staff_page(*permissions: str) -> Callable[[View], View]:
    """Restrict a page to staff with one of the permissions. Other staff get 403; others get the login form."""

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
            if not any(may(request.user, permission) for permission in permissions):
                raise PermissionDenied(permissions[0])
            return view(request, *args, **kwargs)

        page_view: View = admin.site.admin_view(guarded)
        return page_view

    return guard
