"""Admin of the shop's own fields: which events may hold, and for which purposes."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit.staff import AuditedAdmin
from consents.selectors import terms
from events.allowed_fields import forget_list, readers_of
from events.models import AllowedField

HOW_TO_WRITE = "Write properties.NAME, properties.products[].NAME, traits.NAME or context.NAME; * as NAME means all."


class AllowedFieldForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic when it runs
    """A path and its purposes."""

    class Meta:
        model = AllowedField
        fields = ("path", "purposes", "reason")
        error_messages: ClassVar = {"path": {"invalid": HOW_TO_WRITE}}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer the purposes there are."""
        super().__init__(*args, **kwargs)
        if "purposes" in self.fields:  # who may only view has no fields
            self.fields["purposes"] = forms.MultipleChoiceField(
                choices=[(name, name) for name in sorted(terms())],
                widget=forms.CheckboxSelectMultiple,
                help_text="The field is kept where the shopper allows one of them; essential: always.",
            )


@admin.register(AllowedField)
class AllowedFieldAdmin(AuditedAdmin, ModelAdmin):
    """Fields of the shop's own. Each change raises the version and is on record."""

    form = AllowedFieldForm
    recorded = ("path", "purposes", "version")
    when_empty = "Only standard fields, and what a metric or trait reads, are kept. Others are dropped."
    list_display = ("path", "for_purposes", "reason", "version")
    search_fields = ("path",)

    @display(description="purposes")
    def for_purposes(self, row: AllowedField) -> str:
        """Name the purposes."""
        return ", ".join(row.purposes)

    def save_model(self, request: HttpRequest, obj: AllowedField, form: Any, change: bool) -> None:
        """Save as the next version, and let this process see it at once."""
        obj.version += 1 if change else 0
        super().save_model(request, obj, form, change)
        forget_list()

    def delete_model(self, request: HttpRequest, obj: AllowedField) -> None:
        """Delete, and say what still reads the field."""
        super().delete_model(request, obj)
        self._removed(request, [obj.path])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AllowedField]) -> None:
        """Delete, and say what still reads the fields."""
        paths = list(queryset.values_list("path", flat=True))
        super().delete_queryset(request, queryset)
        self._removed(request, paths)

    def _removed(self, request: HttpRequest, paths: list[str]) -> None:
        forget_list()
        for path in paths:
            if readers := readers_of(path):
                messages.warning(request, f"{path} is still kept, because {', '.join(readers)} reads it.")
