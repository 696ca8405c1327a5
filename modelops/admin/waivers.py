"""Waivers: asked for at the version that failed, approved or closed here."""

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
    """Why, and for how long."""

    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), max_length=2_000)
    days = forms.IntegerField(min_value=1, max_value=LONGEST.days, initial=7)


class WaiverRequestPage:
    """A mixin in front of the admin of model versions: asking for a waiver."""

    admin_site: Any

    def has_ask_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may ask for a waiver."""
        return request.user.has_perm("modelops.add_modelwaiver")

    @action(description="Ask for a waiver", url_path="ask-waiver", permissions=["ask"])
    def ask_waiver_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask why and for how long, then put the request on record."""
        version = row_or_404(ModelVersion.objects.all(), object_id)
        form = WaiverForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                request_waiver(version.version, by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
            except DomainError as error:
                form.add_error(None, error.detail)
            else:
                told = (
                    "The request is on record. Somebody else must approve it: the first page of whoever may names it."
                )
                messages.success(request, told)
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
    """Waivers are never edited: asked for, approved, closed or outlived."""

    when_empty = "Whoever wants a refused version live asks for one on its page."
    list_display = ("model_version", "standing", "requested_by", "requested_at", "approved_by", "expires_at", "reason")
    list_select_related = ("model_version", "requested_by", "approved_by")
    heavy = OF_VERSION
    # Whoever acted is named without a link: of those who come here, most may not open pages of staff.
    fields = ("model_version", "refusal", "standing", "reason", "who_requested", "requested_at", "who_approved",
              "approved_at", "expires_at", "who_closed", "closed_at")  # fmt: skip
    actions_detail: ClassVar = ["approve_page", "close_page"]

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may approve what others ask for."""
        return request.user.has_perm(APPROVE)

    def has_close_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether this person may close a waiver: who approves may, and who asked for it."""
        own = (
            str(object_id).isdecimal()
            and self.model.objects.filter(pk=object_id, requested_by=request.user.pk).exists()
        )
        return own or request.user.has_perm(APPROVE)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """Offer what can be done with this waiver by this person: approving takes a second one."""
        offered = super().get_actions_detail(request, object_id)
        waiver = row_or_404(ModelWaiver.objects.all(), str(object_id))
        standing = _standing(waiver)
        approves = standing == "waits" and waiver.requested_by_id != request.user.pk
        possible = {"approve": approves, "close": standing in ("waits", "approved")}
        return [one for one in offered if possible.get(one.path, True)]

    @action(description="Approve", url_path="approve", permissions=["approve"])
    def approve_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then approve."""
        told = "{version} may go live by this waiver until {until}: Promote is on its page."
        return self._decided(request, object_id, approve_waiver, "Approve", told)

    @action(description="Decline or take back", url_path="close", permissions=["close"])
    def close_page(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then close."""
        told = "{version} does not go live by this waiver any more."
        return self._decided(request, object_id, close_waiver, "Close", told)

    def _decided(self, request: HttpRequest, object_id: str, change: Any, verb: str, told: str) -> HttpResponse:
        waiver = row_or_404(ModelWaiver.objects.select_related("model_version"), object_id)
        if request.method == "POST":
            done = told.format(version=waiver.model_version, until=f"{waiver.expires_at:%Y-%m-%d %H:%M} UTC")
            return _told(request, lambda: change(waiver.pk, by=request.user), done)
        context = {"title": f"{verb} the waiver of {waiver.model_version}?", "waiver": waiver, "verb": verb,
                   "back": reverse("admin:modelops_modelwaiver_changelist")}  # fmt: skip
        return render(request, "modelops/decide_waiver.html", {**self.admin_site.each_context(request), **context})

    @display(description="refused for")
    def refusal(self, row: ModelWaiver) -> str:
        """Return what the gate said of the version."""
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
    def standing(self, row: ModelWaiver) -> str:
        """Return whether the waiver counts."""
        return _standing(row)


def _standing(waiver: ModelWaiver) -> str:
    if waiver.closed_by_id is not None:
        return "closed"
    if waiver.expires_at <= clock.now():
        return "ended"
    return "waits" if waiver.approved_by_id is None else "approved"


def _told(request: HttpRequest, change: Any, done: str) -> HttpResponse:
    try:
        change()
        messages.success(request, done)
    except DomainError as error:
        messages.error(request, error.detail)
    return HttpResponseRedirect(reverse("admin:modelops_modelwaiver_changelist"))
