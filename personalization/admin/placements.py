"""Placements: rows, no code."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.widgets import UnfoldAdminSelectWidget

from audit.staff import actor_of
from personalization.admin.forms import PlacementForm, as_written, only_these, strategies
from personalization.models import Placement
from personalization.selectors.conflicts import doubts_of
from personalization.services.placements import save_placement

ORDER = "Applied in this order: filter → propose → rank → boost / bury → diversity → pin."


@admin.register(Placement)
class PlacementAdmin(ModelAdmin):
    """Every spot of the storefront; a change is live within two seconds."""

    form = PlacementForm
    list_display = ("key", "name", "about", "strategy", "size", "active")
    list_filter = ("active", "about")
    search_fields = ("key", "name")
    fieldsets: ClassVar = (
        (None, {"fields": (("key", "name"), "about", ("size", "active")), "description": ORDER}),
        (
            "Who proposes and ranks",
            {"fields": ("strategy", "sources", "fallback", "fresh_slots", ("repeat", "rest_days"))},
        ),
        (
            "A start for new products",
            {
                "fields": (("explore_share", "explore_cap"), ("explore_days", "explore_enough")),
                "description": "Now and then an answer shows a new product among those that suit the shopper. "
                "Its reason says so, and the exposure keeps the chance it had.",
            },
        ),
        (
            "Only these products",
            {
                "fields": (
                    ("filter_category", "filter_brand"),
                    ("filter_min_price", "filter_max_price", "filter_in_stock"),
                )
            },
        ),
        ("Diversity", {"fields": (("max_per_brand", "max_per_category"), "dedupe_group")}),
    )

    seen_fieldsets: ClassVar = (
        fieldsets[0],
        (
            "Who proposes and ranks",
            {"fields": ("strategy", "proposing", "filling", "fresh_slots", ("repeat", "rest_days"))},
        ),
        fieldsets[2],
        ("Only these products", {"fields": ("only",)}),
        fieldsets[4],
    )
    """For who may look and not change: what the form makes of several columns, in words."""

    def get_fieldsets(self, request: HttpRequest, obj: Placement | None = None) -> Any:
        """Show words in place of fields that only the form has."""
        return self.fieldsets if obj is None or self.has_change_permission(request, obj) else self.seen_fieldsets

    @admin.display(description="sources")
    def proposing(self, row: Placement) -> str:
        """Return the sources with their weights."""
        return as_written(row, "sources") or "all of the model"

    @admin.display(description="fallback")
    def filling(self, row: Placement) -> str:
        """Return what fills a slate that is too short."""
        return as_written(row, "fallback")

    @admin.display(description="only")
    def only(self, row: Placement) -> str:
        """Return the filters."""
        return only_these(row)

    def get_readonly_fields(self, request: HttpRequest, obj: Placement | None = None) -> tuple[str, ...]:
        """Keep the key of a placement that storefronts may use already."""
        return ("key",) if obj is not None else ()

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the strategies there are."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "strategy" and field is not None:
            field.widget = UnfoldAdminSelectWidget(choices=strategies())
        return field

    def save_model(self, request: HttpRequest, obj: Placement, form: PlacementForm, change: bool) -> None:
        """Save through the service, which records it and tells the serving processes; name what finds nothing."""
        data = {name: value for name, value in form.changes().items() if name != "key"}
        saved = save_placement(obj.key, data=data, actor=actor_of(request), new=not change)
        obj.pk = saved.pk
        for doubt in doubts_of(saved):
            messages.warning(request, doubt)

    def has_delete_permission(self, request: HttpRequest, obj: Placement | None = None) -> bool:
        """Exposures name placements: switch one off instead."""
        return False
