"""The admin of placements."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from audit.staff import actor_of
from personalization.admin.forms import PlacementForm, filters_in_words, sources_in_words, strategies
from personalization.models import Placement
from personalization.selectors.conflicts import placement_warnings
from personalization.services.placements import save_placement

WHAT_IS_KNOWN = ("discovery_share", ("repeat", "rest_days"))
"""Fields about products that the shopper knows."""
ORDER = "Applied in this order: filter → propose → rank → boost / bury → diversity → pin."


@admin.register(Placement)
class PlacementAdmin(ModelAdmin):
    """Placements of the storefront; a change is live within two seconds."""

    form = PlacementForm
    change_form_before_template = "personalization/placement_tabs.html"
    list_display = ("key", "name", "about", "strategy", "size", "active")
    list_filter = ("active", "about")
    search_fields = ("key", "name")
    fieldsets: ClassVar = (
        (None, {"fields": (("key", "name"), "about", ("size", "active")), "description": ORDER}),
        (
            "Who proposes and ranks",
            {"fields": ("strategy", "sources", "fallback", "recent_item_slots", *WHAT_IS_KNOWN)},
        ),
        (
            "A start for new products",
            {
                "fields": (("explore_share", "explore_cap"), ("explore_days", "explore_enough")),
                "description": "Some answers show one new product that suits the shopper. Its reason says so, and the "
                "exposure keeps the chance it had to be shown.",
            },
        ),
        (
            "Only these products",
            {
                "fields": (
                    ("filter_category", "filter_brand", "filter_attributes"),
                    ("filter_min_price", "filter_max_price"),
                    "sold_out",
                )
            },
        ),
        ("Diversity", {"fields": (("max_per_brand", "max_per_category"),)}),
    )

    view_only_fieldsets: ClassVar = (
        fieldsets[0],
        (
            "Who proposes and ranks",
            {"fields": ("strategy", "sources_text", "fallback_text", "recent_item_slots", *WHAT_IS_KNOWN)},
        ),
        fieldsets[2],
        ("Only these products", {"fields": ("filters_text", "sold_out")}),
        fieldsets[4],
    )
    """For staff who may only view: form-only fields are shown as text."""

    def get_fieldsets(self, request: HttpRequest, obj: Placement | None = None) -> Any:
        """Show text in place of form-only fields to staff who may only view."""
        return self.fieldsets if obj is None or self.has_change_permission(request, obj) else self.view_only_fieldsets

    @admin.display(description="sources")
    def sources_text(self, row: Placement) -> str:
        """Return the sources with their weights."""
        return sources_in_words(row, "sources") or "all of the model"

    @admin.display(description="fallback")
    def fallback_text(self, row: Placement) -> str:
        """Return the recommenders that fill a short slate."""
        return sources_in_words(row, "fallback")

    @admin.display(description="only")
    def filters_text(self, row: Placement) -> str:
        """Return the filters."""
        return filters_in_words(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Placement | None = None) -> tuple[str, ...]:
        """Make the key of an existing placement read-only: storefronts may use it."""
        return ("key",) if obj is not None else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the existing strategies as choices."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "strategy" and field is not None:
            field.widget = UnfoldAdminSelectWidget(choices=strategies())
        return field

    def save_model(self, request: HttpRequest, obj: Placement, form: PlacementForm, change: bool) -> None:
        """Save through the service, which audits and announces the change; then show warnings."""
        data = {name: value for name, value in form.changes().items() if name != "key"}
        saved = save_placement(obj.key, data=data, actor=actor_of(request), new=not change)
        obj.pk = saved.pk
        for doubt in placement_warnings(saved):
            messages.warning(request, doubt)

    def has_delete_permission(self, request: HttpRequest, obj: Placement | None = None) -> bool:
        """Return False: exposures name placements. A placement can be switched off instead."""
        return False
