"""Rows that an address of the admin names, and pages of rows that are written elsewhere."""

from typing import Any, ClassVar, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from unfold.admin import ModelAdmin

Row = TypeVar("Row", bound=Model)
OF_VERSION = tuple(f"model_version__{name}" for name in ("report", "gate", "metrics", "increment"))
"""What no list shows of the version that a row is about."""


def row_or_404(rows: QuerySet[Row], key: str) -> Row:
    """Return the row of that primary key. Raises Http404 where there is none, or what stands there is no number."""
    if not key.isdecimal():
        raise Http404
    return get_object_or_404(rows, pk=key)


class LightList:
    """A mixin in front of ModelAdmin: the list leaves out what only a page of one row shows.

    A report has 100 KB, and a list has a hundred rows, each with the version that it is about.
    """

    heavy: ClassVar[tuple[str, ...]] = ()

    def get_queryset(self, request: HttpRequest) -> Any:
        """Read what the page shows."""
        rows = super().get_queryset(request)  # type: ignore[misc]
        shown = request.resolver_match
        listed = shown is not None and str(shown.url_name).endswith("_changelist")
        return rows.defer(*self.heavy) if listed else rows


class WrittenElsewhere(ModelAdmin):
    """Rows that are read here and acted on with buttons; nothing is added, edited or deleted by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """What they tell of makes them."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """They are history."""
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """Nothing is edited by hand."""
        return self.fields

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the row without buttons that would save nothing."""
        context = {**(extra_context or {}), "show_save": False, "show_save_and_continue": False}
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page
