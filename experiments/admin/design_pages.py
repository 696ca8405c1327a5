"""The guided pages of a design: a new one, a saved one, and its size while it is written."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse

from audit.staff import actor_of
from common.errors import DomainError
from experiments.design import Status
from experiments.edits import RULE_OF
from experiments.forms.design import DesignForms
from experiments.forms.sizing import audience_in_words, planned_units, size_context
from experiments.models import Experiment
from experiments.services.designs import create_experiment, edit_experiment
from experiments.services.steps import state_of

GROUPS: Mapping[str, tuple[str, ...]] = {
    "why_fields": ("name", "key", "hypothesis"),
    "who_fields": ("coverage", "namespace", "namespace_low", "namespace_high", "test_units"),
    "metric_fields": ("goal_metric", "goal_margin", "activation_metric", "secondary_metrics"),
    "size_fields": (
        *("inference", "minimum_effect", "alpha", "power", "planned_looks", "planned_units"),
        *("minimum_runtime_days", "maximum_runtime_days"),
    ),
    "policy_fields": ("policy_mode",),
}
"""The fields of each part of the page."""


class DesignPages:
    """Mixin of the experiment's admin with the pages that write a design."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of a design."""
        wrap = self.admin_site.admin_view
        own = [
            path("size/", wrap(self.size_view), name="experiments_experiment_size"),
            path("<int:pk>/design/", wrap(self.design_view), name="experiments_experiment_design"),
        ]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # that of ModelAdmin
        return [*own, *urls]

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form of a new experiment, or create its draft."""
        if not request.user.has_perm("experiments.add_experiment"):
            raise PermissionDenied("experiments.add_experiment")
        if request.method != "POST":
            return self._page(request, DesignForms())
        if "again" in request.POST:
            return self._page(request, DesignForms(request.POST, typed=True))
        design = DesignForms(request.POST)
        if design.is_valid():
            try:
                step = create_experiment(
                    design.form.cleaned_data["key"], data=_with_units(design), actor=actor_of(request)
                )
            except DomainError as error:
                design.add_errors(error)
            else:
                messages.success(
                    request, f"The draft of “{step.experiment}” is saved. Nobody sees it before you start it."
                )
                return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=[step.experiment.pk]))
        return self._page(request, design, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def design_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the design of an experiment, or save what its status allows to change."""
        if not request.user.has_perm("experiments.change_experiment"):
            raise PermissionDenied("experiments.change_experiment")
        row = get_object_or_404(Experiment, pk=pk)
        state, status = state_of(row), cast(Status, row.status)
        if request.method != "POST":
            return self._page(request, DesignForms(state=state, status=status), row)
        if "again" in request.POST:
            return self._page(request, DesignForms(request.POST, state=state, status=status, typed=True), row)
        design = DesignForms(request.POST, state=state, status=status)
        if design.is_valid():
            try:
                data = design.data() if design.is_locked else _with_units(design)
                step = edit_experiment(row.key, data=data, actor=actor_of(request))
            except DomainError as error:
                design.add_errors(error)
            else:
                messages.success(request, "Nothing was changed." if step is None else "The design is saved.")
                return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=[row.pk]))
        return self._page(request, design, row, status=HTTPStatus.UNPROCESSABLE_ENTITY)

    def size_view(self, request: HttpRequest) -> HttpResponse:
        """Say whom the design in the form is about, and how long it would take: a part of the page for the script."""
        if not may_write(request):
            raise PermissionDenied("experiments.change_experiment")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        context = size_context(DesignForms(request.POST))
        if request.headers.get("X-Requested-With") == "fetch":
            return render(request, "experiments/size.html", context)
        page = {**self.admin_site.each_context(request), "title": "Size of the experiment", **context}
        return render(request, "experiments/size_page.html", page)

    def _page(
        self, request: HttpRequest, design: DesignForms, row: Experiment | None = None, *, status: int = HTTPStatus.OK
    ) -> HttpResponse:
        form = design.form
        context = {
            **self.admin_site.each_context(request),
            "title": "New experiment" if row is None else row.name,
            "subtitle": None if row is None else "Design",
            "design": design,
            "form": form,
            "original": row,
            "problems": status != HTTPStatus.OK,
            **{part: [form[name] for name in names] for part, names in GROUPS.items()},
        }
        if row is not None:
            context |= {
                "arms_reason": RULE_OF["arms"].why,
                "audience": audience_in_words(row.condition),
                "audience_reason": RULE_OF["condition"].why,
                "guardrails": [
                    str(one.get("metric")) if isinstance(one, dict) else one for one in row.guardrail_metrics
                ],
            }
        return render(request, "experiments/design.html", context, status=status)


def may_write(request: HttpRequest) -> bool:
    """Return whether this person writes designs."""
    return request.user.has_perm("experiments.add_experiment") or request.user.has_perm("experiments.change_experiment")


def _with_units(design: DesignForms) -> dict[str, Any]:
    """Return the design for services; the units of each arm are the calculator's where nobody says them."""
    data = design.data()
    return data if data["planned_units"] else {**data, "planned_units": planned_units(design)}
