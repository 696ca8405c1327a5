"""A shopper's data as files: JSON, one CSV a table, and a signed receipt of exactly these files."""

import csv
import io
import zipfile
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

import orjson
import rfc8785
from django.core.exceptions import ImproperlyConfigured

from audit.receipts import with_receipt
from common.errors import Unavailable
from common.spreadsheet import defused
from consents.selectors.exports import Tables

DATA: Final = "data.json"


def export_archive(tables: Tables, *, at: datetime) -> bytes:
    """Return a ZIP of the tables with a receipt of them. Raises Unavailable before the audit log has its key."""
    csvs = {f"{name.replace(' ', '-').replace('/', '-')}.csv": csv_of(rows).encode() for name, rows in tables.items()}
    return signed_archive({DATA: json_of(tables), **csvs}, about="personal data of one shopper", at=at)


def signed_archive(files: Mapping[str, bytes], *, about: str, at: datetime) -> bytes:
    """Return a ZIP of the files with a receipt of them. Raises Unavailable before the audit log has its key."""
    try:
        signed = with_receipt(files, about=about, at=at)
    except ImproperlyConfigured as error:
        raise Unavailable("The receipt cannot be signed yet.") from error
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in signed.items():
            archive.writestr(name, content)
    return file.getvalue()


def receipt_archive(receipt: dict[str, Any], *, at: datetime) -> bytes:
    """Return a ZIP of an erasure's receipt, signed. `receipt.json` has the SHA-256 that the audit log names.

    Raises Unavailable before the audit log has its key.
    """
    return signed_archive({"receipt.json": rfc8785.dumps(receipt)}, about="erasure of one shopper's data", at=at)


def json_of(tables: Tables) -> bytes:
    """Return the tables as JSON."""
    return orjson.dumps(tables, default=str, option=orjson.OPT_INDENT_2)


def csv_of(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return the rows as CSV that no spreadsheet runs."""
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
