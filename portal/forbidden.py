"""The page of a person who may not do something: it stays inside the admin, names the right, and says who holds it."""

from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from django.apps import apps
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import ResolverMatch, reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.defaults import permission_denied

from access.accounts import holders_of, roles_with
from portal.permissions import may
from portal.theme import staff_context

ACTIONS: Final = {"changelist": "view", "change": "view", "history": "view", "add": "add", "delete": "delete"}
"""The right that an admin page needs at least, by the end of its name."""
SEE_STAFF: Final = "access.view_user"
WORDS: Final = {"view": "look at", "add": "add", "change": "change", "delete": "delete", "*": "manage"}


def page(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer a 403; people who are not signed in as staff get the plain page."""
    user = request.user
    if not (isinstance(user, AbstractUser) and user.is_staff):
        return permission_denied(request, exception)
    permission = needed_permission(str(exception), request.resolver_match)
    roles = roles_with(permission) if permission else []
    context = {
        **staff_context(request, title="No permission"),
        "permission": permission,
        "words": in_words(permission),
        "roles": roles,
        "whom": " or ".join(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in roles),
        "holders": holders_of(permission) if permission and may(user, SEE_STAFF) else [],
        "back": back_of(request),
    }
    return render(request, "portal/forbidden.html", context, status=HTTPStatus.FORBIDDEN)


def back_of(request: HttpRequest) -> str:
    """Return the page of ours that led here, else the home page."""
    before = request.META.get("HTTP_REFERER", "")
    is_ours = url_has_allowed_host_and_scheme(before, allowed_hosts={request.get_host()})
    return before if is_ours and urlsplit(before).path != request.path else reverse("admin:index")


def needed_permission(reason: str, match: ResolverMatch | None) -> str:
    """Return the permission that was missing: what the refusal names, else what an admin page needs; "" if unknown."""
    if reason.count(".") == 1 and " " not in reason:
        return reason
    name = match.url_name if match and match.app_name == "admin" else None
    table, _, action = (name or "").rpartition("_")
    app, _, model = table.partition("_")
    return f"{app}.{ACTIONS[action]}_{model}" if model and action in ACTIONS else ""


def in_words(permission: str) -> str:
    """Return `look at placements` for `personalization.view_placement`; "" for no permission of ours."""
    app, _, codename = permission.partition(".")
    action, _, table = codename.partition("_")
    if not apps.is_installed(app) or not action:
        return ""
    verb = WORDS.get(action, action)
    if table in apps.get_app_config(app).models:
        return f"{verb} {apps.get_model(app, table)._meta.verbose_name_plural}"
    return f"{verb} what belongs to {app}"
