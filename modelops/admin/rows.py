"""Helpers of the admin pages: row lookup, light lists, read-only rows."""

from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import ModelAdmin

Row = TypeVar("Row", bound=Model)
OF_VERSION = tuple(f"model_version__{name}" for name in ("report", "gate", "metrics", "increment"))
"""Large columns of a row's version; lists do not show them."""


def row_or_404(rows: QuerySet[Row], key: str) -> Row:
    """Return the row with this primary key. Raises Http404 if there is none, or the key is no number."""
    if not key.isdecimal():
        raise Http404
    return get_object_or_404(rows, pk=key)


class LightList:
    """A mixin for ModelAdmin: the list does not load columns that only the page of one row shows.

    A report has 100 KB, and a list has a hundred rows, each with its version.
    """

    deferred: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        """Defer large columns on the list."""
        rows = super().get_queryset(request)  # type: ignore[misc]
        match = request.resolver_match
        is_list = match is not None and str(match.url_name).endswith("_changelist")
        return rows.defer(*self.deferred) if is_list else rows


class ReadOnlyRows(ModelAdmin):
    """Rows that are viewed and acted on with buttons; nothing is added, edited or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: rows are created by services."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return False: rows are history."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Make all fields read-only."""
        return self.fields

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the row without save buttons."""
        context = {**(extra_context or {}), "show_save": False, "show_save_and_continue": False}
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page
