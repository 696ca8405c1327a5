"""The admin site; it also records actions that belong to no table's page."""

import math
from collections.abc import Callable
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from unfold.sites import UnfoldAdminSite

from access import accounts
from access.throttles import seconds_to_old_password, seconds_to_sign_in
from audit.services import record
from audit.staff import ReadOnly, actor_of
from common.errors import Conflict, InvalidInput
from common.problems import error_page

View = Callable[..., HttpResponse]
UNIQUE_VIOLATION: Final = "23505"
"""PostgreSQL's code for a duplicate key."""


class StaffSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The admin site, which records password changes: that page belongs to the site, not to a table.

    If another user was faster between a form's checks and its writes, the form is processed again and reports the
    conflict.
    """

    def admin_view(self, view: View, cacheable: bool = False) -> View:
        """Wrap a page of the admin."""
        wrapped: View = super().admin_view(_retry_once(view), cacheable)
        return wrapped

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Sign in. Tries of one address are limited before a password is hashed or anything is recorded."""
        if request.method == "POST" and (seconds := seconds_to_sign_in(request)):
            detail = f"They came from this address. Please try again in {math.ceil(seconds / 60)} minutes."
            return error_page(HTTPStatus.TOO_MANY_REQUESTS, "Too many sign-ins", detail, retry_after=seconds)
        response: HttpResponse = super().login(request, extra_context)
        return response

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add whether the page is a list that this person may look at, and not change."""
        return {**super().each_context(request), "may_only_look": self._may_only_look(request)}

    def _may_only_look(self, request: HttpRequest) -> bool:
        match = request.resolver_match
        if match is None or not str(match.url_name).endswith("_changelist"):
            return False
        for model, page in self._registry.items():
            if f"{model._meta.app_label}_{model._meta.model_name}_changelist" == match.url_name:
                may_edit = page.has_add_permission(request) or page.has_change_permission(request)
                return not isinstance(page, ReadOnly) and not may_edit and page.has_view_permission(request)
        return False

    def search(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Answer the menu's search with the entries of the menu that hold the words, by their own names.

        A page of the admin with a method `menu_results(request, words)` adds rows of its table.
        """
        words = request.GET.get("s", "").strip().lower()
        if not words:
            return HttpResponse()
        results = [
            {"title": item["title"], "description": group["title"] or "Menu", "link": item["link"]}
            for group in self.get_sidebar_list(request)
            for item in group["items"]
            if words in f"{item['title']} {group['title']}".lower()
        ]
        for page in self._registry.values():
            if hasattr(page, "menu_results") and page.has_view_permission(request):
                results += page.menu_results(request, words)
        return render(request, "unfold/helpers/search_results.html", {"results": results, "words": words})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Change the password, and record it like a change by somebody else. Tries of one account are limited."""
        if request.method == "POST" and (seconds := seconds_to_old_password(request.user.pk)):
            detail = f"Please try again in {math.ceil(seconds / 60)} minutes."
            return error_page(HTTPStatus.TOO_MANY_REQUESTS, "Too many tries", detail, retry_after=seconds)
        with transaction.atomic():
            response: HttpResponse = super().password_change(request, extra_context)
            # Without a redirect the form came back with errors.
            if request.method == "POST" and isinstance(response, HttpResponseRedirect):
                _record(request)
                accounts.note_own_password(request.user)
        return response


def _retry_once(view: View) -> View:
    """Retry a view once after a lost race. The view writes all or nothing, so its checks simply run again."""

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except (IntegrityError, Conflict, InvalidInput) as error:
            if request.method != "POST" or request.FILES or not _lost_a_race(error):
                raise
        return view(request, *args, **kwargs)

    return wrapper


def _lost_a_race(error: Exception) -> bool:
    return not isinstance(error, IntegrityError) or getattr(error.__cause__, "pgcode", None) == UNIQUE_VIOLATION


def _record(request: HttpRequest) -> None:
    record(
        category="access",
        action="user.changed",
        actor=actor_of(request),
        object=f"user:{request.user.pk}",
        data={"changes": [{"changed": {"fields": ["Password"]}}]},
    )
