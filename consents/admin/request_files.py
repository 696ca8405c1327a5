"""Files of the privacy desk: a shopper's data as JSON, or as a ZIP with JSON and one CSV a table, and the receipt."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.http import HttpResponse

from common.errors import NotFound
from common.spreadsheet import defused
from consents.models import PrivacyRequest
from consents.selectors.exports import Tables, export_tables
from consents.services.requests import content_for_export


def export_file(request: PrivacyRequest, *, format: str, actor: str) -> HttpResponse:
    """Return the shopper's data. Raises Conflict where it is not proven who asks; it is on the audit log."""
    tables = export_tables(content_for_export(request, format=format, actor=actor).person)
    name = f"personal-data-{request.short_id}"
    if format == "json":
        return _download(_json(tables), "application/json", f"{name}.json")
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.json", _json(tables))
        for table, rows in tables.items():
            archive.writestr(f"{table.replace(' ', '-').replace('/', '-')}.csv", _csv(rows))
    return _download(file.getvalue(), "application/zip", f"{name}.zip")


def receipt_file(request: PrivacyRequest) -> HttpResponse:
    """Return the receipt. Raises NotFound where there is none."""
    if request.receipt is None:
        raise NotFound("There is no receipt yet.")
    body = orjson.dumps({**request.receipt, "sha256": request.receipt_sha256}, option=orjson.OPT_INDENT_2)
    return _download(body, "application/json", f"receipt-{request.short_id}.json")


def _download(body: bytes, content_type: str, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(
        body, content_type=content_type, headers={"Content-Disposition": disposition, "Cache-Control": "no-store"}
    )


def _json(tables: Tables) -> bytes:
    return orjson.dumps(tables, default=str, option=orjson.OPT_INDENT_2)


def _csv(rows: Iterable[Mapping[str, Any]]) -> str:
    lines = list(rows)
    names = list(dict.fromkeys(name for row in lines for name in row))
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(map(defused, names))
    writer.writerows([_cell(row.get(name)) for name in names] for row in lines)
    return file.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return defused(orjson.dumps(value, default=str).decode() if isinstance(value, dict | list) else str(value))
