"""Alarms about data and models: what does not hold, since when, and whether somebody has looked."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import action, display

from common.errors import DomainError
from modelops.admin.rows import (
    OF_VERSION,
    LightList,
    WrittenElsewhere,
    row_or_404,
)
from modelops.models import AlarmKind, ModelAlarm
from modelops.services.alarms import SETTLE, settle

COLORS = {"open": "danger", "settled": "success"}
MEANING = {
    AlarmKind.DATA: "What was to be learnt from is unlike what the live model learnt from: look at the checks, mend "
    "the feed they point at, and train again; where the shop itself has changed, a refused training can be forced.",
    AlarmKind.STABILITY: "The version that went live answers most shoppers otherwise than the one before: look at a "
    "few in the preview, and roll back where the answers are worse.",
    AlarmKind.DRIFT: "Traffic, or what shoppers were shown, is unlike before: look at the nights in the report; mend "
    "the storefront's tags where a feed fell silent, train anew where shoppers have changed, look at rules and "
    "placements where what is shown became less fair.",
}
"""Of each kind: what it means, and what to do next."""
WHOLE = 1_000
"""Numbers as large are counts."""


@admin.register(ModelAlarm)
class ModelAlarmAdmin(LightList, WrittenElsewhere):
    """Alarms are raised by training and by the nightly watch; here they are read, and settled."""

    when_empty = "Trainings and the nightly watch raise one where something does not hold."
    list_display = ("kind", "standing", "message", "model_version", "times", "raised_at", "latest_at", "settled_by")
    list_display_links = ("kind", "message")
    list_filter = ("kind",)
    list_select_related = ("model_version", "settled_by")
    heavy = ("checks", *OF_VERSION)
    fields = ("kind", "meaning", "message", "measured", "report", "model_version", "run", "raised_at", "latest_at",
              "times", "settled_at", "who_settled")  # fmt: skip
    actions_detail: ClassVar = ["settle_page"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer what can be done with this alarm: what is settled is not settled again."""
        offered = super().get_actions_detail(request, object_id)
        alarm = row_or_404(ModelAlarm.objects.all(), str(object_id))
        return [one for one in offered if one.path != "settle" or alarm.settled_at is None]

    def get_fields(self, request: HttpRequest, obj: ModelAlarm | None = None) -> Any:
        """Link to the run only whom that page is open to."""
        may = request.user.has_perm("modelops.view_trainingrun")
        return [name for name in self.fields if may or name != "run"]

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may settle an alarm."""
        return request.user.has_perm(SETTLE)

    @action(description="Settle", url_path="settle", permissions=["settle"])
    def settle_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then note that somebody has looked."""
        alarm = row_or_404(ModelAlarm.objects.select_related("model_version"), object_id)
        back = reverse("admin:modelops_modelalarm_changelist")
        if request.method == "POST":
            try:
                settle(alarm.pk, by=request.user)  # type: ignore[arg-type]
                messages.success(request, "Settled. The next bad measurement raises it anew.")
            except DomainError as error:
                messages.error(request, error.detail)
            return HttpResponseRedirect(back)
        context = {"title": f"Settle “{alarm.get_kind_display()}”?", "alarm": alarm, "back": back,
                   "meaning": self.meaning(alarm), "report": self.report(alarm)}  # fmt: skip
        return render(request, "modelops/settle_alarm.html", {**self.admin_site.each_context(request), **context})

    @display(description="state", label=COLORS)
    def standing(self, row: ModelAlarm) -> str:
        """Return whether somebody should still look."""
        return "open" if row.settled_at is None else "settled"

    @admin.display(description="settled by")
    def who_settled(self, row: ModelAlarm) -> str:
        """Return the name without a link: of those who come here, most may not open pages of staff."""
        return str(row.settled_by or "")

    @admin.display(description="what it means, and what next")
    def meaning(self, row: ModelAlarm) -> str:
        """Return it in a sentence."""
        return MEANING[AlarmKind(row.kind)]

    @admin.display(description="report")
    def report(self, row: ModelAlarm) -> str:
        """Return a link to the evaluation report of the version that was live."""
        if row.model_version is None:
            return "no version was live"
        page = reverse("admin:modelops_modelversion_evaluation_page", args=[row.model_version.pk])
        return format_html('<a href="{}">Evaluation of {}</a>', page, row.model_version.version)

    @admin.display(description="measured")
    def measured(self, row: ModelAlarm) -> str:
        """Return every check with its number and bar, what failed first."""
        return in_words(row.checks)


def in_words(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return checks of data, steadiness or drift as lines, what failed first."""
    ordered = sorted(checks, key=lambda check: bool(check["passed"]))
    return "\n".join(
        f"{'✓' if one['passed'] else '✗'} {one['name']}: {_told(one['value'])}, bar {_told(one['bar'])}"
        f" ({one['message']})"
        for one in ordered
    )


def _told(number: float | None) -> str:
    if number is None:  # as what is no number is stored
        return "–"
    return f"{number:,.0f}" if abs(number) >= WHOLE else f"{number:.4g}"
