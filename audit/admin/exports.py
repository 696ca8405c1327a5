"""The officer's pages of exports: format and filter, then progress, the file, and how anybody verifies it."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit import signing
from audit.models import AuditExport, ExportFormat
from audit.services import exports
from audit.staff import NamesActors, ReadOnly, actor_by_name, actor_of
from common import clock
from common.errors import InvalidInput

COLORS: Final = {"queued": "info", "running": "warning", "done": "success", "failed": "danger"}


def may_export(request: HttpRequest) -> bool:
    """Return whether the person may export the log."""
    return bool(request.user.has_perm("audit.export_auditevent"))


class ExportForm(forms.Form):
    """Format and filter. Once valid, `declared` is the filter as the manifest declares it."""

    format = forms.ChoiceField(choices=ExportFormat.choices)
    at_from = forms.DateField(required=False, error_messages={"invalid": clock.HOW_TO_WRITE["invalid_date"]})
    at_to = forms.DateField(required=False, error_messages={"invalid": clock.HOW_TO_WRITE["invalid_date"]})
    action = forms.CharField(required=False)
    actor = forms.CharField(required=False)
    object = forms.CharField(required=False)
    subject = forms.CharField(required=False, label="Shopper")
    declared: dict[str, str]

    def clean(self) -> dict[str, Any]:
        """Read the filter; what is wrong stands at its field."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("at_from"), cleaned.get("at_to")
        try:
            self.declared = exports.declared_filter(
                since=_midnight(first) if first else None,
                until=_midnight(last + timedelta(days=1)) if last else None,
                action=cleaned.get("action"),
                actor=actor_by_name(cleaned["actor"]) if cleaned.get("actor") else None,
                object=cleaned.get("object"),
                subject=cleaned.get("subject"),
            )
        except InvalidInput as error:
            field, _, message = error.detail.partition(": ")
            self.add_error({"until": "at_to"}.get(field, field), message)
        except OverflowError:
            self.add_error("at_to", clock.HOW_TO_WRITE["invalid_date"])
        return cleaned


def _midnight(day: Any) -> datetime:
    return datetime.combine(day, time(), UTC)


@admin.register(AuditExport)
class AuditExportAdmin(NamesActors, ReadOnly, ModelAdmin):
    """Exports, the latest first, each with its page: how far it is, its file, how to verify it."""

    when_empty = "An export is made on the page of the audit log, with Export the log."
    list_display = ("created_at", "state_label", "times", "format", "bar", "rows", "who")
    list_filter = ("state",)
    list_per_page = 50

    @display(description="State", label=COLORS)
    def state_label(self, row: AuditExport) -> str:
        """Show the state."""
        return row.state

    @admin.display(description="Events (UTC)")
    def times(self, row: AuditExport) -> str:
        """Show which times the export covers."""
        return row.range_label

    @admin.display(description="Written")
    def bar(self, row: AuditExport) -> str:
        """Show the share that is written, or why nothing is."""
        return row.message if row.state == "failed" else f"{row.percent} %"

    @admin.display(description="By", ordering="actor")
    def who(self, row: AuditExport) -> str:
        """Show who wants the export."""
        return self.called(row)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Those who may export see exports."""
        return may_export(request)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Those who may export see the list."""
        return may_export(request)

    def get_urls(self) -> list[URLPattern]:
        """Add the file."""
        file = path("<uuid:export_id>/file", self.admin_site.admin_view(self.file), name="audit_auditexport_file")
        urls: list[URLPattern] = super().get_urls()
        return [file, *urls]

    def file(self, request: HttpRequest, export_id: Any) -> HttpResponseBase:
        """Send the zip file, and record that it was taken."""
        if not may_export(request) or request.method != "GET":
            raise PermissionDenied
        row = AuditExport.objects.filter(pk=export_id, state="done").first()
        if row is None:
            return HttpResponse("There is no such export.", status=404, content_type="text/plain")
        try:
            file = exports.note_download(row, actor=actor_of(request)).open("rb")
        except FileNotFoundError:
            messages.error(request, "The file is not here: web processes and workers must share MEDIA_ROOT.")
            return HttpResponseRedirect(reverse("admin:audit_auditexport_change", args=[row.pk]))
        return FileResponse(file, as_attachment=True, filename=f"audit-{row.first}-{row.end}-{row.format}.zip")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one export."""
        if not may_export(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)
        if row is None:
            return HttpResponseRedirect(reverse("admin:audit_auditexport_changelist"))
        if request.method == "POST":
            raise PermissionDenied
        context = {"title": str(row), "row": row, "who": self.who(row), "key": _key(),
                   "refreshes": row.state in exports.WAITING,
                   "back": reverse("admin:audit_auditexport_changelist")}  # fmt: skip
        return render(request, "audit/one_export.html", {**self.admin_site.each_context(request), **context})


def _key() -> str:
    """Return the public key, "" where this process does not have it."""
    try:
        return str(signing.signer().verifier)
    except ImproperlyConfigured:
        return ""
