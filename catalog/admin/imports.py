"""The import of a file of products: limits first, a preview without locks, then a worker with its progress."""

from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit.staff import NamesActors, ReadOnly, actor_of
from catalog import imports, limits
from catalog.import_files import FORMATS, check_file, format_of, rows_of
from catalog.import_preview import Preview, preview_of
from catalog.models import ImportState, ProductImport
from catalog.table import COLUMNS
from catalog.validation import REQUIRED
from common import clock
from common.errors import DomainError, InvalidInput

COLORS: Final = {"draft": "info", "queued": "info", "running": "warning", "done": "success", "failed": "danger"}
NO_FORMAT: Final = (
    "Choose how the file is written. Of a workbook (.xlsx), save the sheet as “CSV UTF-8”, and upload that."
)
IMPORT, AGAIN, DISCARD = "import", "again", "discard"


def may_import(request: HttpRequest) -> bool:
    """Return whether the person may add and change products, as a file does."""
    return bool(request.user.has_perms(["catalog.add_product", "catalog.change_product"]))


class UploadForm(forms.Form):
    """The file, checked against the limits before anything of it is read into memory."""

    import_file = forms.FileField(label="File")
    format = forms.ChoiceField(
        choices=[("", "as its name says"), *((name, name) for name in FORMATS)], required=False, label="Written as"
    )
    background = forms.BooleanField(required=False, label="Import in the background, without showing the changes first")

    rows: int | None = None
    """The number of rows, None where they were not counted."""

    def clean(self) -> dict[str, Any]:
        """Check size, number of rows and columns."""
        cleaned = super().clean() or self.cleaned_data
        file = cleaned.get("import_file")
        if file is None:
            return cleaned
        cleaned["format"] = cleaned.get("format") or format_of(file.name)
        if not cleaned["format"]:
            self.add_error("format", NO_FORMAT)
            return cleaned
        background = bool(cleaned.get("background"))
        most = limits.IMPORT_ROWS if background else limits.PREVIEW_ROWS
        try:
            self.rows = check_file(
                file.file, format=cleaned["format"], size=file.size, max_rows=most, exact=not background
            )
        except InvalidInput as error:
            self.add_error("import_file", error.detail.removeprefix("import_file: "))
        return cleaned


def upload_view(request: HttpRequest) -> HttpResponse:
    """Take a file within the limits; show what it would change, or hand it to a worker at once."""
    if not may_import(request):
        raise PermissionDenied
    form = UploadForm(request.POST, request.FILES) if request.method == "POST" else UploadForm()
    if form.is_valid():
        row = _draft_of(form, actor=actor_of(request))
        if form.cleaned_data["background"]:
            imports.queue_import(row.pk, actor=actor_of(request))
        return HttpResponseRedirect(reverse("admin:catalog_productimport_change", args=[row.pk]))
    context = {
        "title": "Import products",
        "form": form,
        "limits": limits,
        "columns": [(name, name in (COLUMNS[0], *REQUIRED)) for name in COLUMNS],
        "mb": limits.IMPORT_BYTES // 1024 // 1024,
        "back": reverse("admin:catalog_product_changelist"),
    }
    page = {**admin.site.each_context(request), **context}
    return render(request, "catalog/upload.html", page, status=422 if form.errors else 200)


def _draft_of(form: UploadForm, *, actor: str) -> ProductImport:
    file, format = form.cleaned_data["import_file"], form.cleaned_data["format"]
    return imports.keep_file(file.chunks(), file_name=file.name, format=format, rows=form.rows, actor=actor)


@admin.register(ProductImport)
class ProductImportAdmin(NamesActors, ReadOnly, ModelAdmin):
    """Imported files, the latest first, each with its page: what it would change, how far it is, what it did."""

    when_empty = "A file is uploaded on the page of products, with Import."
    list_display = (
        "file_name",
        "state_label",
        "bar",
        "created",
        "changed",
        "unchanged",
        "rejected",
        "who",
        "created_at",
    )
    list_filter = ("state",)
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        """Leave the errors out; only the page of one import shows them."""
        return super().get_queryset(request).defer("errors")

    @display(description="State", label=COLORS)
    def state_label(self, row: ProductImport) -> str:
        """Show the state."""
        return row.state

    @admin.display(description="Done")
    def bar(self, row: ProductImport) -> str:
        """Show the share of the file that is read."""
        return f"{row.percent} %"

    @admin.display(description="By", ordering="actor")
    def who(self, row: ProductImport) -> str:
        """Show who uploaded the file."""
        return self.called(row)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show one import; a click imports its file, imports it again, or discards it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = self.get_object(request, object_id)  # None where the URL holds no number
        if row is None:
            return HttpResponseRedirect(reverse("admin:catalog_productimport_changelist"))
        if request.method == "POST":
            return self._act(request, row)
        preview, problem = self._preview(row)
        context = {"title": row.file_name, "row": row, "preview": preview, "problem": problem,
                   "who": self.who(row), "may_import": may_import(request), "is_silent": _is_silent(row),
                   "refreshes": row.state in imports.WAITING,
                   "back": reverse("admin:catalog_productimport_changelist")}  # fmt: skip
        return render(request, "catalog/product_import.html", {**self.admin_site.each_context(request), **context})

    def _act(self, request: HttpRequest, row: ProductImport) -> HttpResponse:
        if not may_import(request):
            raise PermissionDenied
        if DISCARD in request.POST:
            imports.discard(row.pk)
            messages.success(request, f"{row.file_name} is discarded; no product was changed.")
            return HttpResponseRedirect(reverse("admin:catalog_product_changelist"))
        try:
            imports.queue_import(row.pk, actor=actor_of(request))
        except DomainError as error:
            messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:catalog_productimport_change", args=[row.pk]))

    def _preview(self, row: ProductImport) -> tuple[Preview | None, str]:
        """Return what a draft would change, and why that is not known; a large file has no preview."""
        if row.state != ImportState.DRAFT or row.rows is None or row.rows > limits.PREVIEW_ROWS:
            return None, ""
        try:
            with imports.stored_file(row) as file:
                return preview_of(rows_of(file, format=row.format)), ""
        except FileNotFoundError:
            return None, "The file is not here any more. Upload it again."


def _is_silent(row: ProductImport) -> bool:
    last = row.heartbeat_at
    return row.state in imports.WAITING and (last is None or last < clock.real_now() - imports.SILENCE)
