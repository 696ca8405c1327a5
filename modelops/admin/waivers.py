"""The admin of waivers: requested on the page of a failed version, approved or closed here."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from audit.staff import ReadOnly
from common import clock
from common.errors import DomainError
from modelops.admin.rows import OF_VERSION, LightList, row_or_404
from modelops.models import ModelVersion, ModelWaiver
from modelops.models.waiver import LONGEST
from modelops.services.waivers import (
    APPROVE,
    approve_waiver,
    close_waiver,
    request_waiver,
)

COLORS = {"waits": "warning", "approved": "success", "closed": "danger", "ended": "info"}


class WaiverForm(forms.Form):
    """Reason and duration of a waiver."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2_000)
    days = forms.IntegerField(min_value=1, max_value=LONGEST.days, initial=7)


class WaiverRequestPage:
    """A mixin for the admin of model versions: the request of a waiver."""

    admin_site: Any

    def has_ask_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may request a waiver."""
        return request.user.has_perm("modelops.add_modelwaiver")

    @action(description="Ask for a waiver", url_path="ask-waiver", permissions=["ask"])
    def ask_waiver_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for reason and duration, then request the waiver."""
        version = row_or_404(ModelVersion.objects.all(), object_id)
        form = WaiverForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                request_waiver(version.version, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                message = "The request is recorded. Somebody else must approve it; the home page of approvers lists it."
                messages.success(request, message)
                return HttpResponseRedirect(reverse("admin:modelops_modelwaiver_changelist"))
        context = {"title": f"Ask for a waiver of {version.version}?", "version": version, "form": form,
                   "back": reverse("admin:modelops_modelversion_change", args=[version.pk])}  # fmt: skip
        return render(
            request,
            "modelops/ask_waiver.html",
            {**self.admin_site.each_context(request), **context},
            status=422 if form.errors else 200,
        )


@admin.register(ModelWaiver)
class ModelWaiverAdmin(LightList, ReadOnly, ModelAdmin):
    """Waivers are never edited, only requested, approved and closed."""

    when_empty = "A waiver is requested on the page of a refused version."
    list_display = (
        "model_version",
        "state_label",
        "requested_by",
        "requested_at",
        "approved_by",
        "expires_at",
        "reason",
    )
    list_select_related = ("model_version", "requested_by", "approved_by")
    deferred = OF_VERSION
    # Names without links: most readers may not view staff pages.
    fields = ("model_version", "refusal", "state_label", "reason", "who_requested", "requested_at", "who_approved",
              "approved_at", "expires_at", "who_closed", "closed_at")  # fmt: skip
    actions_detail: ClassVar = ["approve_page", "close_page"]

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may approve waivers of others."""
        return request.user.has_perm(APPROVE)

    def has_close_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may close a waiver: approvers, and its requester."""
        own = (
            str(object_id).isdecimal()
            and self.model.objects.filter(pk=object_id, requested_by=request.user.pk).exists()
        )
        return own or request.user.has_perm(APPROVE)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Show only buttons whose action is possible; the requester cannot approve."""
        actions = super().get_actions_detail(request, object_id)
        waiver = row_or_404(ModelWaiver.objects.all(), str(object_id))
        state = _state(waiver)
        approves = state == "waits" and waiver.requested_by_id != request.user.pk
        possible = {"approve": approves, "close": state in ("waits", "approved")}
        return [one for one in actions if possible.get(one.path, True)]

    @action(description="Approve", url_path="approve", permissions=["approve"])
    def approve_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then approve."""
        message = "{version} may go live by this waiver until {until}: Promote is on its page."
        return self._decide(request, object_id, approve_waiver, "Approve", message)

    @action(description="Decline or take back", url_path="close", permissions=["close"])
    def close_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then close."""
        message = "{version} does not go live by this waiver any more."
        return self._decide(request, object_id, close_waiver, "Close", message)

    def _decide(self, request: HttpRequest, object_id: str, change: Any, verb: str, message: str) -> HttpResponse:
        waiver = row_or_404(ModelWaiver.objects.select_related("model_version"), object_id)
        if request.method == "POST":
            success = message.format(version=waiver.model_version, until=f"{waiver.expires_at:%Y-%m-%d %H:%M} UTC")
            return _change_and_redirect(request, lambda: change(waiver.pk, by=request.user), success)
        context = {"title": f"{verb} the waiver of {waiver.model_version}?", "waiver": waiver, "verb": verb,
                   "back": reverse("admin:modelops_modelwaiver_changelist")}  # fmt: skip
        return render(request, "modelops/decide_waiver.html", {**self.admin_site.each_context(request), **context})

    @display(description="refused for")
    def refusal(self, row: ModelWaiver) -> str:
        """Return why the gate refused the version."""
        return row.model_version.refusal

    @display(description="requested by")
    def who_requested(self, row: ModelWaiver) -> str:
        """Return the name."""
        return str(row.requested_by)

    @display(description="approved by")
    def who_approved(self, row: ModelWaiver) -> str:
        """Return the name, or nothing."""
        return str(row.approved_by or "")

    @display(description="closed by")
    def who_closed(self, row: ModelWaiver) -> str:
        """Return the name, or nothing."""
        return str(row.closed_by or "")

    @display(description="state", label=COLORS)
    def state_label(self, row: ModelWaiver) -> str:
        """Return the state of the waiver."""
        return _state(row)


def _state(waiver: ModelWaiver) -> str:
    if waiver.closed_by_id is not None:
        return "closed"
    if waiver.expires_at <= clock.now():
        return "ended"
    return "waits" if waiver.approved_by_id is None else "approved"


def _change_and_redirect(request: HttpRequest, change: Any, success: str) -> HttpResponse:
    try:
        change()
        messages.success(request, success)
    except DomainError as error:
        messages.error(request, error.detail)
    return HttpResponseRedirect(reverse("admin:modelops_modelwaiver_changelist"))
