"""The admin of alarms: which checks failed, since when, and whether the alarm is settled."""

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
    ReadOnlyRows,
    row_or_404,
)
from modelops.models import AlarmKind, ModelAlarm
from modelops.services.alarms import SETTLE, settle

COLORS = {"open": "danger", "settled": "success"}
MEANING = {
    AlarmKind.DATA: "The new training data differ from those of the live model. Look at the checks, repair the feed "
    "they point at, and train again. If the shop itself has changed, a refused training can be forced.",
    AlarmKind.STABILITY: "The new live version gives most shoppers other answers than the version before. Look at some "
    "of them in the preview, and roll back if the answers are worse.",
    AlarmKind.DRIFT: "Traffic, or what shoppers were shown, has changed. Look at the nights in the report. Repair the "
    "storefront's tags if a feed is silent, train again if shoppers have changed, and check rules and placements if "
    "the shown products became less fair.",
}
"""What each kind of alarm means, and what to do next."""
COMPLETE = 1_000
"""Numbers from here on are printed as counts."""


@admin.register(ModelAlarm)
class ModelAlarmAdmin(LightList, ReadOnlyRows):
    """Alarms are raised by training and the nightly watch; staff read and settle them here."""

    when_empty = "Trainings and the nightly watch raise an alarm if a check fails."
    list_display = ("kind", "state_label", "message", "model_version", "times", "raised_at", "latest_at", "settled_by")
    list_display_links = ("kind", "message")
    list_filter = ("kind",)
    list_select_related = ("model_version", "settled_by")
    deferred = ("checks", *OF_VERSION)
    fields = ("kind", "meaning", "message", "checks_text", "report", "model_version", "run", "raised_at", "latest_at",
              "times", "settled_at", "settled_by_name")  # fmt: skip
    actions_detail: ClassVar = ["settle_page"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Hide the button on a settled alarm."""
        actions = super().get_actions_detail(request, object_id)
        alarm = row_or_404(ModelAlarm.objects.all(), str(object_id))
        return [one for one in actions if one.path != "settle" or alarm.settled_at is None]

    def get_fields(self, request: HttpRequest, obj: ModelAlarm | None = None) -> Any:
        """Show the run only to staff who may view runs."""
        may = request.user.has_perm("modelops.view_trainingrun")
        return [name for name in self.fields if may or name != "run"]

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may settle an alarm."""
        return request.user.has_perm(SETTLE)

    @action(description="Settle", url_path="settle", permissions=["settle"])
    def settle_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then settle the alarm."""
        alarm = row_or_404(ModelAlarm.objects.select_related("model_version"), object_id)
        back = reverse("admin:modelops_modelalarm_changelist")
        if request.method == "POST":
            try:
                settle(alarm.pk, by=request.user)  # type: ignore[arg-type]
                messages.success(request, "Settled. The next bad measurement raises it again.")
            except DomainError as error:
                messages.error(request, error.detail)
            return HttpResponseRedirect(back)
        context = {"title": f"Settle “{alarm.get_kind_display()}”?", "alarm": alarm, "back": back,
                   "meaning": self.meaning(alarm), "report": self.report(alarm)}  # fmt: skip
        return render(request, "modelops/settle_alarm.html", {**self.admin_site.each_context(request), **context})

    @display(description="state", label=COLORS)
    def state_label(self, row: ModelAlarm) -> str:
        """Return whether the alarm is open."""
        return "open" if row.settled_at is None else "settled"

    @admin.display(description="settled by")
    def settled_by_name(self, row: ModelAlarm) -> str:
        """Return the name without a link: most readers may not view staff pages."""
        return str(row.settled_by or "")

    @admin.display(description="what it means, and what next")
    def meaning(self, row: ModelAlarm) -> str:
        """Return the meaning of the alarm's kind."""
        return MEANING[AlarmKind(row.kind)]

    @admin.display(description="report")
    def report(self, row: ModelAlarm) -> str:
        """Return a link to the evaluation report of the version that was live."""
        if row.model_version is None:
            return "no version was live"
        page = reverse("admin:modelops_modelversion_evaluation_page", args=[row.model_version.pk])
        return format_html('<a href="{}">Evaluation of {}</a>', page, row.model_version.version)

    @admin.display(description="measured")
    def checks_text(self, row: ModelAlarm) -> str:
        """Return all checks with number and bar, failed ones first."""
        return checks_in_words(row.checks)


def checks_in_words(checks: Sequence[Mapping[str, Any]]) -> str:
    """Return checks of data, stability or drift as lines, failed ones first."""
    failed_first = sorted(checks, key=lambda check: bool(check["passed"]))
    return "\n".join(
        f"{'✓' if one['passed'] else '✗'} {one['name']}: {_number(one['value'])}, bar {_number(one['bar'])}"
        f" ({one['message']})"
        for one in failed_first
    )


def _number(number: float | None) -> str:
    if number is None:  # NaN is stored as null
        return "–"
    return f"{number:,.0f}" if abs(number) >= COMPLETE else f"{number:.4g}"
