"""What concerns all experiments: namespaces, the permanent hold-out, and the switch that pauses all policies."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin, TabularInline

from audit.staff import ReadOnly, actor_of
from common.errors import DomainError
from experiments.forms.posted import add_errors, posted
from experiments.models import Experiment, Kind, Namespace, Status
from experiments.selectors.policies import policies_pause
from experiments.services.designs import create_namespace
from experiments.services.holdout import MOST_SHARE, start_holdout
from experiments.services.policies import pause_policies, resume_policies


class NamespaceForm(forms.Form):
    """The name and the key of a namespace, which never change."""

    name = forms.CharField(label="Name", max_length=120, help_text="Tests of the home page.")
    key = forms.CharField(label="Key", max_length=60, help_text="Small letters, digits and hyphens: home-page.")


class HoldoutForm(forms.Form):
    """How many shoppers are held out."""

    share = forms.FloatField(
        label="Held out, % of all shoppers",
        initial=5,
        min_value=0.1,
        max_value=100 * MOST_SHARE,
        help_text="A few percent do: the numbers grow all year.",
    )


class ExperimentInline(ReadOnly, TabularInline):
    """The experiments of a namespace with their buckets."""

    model = Experiment
    extra = 0
    fields = readonly_fields = ("name", "status", "namespace_low", "namespace_high")
    show_change_link = True


@admin.register(Namespace)
class NamespaceAdmin(ModelAdmin):
    """Namespaces, whose experiments share no shopper."""

    list_display = ("name", "key", "created_at")
    search_fields = ("name", "key")
    inlines: ClassVar = [ExperimentInline]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: buckets follow from key and seed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: past experiments name theirs."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form of a new namespace, or create it."""
        if not request.user.has_perm("experiments.add_namespace"):
            raise PermissionDenied("experiments.add_namespace")
        form = NamespaceForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                row = create_namespace(**form.cleaned_data, actor=actor_of(request))
            except DomainError as error:
                add_errors(form, error)
            else:
                messages.success(request, f"The namespace {row.name} is there. Choose it in the design of experiments.")
                return HttpResponseRedirect(reverse("admin:experiments_namespace_changelist"))
        text = "Experiments of one namespace share no shopper: each takes a range of the 10,000 buckets."
        return _ask(self, request, form, title="New namespace", text=text, verb="Create it")


class HoldoutPages:
    """Mixin of the experiment's admin with the page that starts the permanent hold-out."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.holdout_view)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # that of ModelAdmin
        return [path("hold-out/", view, name="experiments_experiment_holdout"), *urls]

    def holdout_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for the share, then start the hold-out; lead to the one that runs."""
        if not request.user.has_perm("experiments.add_experiment"):
            raise PermissionDenied("experiments.add_experiment")
        running = Experiment.objects.filter(kind=Kind.HOLDOUT).exclude(status=Status.ARCHIVED).first()
        if running is not None:
            return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=[running.pk]))
        form = HoldoutForm(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                step = start_holdout(share=form.cleaned_data["share"] / 100, actor=actor_of(request))
            except DomainError as error:
                add_errors(form, error)
            else:
                messages.success(request, "The hold-out has begun: the home page shows what personalization adds.")
                return HttpResponseRedirect(reverse("admin:experiments_experiment_change", args=[step.experiment.pk]))
        text = (
            "These shoppers get what a stranger gets, everywhere and for good, and take part in no experiment. "
            "Comparing them with all others shows what personalization as a whole adds."
        )
        return _ask(self, request, form, title="Permanent hold-out", text=text, verb="Start the hold-out")


class PauseForm(forms.Form):
    """Why all policies pause."""

    reason = forms.CharField(label="Reason", max_length=500, help_text="Everybody reads it beside each experiment.")


class PolicyPages:
    """Mixin of the experiment's admin with the switch that pauses all policies."""

    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.policies_view)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # that of ModelAdmin
        return [path("policies/", view, name="experiments_experiment_pause"), *urls]

    def policies_view(self, request: HttpRequest) -> HttpResponse:
        """Ask for a reason, then pause all policies; or let them go on."""
        if not request.user.has_perm("experiments.change_policypause"):
            raise PermissionDenied("experiments.change_policypause")
        pause = policies_pause()
        form = PauseForm(posted(request)) if pause is None else forms.Form(posted(request))
        if request.method == "POST" and form.is_valid():
            try:
                if pause is None:
                    pause_policies(actor=actor_of(request), reason=form.cleaned_data["reason"])
                else:
                    resume_policies(actor=actor_of(request))
            except DomainError as error:
                add_errors(form, error)
            else:
                messages.success(request, "All policies are paused." if pause is None else "All policies go on.")
                return HttpResponseRedirect(request.path)
        text = (
            "Policies of experiments stop, ramp and ship arms, or propose it, every 30 seconds. While they are paused "
            "they do nothing, and no proposal can be approved; people may still take each step."
        )
        if pause is not None:
            text = f"{pause} People may still take each step of each experiment."
        verb = "Pause all policies" if pause is None else "Let them go on"
        return _ask(self, request, form, title="Pause all policies", text=text, verb=verb)


def _ask(pages: Any, request: HttpRequest, form: forms.Form, **context: Any) -> HttpResponse:
    page = {**pages.admin_site.each_context(request), "form": form, **context}
    return render(request, "experiments/ask.html", page)
