"""Files of the privacy desk: a shopper's data as JSON, or as a signed ZIP with one CSV a table, and the receipt."""

from django.http import HttpResponse

from common import clock
from common.errors import NotFound
from consents.export_archive import export_archive, json_of, receipt_archive
from consents.models import PrivacyRequest
from consents.selectors.exports import export_tables
from consents.services.requests import content_for_export


def export_file(request: PrivacyRequest, *, format: str, actor: str) -> HttpResponse:
    """Return the shopper's data. Raises Conflict where it is not proven who asks; it is on the audit log."""
    tables = export_tables(content_for_export(request, format=format, actor=actor).person)
    name = f"personal-data-{request.short_id}"
    if format == "json":
        return _download(json_of(tables), "application/json", f"{name}.json")
    return _download(export_archive(tables, at=clock.now()), "application/zip", f"{name}.zip")


def receipt_file(request: PrivacyRequest) -> HttpResponse:
    """Return the signed receipt. Raises NotFound where there is none."""
    if request.receipt is None:
        raise NotFound("There is no receipt yet.")
    content = receipt_archive(request.receipt, at=clock.now())
    return _download(content, "application/zip", f"receipt-{request.short_id}.zip")


def _download(body: bytes, content_type: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        body, content_type=content_type, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"}
    )
