"""For every room's admin: what staff change is recorded in the transaction that changes it."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from audit.services import record


def actor_of(request: HttpRequest) -> str:
    """Return how the log names the member of staff behind a request."""
    return f"staff:{request.user.pk}"


class AuditedAdmin:
    """A mixin in front of ModelAdmin, for tables whose changes are no service of their own.

    Records which fields changed, never their values: those may identify somebody.
    """

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the new row."""
        _record(request, obj, "added", message)
        return super().log_addition(request, obj, message)  # type: ignore[misc]

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Record the changed row."""
        _record(request, obj, "changed", message)
        return super().log_change(request, obj, message)  # type: ignore[misc]

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Any]) -> Any:
        """Record each row that goes."""
        for obj in queryset:
            _record(request, obj, "deleted", None)
        return super().log_deletions(request, queryset)  # type: ignore[misc]


def _record(request: HttpRequest, obj: Any, verb: str, message: Any) -> None:
    meta = obj._meta
    record(
        category=meta.app_label,
        action=f"{meta.model_name}.{verb}",
        actor=actor_of(request),
        object=f"{meta.model_name}:{obj.pk}",
        data={"changes": message if isinstance(message, list) else []},
    )
