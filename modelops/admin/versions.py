"""Model versions: side by side, with their ladder; promote and roll back, asked twice and on record."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.decorators import action, display

from audit.staff import actor_of
from common import clock
from common.errors import DomainError
from modelops.admin.evaluation import EvaluationPage
from modelops.admin.rows import LightList, WrittenElsewhere, row_or_404
from modelops.admin.waivers import WaiverRequestPage
from modelops.models import ModelVersion
from modelops.selectors.alarms import alarms_of
from modelops.selectors.comparison import (
    compared,
    held_back,
    ladder_of,
    titled,
    waived,
)
from modelops.selectors.registry import (
    live_version,
    may_be_waived,
    may_go_live,
    previous_champion,
    valid_waiver,
)
from modelops.services.registry import promote, roll_back

COLORS = {"champion": "success", "candidate": "info", "retired": "warning", "refused": "danger",
          "waived": "danger"}  # fmt: skip


@admin.register(ModelVersion)
class ModelVersionAdmin(EvaluationPage, WaiverRequestPage, LightList, WrittenElsewhere):
    """Versions are made by training; here they are compared, promoted and rolled back."""

    when_empty = "A training brings the first: see Training runs."
    list_display = ("version", "standing", "stage", "ndcg", "precision", "recall", "rmse", "created_at", "promoted_at")
    list_filter = ("state",)
    heavy = ("report",)
    search_fields = ("version",)
    ordering = ("-created_at",)
    fields = ("version", "state", "stage", "measured", "ladder", "checks", "refusal", "alarms", "held_back", "seed",
              "data_hash", "artefact_hash", "created_at", "promoted_at", "learnt_again", "retired_at",
              "pruned_at")  # fmt: skip
    actions_list: ClassVar = ["side_by_side", "roll_back_page"]
    actions_detail: ClassVar = ["evaluation_page", "promote_page", "ask_waiver_page"]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer what can be done with this version: nothing that would be refused."""
        offered = super().get_actions_detail(request, object_id)
        version = row_or_404(ModelVersion.objects.all(), str(object_id))
        possible = {"promote": may_go_live(version), "ask-waiver": may_be_waived(version)}
        return [one for one in offered if possible.get(one.path, True)]

    @action(description="Side by side", url_path="side-by-side", permissions=["view"])
    def side_by_side(self, request: HttpRequest) -> HttpResponse:
        """Show metrics and ladders of the latest versions beside each other."""
        context = {"title": "Model versions side by side", **compared()}
        return self._page(request, "modelops/side_by_side.html", context)

    @action(description="Roll back", url_path="roll-back", permissions=["change"])
    def roll_back_page(self, request: HttpRequest) -> HttpResponse:
        """Ask, then make the version live again that was live before."""
        target = previous_champion()
        if request.method == "POST":
            return self._done(request, lambda: roll_back(**_decision(request)), "is live again")
        return self._ask(request, target, verb="Roll back", gated=False)

    @action(description="Promote", url_path="promote", permissions=["change"])
    def promote_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then make this version live."""
        target = row_or_404(ModelVersion.objects.all(), object_id)
        if request.method == "POST":
            return self._done(request, lambda: promote(target.version, **_decision(request)), "is live")
        return self._ask(request, target, verb="Promote", gated=True)

    def _ask(self, request: HttpRequest, target: ModelVersion | None, *, verb: str, gated: bool) -> HttpResponse:
        live, measured = live_version(), target.metrics if target else {}
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
                (called, live.metrics.get(name) if live else None, measured[name]) for name, called in titled(measured)
            ],
        }
        return self._page(request, "modelops/confirm_version.html", context)

    def _done(self, request: HttpRequest, change: Any, told: str) -> HttpResponse:
        try:
            messages.success(request, f"{change().version} {told}; every web process follows within two seconds.")
        except DomainError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:modelops_modelversion_changelist"))

    def _page(self, request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
        back = reverse("admin:modelops_modelversion_changelist")
        return render(request, template, {**self.admin_site.each_context(request), "back": back, **context})

    @display(description="state", label=COLORS)
    def standing(self, row: ModelVersion) -> tuple[str, str]:
        """Return the state as a label; of what a waiver let through, what the gate had said as well."""
        told = row.get_state_display()
        return ("waived", f"{told}, refused by the gate") if waived(row) else (row.state, told)

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
        """Return the error of predicted stars, where the shop has ratings, beside that of biases alone."""
        own, biases = _number(row, "rmse_svd"), _number(row, "rmse_biases")
        return f"{own} (biases {biases})" if "rmse_biases" in row.metrics else own

    @admin.display(description="metrics")
    def measured(self, row: ModelVersion) -> str:
        """Return what was measured on the held-out shoppers, with as many decimals as the list has."""
        return "\n".join(f"{title} {_number(row, name)}" for name, title in titled(row.metrics)) or "none"

    @admin.display(description="over-exposed items held back")
    def held_back(self, row: ModelVersion) -> str:
        """Return how strongly."""
        return held_back(row)

    @admin.display(description="ladder")
    def ladder(self, row: ModelVersion) -> str:
        """Return the stages with their figures."""
        return "\n".join(step.sentence for step in ladder_of(row.report)) or "not judged"

    @admin.display(description="gate")
    def checks(self, row: ModelVersion) -> str:
        """Return every check in words, what failed first."""
        checks = sorted(row.gate.get("checks", ()), key=lambda check: bool(check["passed"]))
        words = (f"{'✓' if one['passed'] else '✗'} {one['name']}: {one['detail']}" for one in checks)
        return "\n".join(words) or "never judged"

    @admin.display(description="learnt again")
    def learnt_again(self, row: ModelVersion) -> str:
        """Return from what an increment was made last, its hash, when that was tried last, and what was in its way."""
        told = row.increment
        words = ["nothing so far"] if told and "directory" not in told else []
        if "directory" in told:
            words.append(f"from {told['interactions']:,} interactions; artefact {told['artefact_hash']}")
        if "at" in told:
            at = datetime.fromisoformat(told["at"])
            words.append(f"last tried {at:%Y-%m-%d %H:%M} UTC, in {told['seconds']:.1f} s")
        if "refused" in told:
            words.append(f"the data look broken: {', '.join(told['refused'])}")
        if "deaths" in told:
            until = datetime.fromisoformat(told["next"])
            words.append(
                f"attempts in a row whose process was killed, as by want of memory: {told['deaths']}; "
                f"no other one before {until:%Y-%m-%d %H:%M} UTC, or before another version is live"
            )
        return "\n".join(words) or ("not since it went live" if row.promoted_at else "it was never live")

    @admin.display(description="alarms")
    def alarms(self, row: ModelVersion) -> str:
        """Return what staff should look at, or have looked at, while this version was live."""
        words = (
            f"{'settled' if one.settled_at else 'open'}, {one.raised_at:%Y-%m-%d}: {one.message}"
            + ("" if one.model_version_id == row.pk else f" (raised last under {one.model_version or 'no version'})")
            for one in alarms_of(row)
        )
        return "\n".join(words) or "none"


def _decision(request: HttpRequest) -> dict[str, Any]:
    """Return who decides, and which version was live on the page that asked."""
    return {"actor": actor_of(request), "over": request.POST.get("over")}


def _number(row: ModelVersion, name: str) -> str:
    value = row.metrics.get(name)
    return "–" if value is None else f"{value:.4f}"
