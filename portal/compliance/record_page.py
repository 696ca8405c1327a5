"""The record of processing activities, as a page and as files."""

from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from consents.selectors.processing import FORMATS, as_text, processing_record, undeclared
from portal.permissions import staff_page
from portal.sections import Section, answer

SEE: Final = "consents.view_privacyrequest"
TYPES: Final = {"markdown": ("text/markdown", "md"), "csv": ("text/csv", "csv"), "json": ("application/json", "json")}


@require_safe
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the record; with `format`, return it as a file. Raises Http404 for an unknown format."""
    record, format = processing_record(), request.GET.get("format")
    if format is not None:
        if format not in FORMATS:
            raise Http404
        content_type, ending = TYPES[format]
        disposition = f'attachment; filename="record-of-processing.{ending}"'
        return HttpResponse(
            as_text(record, format),
            content_type=f"{content_type}; charset=utf-8",
            headers={"Content-Disposition": disposition, "Cache-Control": "no-store"},
        )
    sections = [
        Section(
            "activities",
            "What is done, and why",
            "One row a purpose. The purposes, their legal basis and recipients are those under Purposes; the last four "
            "are the shop's own duties.",
            ("Purpose", "Legal basis", "Persons", "Categories of data", "Recipients", "Retention"),
            [
                (one.title, one.legal_basis, one.persons, one.categories, one.recipients, one.retention)
                for one in record.activities
            ],
        ),
        Section(
            "places",
            "Where it is, and what erases it",
            "One row a group of fields of a table, of Redis or of files.",
            ("Place", "In", "Fields", "Category", "Persons", "Purposes", "Retention", "Erased by"),
            [
                (
                    one.place, f"{one.engine}: {one.where}", one.fields, one.category, one.persons, one.purposes,
                    one.retention, one.eraser,
                )
                for one in record.places
            ],
        ),
        Section("security", "How it is protected", "", ("Measure",), [(one,) for one in record.security]),
    ]  # fmt: skip
    return answer(
        request,
        "portal/processing.html",
        sections,
        title="Record of processing",
        subtitle="Record of processing",
        record=record,
        undeclared=undeclared(),
    )
