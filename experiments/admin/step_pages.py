"""The buttons of an experiment's life. Each asks before it acts, and says how it is taken back."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html

from audit.staff import actor_of
from common.errors import DomainError
from experiments.admin.hub import DONE, TITLES, changes_in_words, undo_address
from experiments.forms.posted import add_errors, posted
from experiments.models import Experiment, Kind, Proposal, Step
from experiments.services import lifecycle, policies
from experiments.services.ramps import ramp

AREA: Final = {"rows": 3, "class": "v-text"}
SERVICES: Final[Mapping[str, Callable[..., Step]]] = {
    "start": lifecycle.start,
    "change_coverage": lifecycle.change_coverage,
    "change_weights": lifecycle.change_weights,
    "ramp": ramp,
    "stop": lifecycle.stop,
    "ship": lifecycle.ship,
    "archive": lifecycle.archive,
}
ANSWERS: Final[Mapping[str, Callable[..., Any]]] = {"approve": policies.approve, "decline": policies.decline}
WARNINGS: Final[Mapping[str, str]] = {
    "start": "Shoppers take part from now on. The design is fixed then: the edit table says what may still change.",
    "change_coverage": "More shoppers take part; nobody inside gets another arm. It only grows.",
    "change_weights": "Another split moves shoppers, so a new epoch begins; who counted before stays in theirs.",
    "ramp": "The arm gets a larger share of all traffic: the last stage is to ship it.",
    "stop": "Everybody gets the control from now on.",
    "ship": "Everybody gets the arm from now on, until the experiment is archived.",
    "archive": "It decides nothing any more: put a shipped arm's settings into the placement or the storefront first.",
}

STOP_OF_HOLDOUT: Final = "Everybody gets personalization from now on."


class StepForm(forms.Form):
    """Why, and what the step needs."""

    reason = forms.CharField(
        label="Reason", required=False, max_length=500, help_text="It stands in the history beside the step."
    )

    def __init__(self, *args: Any, experiment: Experiment, action: str, **options: Any) -> None:
        super().__init__(*args, **options)
        self.experiment = experiment
        own: dict[str, forms.Field] = getattr(self, f"_for_{action}", dict)()
        self.fields = {**own, **self.fields}

    def _for_change_coverage(self) -> dict[str, forms.Field]:
        now = 100 * self.experiment.coverage
        help_text = f"It is {now:.4g} % now."
        return {"coverage": forms.FloatField(label="Coverage, %", min_value=0, max_value=100, help_text=help_text)}

    def _for_change_weights(self) -> dict[str, forms.Field]:
        return {
            f"weight-{arm.key}": forms.FloatField(
                label=f"{arm.name}, %", min_value=0, max_value=100, initial=f"{100 * arm.weight:.6g}"
            )
            for arm in self.experiment.arms.all()
        }

    def _for_ramp(self) -> dict[str, forms.Field]:
        arms = [(arm.key, arm.name) for arm in self.experiment.arms.all()[1:]]
        return {
            "arm": forms.ChoiceField(label="Arm", choices=[("", "choose one"), *arms]),
            "share": forms.FloatField(
                label="Of all traffic, %", min_value=0, max_value=100, help_text="10, 25 and 50 are usual stages."
            ),
        }

    def _for_ship(self) -> dict[str, forms.Field]:
        arms = [(arm.key, arm.name) for arm in self.experiment.arms.all()]
        return {"arm": forms.ChoiceField(label="Arm for everybody", choices=[("", "choose one"), *arms])}

    def _for_archive(self) -> dict[str, forms.Field]:
        return {
            "learnings": forms.CharField(
                label="What was learned",
                required=False,
                widget=forms.Textarea({**AREA, "rows": 6}),
                initial=self.experiment.learnings,
                help_text="The search finds it.",
            )
        }

    def arguments(self) -> dict[str, Any]:
        """Return what the service of the step takes."""
        values = self.cleaned_data
        arguments: dict[str, Any] = {name: values[name] for name in ("reason", "arm", "learnings") if name in values}
        if "coverage" in values:
            arguments["coverage"] = round(values["coverage"] / 100, 8)
        if "share" in values:
            arguments["share"] = round(values["share"] / 100, 8)
        weights = {name.removeprefix("weight-"): value for name, value in values.items() if name.startswith("weight-")}
        if weights:
            total = sum(weights.values()) or 1.0
            scale = total if abs(total - 100) < 0.5 else 100.0
            arguments["weights"] = {key: value / scale for key, value in weights.items()}
        return arguments


class StepPages:
    """Mixin of the experiment's admin with the pages that act."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that act."""
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/step/<slug:action>/", wrap(self.step_view), name="experiments_experiment_step"),
            path("<int:pk>/undo/<uuid:step_id>/", wrap(self.undo_view), name="experiments_experiment_undo"),
            path(
                "<int:pk>/proposals/<int:proposal_id>/<slug:answer>/",
                wrap(self.proposal_view),
                name="experiments_experiment_proposal",
            ),
        ]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # that of ModelAdmin
        return [*own, *urls]

    def step_view(self, request: HttpRequest, pk: int, action: str) -> HttpResponse:
        """Ask for what a step needs, then take it."""
        row = _experiment(request, pk)
        if action not in SERVICES:
            raise Http404
        form = StepForm(posted(request), experiment=row, action=action)
        if request.method == "POST" and form.is_valid():
            try:
                step = SERVICES[action](row.key, actor=actor_of(request), **form.arguments())
            except DomainError as error:
                add_errors(form, error)
            else:
                return _done(request, row, step)
        is_end_of_holdout = action == "stop" and row.kind == Kind.HOLDOUT
        warning = STOP_OF_HOLDOUT if is_end_of_holdout else WARNINGS[action]
        return self._ask(request, row, title=f"{TITLES[action]}?", warning=warning, verb=TITLES[action], form=form)

    def undo_view(self, request: HttpRequest, pk: int, step_id: Any) -> HttpResponse:
        """Ask, then take a step back."""
        row = _experiment(request, pk)
        step = get_object_or_404(row.steps, pk=step_id)
        form = StepForm(posted(request), experiment=row, action="undo")
        if request.method == "POST" and form.is_valid():
            try:
                undone = lifecycle.undo(step.pk, actor=actor_of(request), reason=form.cleaned_data["reason"])
            except DomainError as error:
                add_errors(form, error)
            else:
                return _done(request, row, undone)
        name = DONE.get(step.action, step.action)
        what = changes_in_words(step)
        warning = f"Step {step.number}, {name.lower()}{f': {what}' if what else ''}. It is as before it then."
        return self._ask(request, row, title=f"Undo step {step.number}?", warning=warning, verb="Undo it", form=form)

    def proposal_view(self, request: HttpRequest, pk: int, proposal_id: int, answer: str) -> HttpResponse:
        """Ask, then approve or decline what the policy proposes."""
        row = _experiment(request, pk)
        if answer not in ANSWERS:
            raise Http404
        proposal = get_object_or_404(row.proposals, pk=proposal_id)
        form = StepForm(posted(request), experiment=row, action=answer)
        if answer == "approve":
            del form.fields["reason"]  # the proposal's own stands in the history
        if request.method == "POST" and form.is_valid():
            try:
                ANSWERS[answer](proposal.pk, actor=actor_of(request), **form.cleaned_data)
            except DomainError as error:
                add_errors(form, error)
            else:
                messages.success(request, "Approved, and done." if answer == "approve" else "Declined.")
                return HttpResponseRedirect(_hub(row))
        verb = "Approve and do it" if answer == "approve" else "Decline"
        return self._ask(request, row, title=f"{verb}?", warning=_proposal_in_words(proposal), verb=verb, form=form)

    def _ask(self, request: HttpRequest, row: Experiment, **context: Any) -> HttpResponse:
        page = {**self.admin_site.each_context(request), "subtitle": row.name, "original": row, "back": _hub(row)}
        return render(request, "experiments/step.html", {**page, **context})


def _experiment(request: HttpRequest, pk: int) -> Experiment:
    if not request.user.has_perm("experiments.change_experiment"):
        raise PermissionDenied("experiments.change_experiment")
    return get_object_or_404(Experiment, pk=pk)


def _hub(row: Experiment) -> str:
    return reverse("admin:experiments_experiment_change", args=[row.pk])


def _done(request: HttpRequest, row: Experiment, step: Step) -> HttpResponse:
    """Say what was done, with the way back, and return to the experiment."""
    name = DONE.get(step.action, step.action)
    what = changes_in_words(step)
    text = f"{name}{f': {what}' if what and step.action != 'undone' else ''}."
    messages.success(request, format_html('{} <a href="{}">Undo</a>', text, undo_address(row, step.pk)))
    return HttpResponseRedirect(_hub(row))


def _proposal_in_words(proposal: Proposal) -> str:
    return f"{proposal.action.replace('_', ' ').capitalize()} {proposal.arm}: {proposal.reason}"
