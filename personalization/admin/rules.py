"""The admin of rules. Warnings and conflicts appear on saving and on the rule's page."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.staff import actor_of, names_of
from common.errors import DomainError
from personalization.admin.holdout_results import results_in_words
from personalization.admin.rule_builder import RuleBuilderPages
from personalization.admin.rule_form import RuleForm
from personalization.models import Rule, RuleVersion
from personalization.selectors.conflicts import warnings_of_rules
from personalization.selectors.rules import effect_of, places_of, products_of, state_of, window_of
from personalization.services.rules import create_rule, edit_rule, switch_rule, undo_rule
from personalization.trials.draft_form import DraftForm

CONDITIONS = (
    "Empty means: always. All conditions that are set must hold. Of the products and categories looked at, one match "
    "is enough, in a cart too."
)
TARGETS = (
    "Empty means: every product. A product must meet all conditions that are set. Separate names by commas; put a name "
    "that contains a comma in quotes."
)
STATES = {"off": "info", "scheduled": "warning", "running": "success", "ended": "info"}
"""The color of each state."""
LISTED = 5
"""The most names of one condition in a line of the list."""


@admin.register(Rule)
class RuleAdmin(RuleBuilderPages, ModelAdmin):
    """Rules with their current version. Every edit makes a new version; old versions stay."""

    form = RuleForm
    list_display = ("name", "state", "sentence", "about", "places", "window", "version")
    list_filter = ("active", "current__effect")
    list_select_related = ("current",)
    search_fields = ("name",)
    actions: ClassVar = ["switch_on", "switch_off"]
    actions_detail: ClassVar = ["undo_page"]
    readonly_fields = ("conflicts", "history")
    fieldsets: ClassVar = (
        (None, {"fields": (("name", "active"), "conflicts", "shown_version")}),
        ("What it does", {"fields": ("effect", ("position", "factor"), ("cap", "cap_by"), "priority",
                                     "holdout_percent")}),
        ("To which products", {"fields": ("products", "categories", "brands", ("min_price", "max_price"),
                                          ("min_stock", "max_stock")), "description": TARGETS}),
        ("When", {"fields": ("placements", "segments", "context_products", "context_categories", "starts_at",
                             "ends_at"),
                  "description": CONDITIONS}),
        ("Versions", {"fields": ("history",), "classes": ("tab",)}),
    )  # fmt: skip

    view_only_fieldsets: ClassVar = (
        (None, {"fields": (("name", "active"), "sentence", "about", "places", "window", "conflicts")}),
        ("Versions", {"fields": ("history",)}),
    )
    """For staff who may only view: the fields of the version are shown as text."""

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        """Show text in place of form-only fields to staff who may only view; a new rule has no versions yet."""
        if obj is None:
            first, *others = self.fieldsets[:-1]
            return ((None, {"fields": (("name", "active"), "shown_version")}), *others)
        return self.fieldsets if self.has_change_permission(request, obj) else self.view_only_fieldsets

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the form of a new rule."""
        page: HttpResponse = super().add_view(request, form_url, {**(extra_context or {}), "title": "New rule"})
        return page

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show a rule, with what its hold-out says below."""
        rows, findings = results_in_words(int(object_id)) if object_id.isdecimal() else ([], [])
        context = {**(extra_context or {}), "holdout": rows, "findings": findings}
        page: HttpResponse = super().change_view(request, object_id, form_url, context)
        return page

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return the fields of a draft, as the preview hands it over; its dates are in two fields each."""
        initial: dict[str, Any] = super().get_changeform_initial_data(request)
        dates = DraftForm(request.GET)
        dates.is_valid()
        return initial | {name: value for name in ("starts_at", "ends_at") if (value := dates.cleaned_data.get(name))}

    def save_model(self, request: HttpRequest, obj: Rule, form: RuleForm, change: bool) -> None:
        """Save through the services; then show warnings."""
        actor = actor_of(request)
        if not change:
            saved = create_rule(name=obj.name, wording=form.wording(), active=obj.active, actor=actor)
        else:
            saved = self._apply_changes(obj, form, actor)
        obj.pk, obj.current = saved.pk, saved.current
        for conflict in warnings_of_rules(obj.pk):
            messages.warning(request, conflict)

    def _apply_changes(self, obj: Rule, form: RuleForm, actor: str) -> Rule:
        active = obj.active if "active" in form.changed_data else None
        if form.changes_wording():
            return edit_rule(obj.pk, name=obj.name, wording=form.wording(), active=active, actor=actor)
        return obj if active is None else switch_rule(obj.pk, active=active, actor=actor)

    def has_delete_permission(self, request: HttpRequest, obj: Rule | None = None) -> bool:
        """Return False: past answers name rules. A rule can be switched off instead."""
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
        for conflict in warnings_of_rules(*(rule.pk for rule in chosen)) if active else ():
            messages.warning(request, conflict)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer to undo only where there is an earlier version, or the rule is on."""
        can_undo = str(object_id).isdecimal() and (
            RuleVersion.objects.filter(rule_id=object_id, number__gt=1).exists()
            or Rule.objects.filter(pk=object_id, active=True).exists()
        )
        return super().get_actions_detail(request, object_id) if can_undo else []

    @action(description="Undo the last change", url_path="undo", permissions=["change"])
    def undo_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show the last two versions; by POST, make the rule what it was in the earlier one."""
        rule = get_object_or_404(Rule, pk=object_id if object_id.isdecimal() else None)
        back = reverse("admin:personalization_rule_change", args=[rule.pk])
        if request.method != "POST":
            now, *earlier = _in_words(rule.versions.order_by("-number")[:2])
            context = {
                **self.admin_site.each_context(request),
                "title": f"Undo the last change of “{rule.name}”?",
                "back": back,
                "now": now,
                "earlier": earlier or (["off, as before it was made"] if rule.active else []),
                "number": rule.current.number if rule.current else 0,
            }
            return render(request, "personalization/undo_rule.html", context)
        number = request.POST.get("number", "")
        try:
            undone = undo_rule(rule.pk, version=int(number) if number.isdecimal() else 0, actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            state = "on" if undone.active else "off"
            messages.success(request, f"Undone. The rule is what it was before, as a new version. It is {state}.")
            for conflict in warnings_of_rules(rule.pk):
                messages.warning(request, conflict)
        return HttpResponseRedirect(back)

    @display(description="state", label=STATES)
    def state(self, rule: Rule) -> str:
        """Return whether the rule applies now."""
        return state_of(rule)

    @admin.display(description="what it does")
    def sentence(self, rule: Rule) -> str:
        """Return the effect in words."""
        return effect_of(rule.current) if rule.current else ""

    @admin.display(description="to which products")
    def about(self, rule: Rule) -> str:
        """Return the conditions on products."""
        return products_of(rule.current, most=LISTED) if rule.current else ""

    @admin.display(description="where")
    def places(self, rule: Rule) -> str:
        """Return the conditions on placements and context."""
        return places_of(rule.current, most=LISTED) if rule.current else ""

    @admin.display(description="when")
    def window(self, rule: Rule) -> str:
        """Return the date window."""
        return window_of(rule.current) if rule.current else ""

    @admin.display(description="version")
    def version(self, rule: Rule) -> int:
        """Return the number of the current version."""
        return rule.current.number if rule.current else 0

    @admin.display(description="conflicts")
    def conflicts(self, rule: Rule) -> str:
        """Return the warnings about this rule, one per line."""
        if not rule.active:
            return "the rule is off: conflicts are shown once it is on"
        return "\n".join(warnings_of_rules(rule.pk)) or "none"

    @admin.display(description="versions")
    def history(self, rule: Rule) -> str:
        """Return the versions with their authors, the latest first, one per line."""
        return "\n".join(_in_words(rule.versions.order_by("-number"))) if rule.pk else ""


def _in_words(versions: Iterable[RuleVersion]) -> list[str]:
    """Return each version in words, with its author."""
    rows = list(versions)
    names = names_of(one.created_by for one in rows)
    return [_version_in_words(one, by=names[one.created_by]) for one in rows]


def _version_in_words(version: RuleVersion, *, by: str) -> str:
    state = "on" if version.active else "off"
    text = f"{effect_of(version)}: {products_of(version)}; {places_of(version)}; {window_of(version)}"
    return f"v{version.number} {version.created_at:%Y-%m-%d %H:%M} UTC by {by}, {state}, “{version.name}”: {text}"
