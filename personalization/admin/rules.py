"""Rules: pin, boost, bury, exclude, show only, cap. Conflicts are named when a rule is saved and on its page."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from audit.staff import actor_of, names_of
from personalization.admin.forms import RuleForm
from personalization.models import Rule, RuleVersion
from personalization.selectors.conflicts import conflicts_of
from personalization.selectors.rules import places_of, products_of, pure_rule, window_of
from personalization.services.rules import create_rule, edit_rule, switch_rule

CONDITIONS = (
    "Empty means: always. All conditions that are set must hold; of the products and categories looked at one will do, "
    "in a cart as well."
)
TARGETS = (
    "Empty means: every product. A product must meet all conditions that are set. Names stand between commas, one that "
    "holds a comma in quotes."
)
LISTED = 5
"""How many names of each condition a line of the list has room for."""


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    """Rules with their wording; every edit is a new version, the old ones stay."""

    form = RuleForm
    list_display = ("name", "sentence", "about", "places", "window", "version", "active")
    list_filter = ("active", "current__effect")
    list_select_related = ("current",)
    search_fields = ("name",)
    actions: ClassVar = ["switch_on", "switch_off"]
    readonly_fields = ("conflicts", "history")
    fieldsets: ClassVar = (
        (None, {"fields": (("name", "active"), "conflicts", "seen")}),
        ("What it does", {"fields": ("effect", ("position", "factor"), ("cap", "cap_by"), "priority")}),
        ("To which products", {"fields": ("products", "categories", "brands", ("min_price", "max_price"),
                                          ("min_stock", "max_stock")), "description": TARGETS}),
        ("When", {"fields": ("placements", "context_products", "context_categories", "starts_at", "ends_at"),
                  "description": CONDITIONS}),
        ("Versions", {"fields": ("history",), "classes": ("tab",)}),
    )  # fmt: skip

    seen_fieldsets: ClassVar = (
        (None, {"fields": (("name", "active"), "sentence", "about", "places", "window", "conflicts")}),
        ("Versions", {"fields": ("history",)}),
    )
    """For who may look and not change: the wording is no column of the rule, so it is told in words."""

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        """Show words in place of fields that only the form has."""
        return self.fieldsets if obj is None or self.has_change_permission(request, obj) else self.seen_fieldsets

    def save_model(self, request: HttpRequest, obj: Rule, form: RuleForm, change: bool) -> None:
        """Save through the services; name the conflicts."""
        actor = actor_of(request)
        if not change:
            saved = create_rule(name=obj.name, wording=form.wording(), active=obj.active, actor=actor)
        else:
            saved = self._changed(obj, form, actor)
        obj.pk, obj.current = saved.pk, saved.current
        for conflict in conflicts_of(obj.pk):
            messages.warning(request, conflict)

    def _changed(self, obj: Rule, form: RuleForm, actor: str) -> Rule:
        saved = obj
        if form.rewords():
            saved = edit_rule(obj.pk, name=obj.name, wording=form.wording(), actor=actor)
        if "active" in form.changed_data:
            saved = switch_rule(obj.pk, active=obj.active, actor=actor)
        return saved

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        """Past answers name rules: switch one off instead."""
        return False

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, chosen: QuerySet[Rule]) -> None:
        """Switch the chosen rules on."""
        self._switch(request, chosen, active=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, chosen: QuerySet[Rule]) -> None:
        """Switch the chosen rules off."""
        self._switch(request, chosen, active=False)

    def _switch(self, request: HttpRequest, chosen: QuerySet[Rule], *, active: bool) -> None:
        for rule in chosen:
            switch_rule(rule.pk, active=active, actor=actor_of(request))
        messages.success(request, f"{len(chosen)} switched {'on' if active else 'off'}.")
        for conflict in conflicts_of(*(rule.pk for rule in chosen)) if active else ():
            messages.warning(request, conflict)

    @admin.display(description="what it does")
    def sentence(self, rule: Rule) -> str:
        """Return the effect in words."""
        return _effect(rule.current) if rule.current else ""

    @admin.display(description="to which products")
    def about(self, rule: Rule) -> str:
        """Return the conditions on products."""
        return products_of(rule.current, most=LISTED) if rule.current else ""

    @admin.display(description="where")
    def places(self, rule: Rule) -> str:
        """Return the placements, and what is looked at."""
        return places_of(rule.current, most=LISTED) if rule.current else ""

    @admin.display(description="when")
    def window(self, rule: Rule) -> str:
        """Return the date window."""
        return window_of(rule.current) if rule.current else ""

    @admin.display(description="version")
    def version(self, rule: Rule) -> int:
        """Return the number of the present wording."""
        return rule.current.number if rule.current else 0

    @admin.display(description="conflicts")
    def conflicts(self, rule: Rule) -> str:
        """Return what stands in the way of this rule."""
        if not rule.pk:
            return "named once the rule is saved"
        if not rule.active:
            return "switched off: conflicts are named once it is on"
        return "\n".join(conflicts_of(rule.pk)) or "none"

    @admin.display(description="versions")
    def history(self, rule: Rule) -> str:
        """Return who worded it how, the latest first."""
        versions = list(rule.versions.order_by("-number")) if rule.pk else []
        names = names_of(version.created_by for version in versions)
        return "\n".join(_told(version, by=names[version.created_by]) for version in versions)


def _effect(version: RuleVersion) -> str:
    return pure_rule("", version).sentence.removeprefix(": ")


def _told(version: RuleVersion, *, by: str) -> str:
    said = f"{_effect(version)}: {products_of(version)}; {places_of(version)}; {window_of(version)}"
    return f"v{version.number} {version.created_at:%Y-%m-%d %H:%M} UTC {by}: {said}"
