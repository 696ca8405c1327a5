"""Reading a file of products, CSV, TSV or JSON: limits first, then rows one by one. Touches no database."""

import codecs
import csv
import io
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import PurePath
from typing import IO, Any, Final

from catalog import limits
from catalog.table import row_of, unknown_columns
from common.errors import InvalidInput
from common.strictjson import loads

SEPARATORS: Final = {"csv": ",", "tsv": "\t"}
FORMATS: Final = (*SEPARATORS, "json")
CHUNK_BYTES: Final = 1024 * 1024
BY_COMMAND: Final = "upload them in parts, or use manage.py import_products"
NO_UTF8: Final = "This file is not in UTF-8. Save it again as “CSV UTF-8”, and upload that."


def format_of(file_name: str) -> str:
    """Return the format that the end of a file's name says, "" for another one."""
    end = PurePath(file_name).suffix.lower().removeprefix(".")
    return end if end in FORMATS else ""


def check_file(stream: IO[bytes], *, format: str, size: int, max_rows: int, exact: bool = True) -> int | None:
    """Return the number of rows, None where only a bound of it was needed. Reads each byte once or twice.

    Limits come first: bytes before anything is read, and reading stops at the first row too many. With `exact` off,
    rows are counted only if the file has more lines than `max_rows`, because a cell may hold line ends. Raises
    InvalidInput for the field `import_file`: too large, not UTF-8, no table, unknown columns, or no `product_id`.
    """
    most = limits.JSON_BYTES if format == "json" else limits.IMPORT_BYTES
    if size > most:
        raise _refused(f"More than {most // 1024 // 1024} MB: {BY_COMMAND}.")
    if format == "json":
        return _check_json(stream, max_rows=min(max_rows, limits.BULK_LINES))
    try:
        check_header(_reader(stream, format).fieldnames or ())
        rows = _count(stream, format, max_rows=max_rows) if exact or _lines(stream) > max_rows else None
        if exact:
            stream.seek(0)
            _lines(stream)  # refuses bytes that are not UTF-8, also behind the last row that was counted
    except UnicodeDecodeError:
        raise _refused(NO_UTF8) from None
    except csv.Error as error:
        raise _refused(f"This file cannot be read as {format}: {error}.") from None
    finally:
        stream.seek(0)
    return rows


def check_header(names: Any) -> None:
    """Raise InvalidInput for unknown columns, or without `product_id`."""
    if unknown := unknown_columns(names):
        raise _refused(unknown)
    if "product_id" not in names:
        raise _refused("the header has no product_id")


def rows_of(stream: IO[bytes], *, format: str) -> Iterator[Any]:
    """Yield the rows as `services.parse_row` takes them, an InvalidInput for one that cannot be read.

    Raises UnicodeDecodeError, csv.Error, or ValueError for JSON that is no list of objects.
    """
    if format == "json":
        for row in _objects(stream):
            yield row_of({name: "" if cell is None else cell for name, cell in row.items()})
    else:
        yield from map(row_of, _reader(stream, format))


def _refused(message: str) -> InvalidInput:
    return InvalidInput.of("import_file", message)


def _too_many(max_rows: int) -> InvalidInput:
    if max_rows >= limits.IMPORT_ROWS:
        return _refused(f"More than {max_rows:,} rows: {BY_COMMAND}.")
    return _refused(
        f"More than {max_rows:,} rows: too many to show what would change. Choose “in the background”, {BY_COMMAND}."
    )


def _text(stream: IO[bytes]) -> Iterator[str]:
    """Yield the lines with their ends, without closing the stream."""
    stream.seek(0)
    text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        for line in text:  # noqa: UP028  # `yield from` would close the stream with the generator
            yield line
    finally:
        with suppress(ValueError):  # the caller closed the stream
            text.detach()


def _reader(stream: IO[bytes], format: str) -> "csv.DictReader[str]":
    return csv.DictReader(_text(stream), delimiter=SEPARATORS[format])


def _count(stream: IO[bytes], format: str, *, max_rows: int) -> int:
    """Return the number of rows below the header; reading stops at the first one too many. Blank lines are no rows."""
    lines = (row for row in csv.reader(_text(stream), delimiter=SEPARATORS[format]) if row)
    count = sum(1 for _ in islice(lines, max_rows + 2)) - 1
    if count > max_rows:
        raise _too_many(max_rows)
    return count


def _lines(stream: IO[bytes]) -> int:
    """Return the number of lines, an upper bound of the rows. Raises UnicodeDecodeError."""
    decoder, count = codecs.getincrementaldecoder("utf-8")(), 0
    stream.seek(0)
    while chunk := stream.read(CHUNK_BYTES):
        decoder.decode(chunk)
        count += chunk.count(b"\n") + chunk.count(b"\r")
    decoder.decode(b"", final=True)
    return count


def _check_json(stream: IO[bytes], *, max_rows: int) -> int:
    try:
        rows = _objects(stream)
    except ValueError as error:
        raise _refused(f"This file cannot be read as json: {error}.") from None
    finally:
        stream.seek(0)
    if len(rows) > max_rows:
        raise _refused(f"More than {max_rows:,} rows: {BY_COMMAND}. A CSV file may be imported in the background.")
    if unknown := unknown_columns(dict.fromkeys(name for row in rows for name in row)):
        raise _refused(unknown)
    return len(rows)


def _objects(stream: IO[bytes]) -> list[dict[str, Any]]:
    stream.seek(0)
    rows = loads(stream.read().removeprefix(codecs.BOM_UTF8))
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("expected a list of objects")
    return rows
