"""The admin of training runs: start, watch and stop them."""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.staff import NamesActors, ReadOnly, actor_of, name_of
from common.errors import DomainError
from modelops.admin.alarms import checks_in_words
from modelops.admin.rows import OF_VERSION, LightList, row_or_404
from modelops.admin.versions import verdict_html
from modelops.models import RunState, Sampler, TrainingRun
from modelops.selectors.comparison import search_of
from modelops.selectors.forecast import forecast
from modelops.selectors.permission import LATER_CONSENT, WHERE_SHOWN, missing_permission
from modelops.selectors.runs import REFUSED, advice_of, message_of, outcome_of, state_of, with_verdicts
from modelops.selectors.steps import duration_text, seconds_of, step_bars
from modelops.selectors.verdict import verdict_of
from modelops.services.runs import may_be_stopped, queue_once, stop_training

COLORS = {
    "queued": "info",
    "running": "warning",
    "done": "success",
    "failed": "danger",
    "stopped": "info",
    REFUSED: "danger",
}
N_LIVE_RUNS = 50
SIZES = {
    "interactions": "interactions",
    "shoppers": "shoppers",
    "items": "products in the catalog, with or without interactions",
}


class TrainingForm(forms.Form):
    """Options of a training; the defaults are no tuning, and the setting's exposure strength."""

    minutes = forms.IntegerField(min_value=0, max_value=1440, required=False, initial=0)
    sampler = forms.ChoiceField(choices=Sampler, required=False, initial=Sampler.TPE)
    exposure = forms.FloatField(min_value=0, max_value=1, required=False, initial=lambda: settings.EXPOSURE_STRENGTH)
    forced = forms.BooleanField(required=False)
    thorough = forms.BooleanField(required=False)

    def clean_exposure(self) -> float:
        """Return the strength; the default is the setting."""
        strength: float | None = self.cleaned_data["exposure"]
        return settings.EXPOSURE_STRENGTH if strength is None else strength


@admin.register(TrainingRun)
class TrainingRunAdmin(NamesActors, LightList, ReadOnly, ModelAdmin):
    """Each run writes its own row while it works; the list is updated live."""

    when_empty = "The nightly schedule or Train now starts one."
    list_display = (
        "id",
        "state_label",
        "bar",
        "step",
        "message_text",
        "duration",
        "model_version",
        "who",
        "created_at",
        "finished_at",
    )
    list_filter = ("state",)
    list_select_related = ("model_version",)
    list_per_page = 25
    deferred = ("data_report", "steps", *(one for one in OF_VERSION if one != "model_version__gate"))
    fields = ("state_chip", "step", "bar", "message_text", "verdict_panel", "steps_table",
              "model_version", "who", "search", "exposure",
              "seed", "forced", "thorough", "stopped_by", "sizes", "removed", "imputed", "checks", "created_at",
              "started_at",
              "finished_at")  # fmt: skip
    list_before_template = "modelops/live_runs.html"
    actions_list: ClassVar = ["train_page"]
    actions_detail: ClassVar = ["stop_page"]

    def get_queryset(self, request: HttpRequest) -> Any:
        """Add the gate's verdict."""
        return with_verdicts(super().get_queryset(request))

    def get_readonly_fields(self, request: HttpRequest, obj: TrainingRun | None = None) -> Any:
        """Make all fields read-only: only the run writes its row."""
        return (*self.fields, "broke_at", "advice")

    def get_fields(self, request: HttpRequest, obj: TrainingRun | None = None) -> Any:
        """Show of a failed run where it broke and what to do, in place of the running step."""
        if obj is None or state_of(obj) != RunState.FAILED:
            return self.fields
        rest = [name for name in self.fields if name not in ("state_chip", "step", "message_text")]
        return ["state_chip", "broke_at", "message_text", "advice", *rest]

    def has_train_permission(self, request: HttpRequest) -> bool:
        """Return whether this person may start a training."""
        return request.user.has_perm("modelops.add_trainingrun")

    def get_urls(self) -> list[URLPattern]:
        """Add the URL that the live list polls."""
        live = path("live", self.admin_site.admin_view(self.live), name="modelops_trainingrun_live")
        urls: list[URLPattern] = super().get_urls()
        return [live, *urls]

    def live(self, request: HttpRequest) -> HttpResponse:
        """Return state, outcome, step and percent of the latest runs."""
        if not self.has_view_permission(request):
            return HttpResponse(status=403)
        runs = with_verdicts(TrainingRun.objects.order_by("-created_at")).defer("data_report", "steps")[:N_LIVE_RUNS]
        return JsonResponse({"runs": [_run_body(run) for run in runs]}, headers={"Cache-Control": "no-store"})

    @action(description="Train now", url_path="train", permissions=["train"])
    def train_page(self, request: HttpRequest) -> HttpResponse:
        """Ask for the options, then queue a training."""
        back = reverse("admin:modelops_trainingrun_changelist")
        form = TrainingForm(request.POST if request.method == "POST" else None)
        if not form.is_valid():
            context = {"title": "Train a new model?", "back": back, "form": form, "samplers": Sampler.choices,
                       "forecast": forecast(), "refusal": missing_permission(),
                       "later_consent": LATER_CONSENT}  # fmt: skip
            return render(
                request,
                "modelops/confirm_training.html",
                {**self.admin_site.each_context(request), **context},
                status=422 if form.errors else 200,
            )
        cleaned = form.cleaned_data
        wish = {
            "budget_s": 60 * (cleaned["minutes"] or 0),
            "sampler": cleaned["sampler"] or Sampler.TPE,
            "exposure": cleaned["exposure"],
            "forced": cleaned["forced"],
            "thorough": cleaned["thorough"],
        }
        run, is_new = queue_once(actor=actor_of(request), **wish)
        if is_new:
            messages.success(request, f"Training {run.pk} is queued.")
        else:
            messages.info(request, f"The same training, {run.pk}, is queued already; its message was sent again.")
        return HttpResponseRedirect(back)

    def has_stop_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may stop a training: those who may start one."""
        return self.has_train_permission(request)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Show the stop button only on runs that can be stopped."""
        actions = super().get_actions_detail(request, object_id)
        run = row_or_404(TrainingRun.objects.all(), str(object_id))
        return actions if may_be_stopped(run) else []

    @action(description="Stop", url_path="stop", permissions=["stop"])
    def stop_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then request the stop."""
        run = row_or_404(TrainingRun.objects.all(), object_id)
        back = reverse("admin:modelops_trainingrun_changelist")
        if request.method != "POST":
            context = {"title": f"Stop training {run.pk}?", "back": back, "run": run, "who": self.who(run)}
            context["may_be_stopped"] = may_be_stopped(run)
            return render(request, "modelops/stop_training.html", {**self.admin_site.each_context(request), **context})
        try:
            run_after = stop_training(run.pk, actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            over = run_after.state == RunState.STOPPED
            messages.success(request, f"Training {run.pk} {'is stopped' if over else 'stops at its next step'}.")
        return HttpResponseRedirect(back)

    @admin.display(description="asked for by", ordering="actor")
    def who(self, run: TrainingRun) -> str:
        """Return who started the run: a person, the schedule, a command."""
        return self.called(run)

    @admin.display(description="asked to stop by")
    def stopped_by(self, run: TrainingRun) -> str:
        """Return who requested the stop, or ""."""
        return name_of(run.stop_asked_by) if run.stop_asked_by else ""

    @admin.display(description="search for settings")
    def search(self, run: TrainingRun) -> str:
        """Return method and duration of the search for settings."""
        return search_of(run)

    @admin.display(description="data")
    def sizes(self, run: TrainingRun) -> str:
        """Return the size of the training data."""
        report = run.data_report
        parts = [f"{report[name]:,} {label}" for name, label in SIZES.items() if name in report]
        return ", ".join(parts) or "not read yet"

    @admin.display(description="removed by cleaning")
    def removed(self, run: TrainingRun) -> str:
        """Return the number of rows that each cleaning rule removed, and why."""
        rules = [one for one in run.data_report.get("removed", ()) if one["rows"]]
        return "\n".join(f"{one['rows']:,} ({one['rule']}): {one['reason']}" for one in rules) or "nothing"

    @admin.display(description="missing values")
    def imputed(self, run: TrainingRun) -> str:
        """Return the number of missing values by column, and how they were filled."""
        columns = [one for one in run.data_report.get("imputed", ()) if one["values"]]
        return "\n".join(f"{one['values']:,} ({one['column']}): {one['rule']}" for one in columns) or "none"

    @admin.display(description="checks of the data")
    def checks(self, run: TrainingRun) -> str:
        """Return all checks with number and bar, failed ones first."""
        return checks_in_words(run.data_report.get("checks", ())) or "none yet"

    @display(description="state", label=COLORS)
    def state_label(self, run: TrainingRun) -> str:
        """Return the state as a label."""
        return outcome_of(run)

    @admin.display(description="state")
    def state_chip(self, run: TrainingRun) -> str:
        """Return the state, a bad one in red."""
        state = outcome_of(run)
        return format_html('<span class="v-chip {}">{}</span>', "fail" if COLORS.get(state) == "danger" else "", state)

    @admin.display(description="broke at")
    def broke_at(self, run: TrainingRun) -> str:
        """Return the step at which a failed run broke."""
        return run.step or "before its first step"

    @admin.display(description="what to do")
    def advice(self, run: TrainingRun) -> str:
        """Return what to do about a failed run."""
        return advice_of(run)

    @admin.display(description="took")
    def duration(self, run: TrainingRun) -> str:
        """Return how long the run took, or takes until now."""
        seconds = seconds_of(run)
        return "–" if seconds is None else duration_text(seconds)

    @admin.display(description="message")
    def message_text(self, run: TrainingRun) -> str:
        """Return the verdict on the run's version if the gate refused it, else the run's message."""
        version = run.model_version
        if version is not None and version.failed:
            return f"{version.version}. {verdict_of(version).sentence}"
        before, shown, after = message_of(run).partition(WHERE_SHOWN)
        link = format_html('<a href="{}">{}</a>', reverse("docs"), "The API documentation") if shown else ""
        return format_html("{}{}{}", before, link, after)

    @admin.display(description="verdict")
    def verdict_panel(self, run: TrainingRun) -> str:
        """Return the gate's verdict on the run's version, with what would pass."""
        return verdict_html(run.model_version) if run.model_version else "no version came of it"

    @admin.display(description="steps")
    def steps_table(self, run: TrainingRun) -> str:
        """Return what took how long, as bars over the time of the run."""
        bars = step_bars(run)
        return render_to_string("modelops/steps.html", {"bars": bars}) if bars else "not measured"

    @admin.display(description="done")
    def bar(self, run: TrainingRun) -> str:
        """Return the finished share in percent."""
        return f"{100 * run.progress:.0f} %"


def _run_body(run: TrainingRun) -> dict[str, Any]:
    return {
        "id": run.pk,
        "state": state_of(run),
        "outcome": outcome_of(run),
        "step": run.step,
        "percent": round(100 * run.progress),
        "message": message_of(run),
    }
