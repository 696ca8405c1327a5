"""The admin as a site: what it does by itself, outside of any table's page, is recorded too."""

from typing import Any

from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.sites import UnfoldAdminSite

from audit.services import record
from audit.staff import actor_of


class StaffSite(UnfoldAdminSite):  # type: ignore[misc]  # unfold has no types
    """The admin, which records who changes their own password: that page belongs to the site, not to a table."""

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Change the password, and record it as where an operator changes it."""
        with transaction.atomic():
            response: HttpResponse = super().password_change(request, extra_context)
            if request.method == "POST" and isinstance(response, HttpResponseRedirect):  # else the form came back
                _record(request)
        return response


def _record(request: HttpRequest) -> None:
    record(
        category="access",
        action="user.changed",
        actor=actor_of(request),
        object=f"user:{request.user.pk}",
        data={"changes": [{"changed": {"fields": ["Password"]}}]},
    )
