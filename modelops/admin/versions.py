"""The admin of model versions: compare, promote and roll back, with confirmation and audit."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html_join
from unfold.decorators import action, display

from audit.staff import actor_of
from common import clock
from common.errors import DomainError
from modelops.admin.evaluation import EvaluationPage
from modelops.admin.rows import LightList, ReadOnlyRows, row_or_404
from modelops.admin.waivers import WaiverRequestPage
from modelops.models import ModelVersion
from modelops.selectors.alarms import alarms_of
from modelops.selectors.comparison import (
    comparison,
    exposure_strength,
    is_waived,
    with_titles,
)
from modelops.selectors.ladder import ladder_of
from modelops.selectors.registry import (
    live_version,
    may_be_waived,
    may_go_live,
    previous_champion,
    valid_waiver,
)
from modelops.selectors.tracking import run_page, tracking_page
from modelops.selectors.verdict import verdict_of
from modelops.services.registry import promote, roll_back

COLORS = {"champion": "success", "candidate": "info", "retired": "warning", "refused": "danger",
          "waived": "danger"}  # fmt: skip


CHECK_ROW = '<p><span class="v-chip {}">{}</span> {} <strong>{}</strong> {}<br>{}</p>'


@admin.register(ModelVersion)
class ModelVersionAdmin(EvaluationPage, WaiverRequestPage, LightList, ReadOnlyRows):
    """Versions are made by training; staff compare, promote and roll them back here."""

    when_empty = "A training makes the first one: see Training runs."
    list_display = (
        "version",
        "state_label",
        "verdict_text",
        "stage",
        "ndcg",
        "precision",
        "recall",
        "rmse",
        "created_at",
        "promoted_at",
    )
    list_filter = ("state",)
    deferred = ("report", "increment")
    search_fields = ("version",)
    ordering = ("-created_at",)
    list_per_page = 25
    fields = ("version", "state", "verdict_panel", "stage", "metrics_text", "ladder", "checks", "alarms", "held_back",
              "seed", "data_hash", "artifact_hash", "created_at", "promoted_at", "increment_text", "retired_at",
              "pruned_at", "tracking")  # fmt: skip
    actions_list: ClassVar = ["comparison_page", "roll_back_page"]
    actions_detail: ClassVar = ["evaluation_page", "comparison_with_live", "promote_page", "ask_waiver_page"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Show only buttons whose action is possible for this version."""
        actions = super().get_actions_detail(request, object_id)
        version = row_or_404(ModelVersion.objects.all(), str(object_id))
        possible = {"promote": may_go_live(version), "ask-waiver": may_be_waived(version)}
        return [one for one in actions if possible.get(one.path, True)]

    @action(description="Side by side", url_path="side-by-side", permissions=["view"])
    def comparison_page(self, request: HttpRequest) -> HttpResponse:
        """Show metrics and ladders of the latest versions side by side."""
        context = {"title": "Model versions side by side", **comparison()}
        return self._page(request, "modelops/compare_versions.html", context)

    @action(description="Roll back", url_path="roll-back", permissions=["change"])
    def roll_back_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for confirmation, then make the previous live version live again."""
        target = previous_champion()
        if request.method == "POST":
            return self._perform(request, lambda: roll_back(**_decision(request)), "is live again")
        return self._confirm(request, target, verb="Roll back", gated=False)

    @action(description="Promote", url_path="promote", permissions=["change"])
    def promote_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then make this version live."""
        target = row_or_404(ModelVersion.objects.all(), object_id)
        if request.method == "POST":
            return self._perform(request, lambda: promote(target.version, **_decision(request)), "is live")
        return self._confirm(request, target, verb="Promote", gated=True)

    @action(description="Against live", url_path="against-live", permissions=["view"])
    def comparison_with_live(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Go to the page that compares this version with the live one."""
        return redirect("portal:model-comparison", row_or_404(ModelVersion.objects.all(), object_id).pk)

    def _confirm(self, request: HttpRequest, target: ModelVersion | None, *, verb: str, gated: bool) -> HttpResponse:
        live, metrics = live_version(), target.metrics if target else {}
        title = f"{verb} to {target.version}?" if target else "There is no version to go back to"
        context = {
            "title": title,
            "target": target,
            "live": live,
            "verb": verb,
            "gated": gated,
            "possible": target is not None and (not gated or may_go_live(target)),
            "waiver": valid_waiver(target, now=clock.now()) if target else None,
            "metrics": [
                (called, live.metrics.get(name) if live else None, metrics[name])
                for name, called in with_titles(metrics)
            ],
        }
        return self._page(request, "modelops/confirm_version.html", context)

    def _perform(self, request: HttpRequest, change: Any, outcome: str) -> HttpResponse:
        try:
            messages.success(request, f"{change().version} {outcome}; every web process follows within two seconds.")
        except DomainError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:modelops_modelversion_changelist"))

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        back = reverse("admin:modelops_modelversion_changelist")
        return render(request, template, {**self.admin_site.each_context(request), "back": back, **context})

    @display(description="state", label=COLORS)
    def state_label(self, row: ModelVersion) -> tuple[str, str]:
        """Return the state as a label; for a version live by a waiver, also that it failed the gate."""
        state = row.get_state_display()
        return ("waived", f"{state}, refused by the gate") if is_waived(row) else (row.state, state)

    @admin.display(description="verdict")
    def verdict_text(self, row: ModelVersion) -> str:
        """Return the verdict of the gate in one sentence."""
        return verdict_of(row).sentence

    @admin.display(description="verdict")
    def verdict_panel(self, row: ModelVersion) -> str:
        """Return the verdict, what would pass, and what to do."""
        return verdict_html(row)

    @admin.display(description="MLflow")
    def tracking(self, row: ModelVersion) -> str:
        """Return links to the version's run in MLflow and to all copies there, if it is configured."""
        page, run = tracking_page(), run_page(row)
        if not page:
            return "not configured"
        links = [(run, "The run of this version")] if run else []
        links.append((page, "All versions"))
        return format_html_join(", ", '<a href="{}" rel="noopener">{}</a>', links)

    @admin.display(description="NDCG@10")
    def ndcg(self, row: ModelVersion) -> str:
        """Return NDCG@10 on the test fold."""
        return _number(row, "ndcg@10")

    @admin.display(description="Precision@10")
    def precision(self, row: ModelVersion) -> str:
        """Return Precision@10 on the test fold."""
        return _number(row, "precision@10")

    @admin.display(description="Recall@10")
    def recall(self, row: ModelVersion) -> str:
        """Return Recall@10 on the test fold."""
        return _number(row, "recall@10")

    @admin.display(description="RMSE")
    def rmse(self, row: ModelVersion) -> str:
        """Return the RMSE of predicted ratings next to that of biases alone, if the shop has ratings."""
        own, biases = _number(row, "rmse_svd"), _number(row, "rmse_biases")
        return f"{own} (biases {biases})" if "rmse_biases" in row.metrics else own

    @admin.display(description="metrics")
    def metrics_text(self, row: ModelVersion) -> str:
        """Return all metrics on held-out shoppers, one per line."""
        return "\n".join(f"{title} {_number(row, name)}" for name, title in with_titles(row.metrics)) or "none"

    @admin.display(description="over-exposed items held back")
    def held_back(self, row: ModelVersion) -> str:
        """Return the strength in words."""
        return exposure_strength(row)

    @admin.display(description="ladder")
    def ladder(self, row: ModelVersion) -> str:
        """Return the stages of the ladder with their metrics, one per line."""
        return "\n".join(step.sentence for step in ladder_of(row.report)) or "not judged"

    @admin.display(description="gate")
    def checks(self, row: ModelVersion) -> str:
        """Return all checks of the gate as labels with numbers, failed ones first."""
        lines = verdict_of(row).lines
        cells = ((one.status.mark, one.status, one.title, one.measured, one.bar, one.detail) for one in lines)
        return format_html_join("", CHECK_ROW, cells) if lines else "never judged"

    @admin.display(description="learnt again")
    def increment_text(self, row: ModelVersion) -> str:
        """Return data and hash of the latest increment, the time of the last attempt, and its problems."""
        increment = row.increment
        words = ["nothing yet"] if increment and "directory" not in increment else []
        if "directory" in increment:
            words.append(f"from {increment['interactions']:,} interactions; artifact {increment['artifact_hash']}")
        if "at" in increment:
            at = datetime.fromisoformat(increment["at"])
            words.append(f"last tried {at:%Y-%m-%d %H:%M} UTC, in {increment['seconds']:.1f} s")
        if "refused" in increment:
            words.append(f"the data look broken: {', '.join(increment['refused'])}")
        if "deaths" in increment:
            until = datetime.fromisoformat(increment["next"])
            words.append(
                f"attempts in a row whose process was killed, as by lack of memory: {increment['deaths']}; "
                f"no other attempt before {until:%Y-%m-%d %H:%M} UTC, or before another version is live"
            )
        return "\n".join(words) or ("not since it went live" if row.promoted_at else "it was never live")

    @admin.display(description="alarms")
    def alarms(self, row: ModelVersion) -> str:
        """Return the alarms of the time while this version was live, one per line."""
        words = (
            f"{'settled' if one.settled_at else 'open'}, {one.raised_at:%Y-%m-%d}: {one.message}"
            + ("" if one.model_version_id == row.pk else f" (raised last under {one.model_version or 'no version'})")
            for one in alarms_of(row)
        )
        return "\n".join(words) or "none"


def verdict_html(row: ModelVersion) -> str:
    """Return the verdict on a version as a panel for a read-only field."""
    return render_to_string("modelops/verdict_panel.html", {"verdict": verdict_of(row), "version": row})


def _decision(request: HttpRequest) -> dict[str, Any]:
    """Return the deciding person, and the version that was live on the confirmation page."""
    return {"actor": actor_of(request), "over": request.POST.get("over")}


def _number(row: ModelVersion, name: str) -> str:
    value = row.metrics.get(name)
    return "–" if value is None else f"{value:.4f}"
