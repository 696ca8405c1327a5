"""The catalog as a file in the admin: the same columns and checks as `manage.py import_products`."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from import_export import fields, resources
from import_export.formats.base_formats import JSON
from import_export.results import Error
from import_export.widgets import Widget
from tablib import Dataset

from catalog import limits, services
from catalog.models import Product
from catalog.table import ATTRIBUTE, COLUMNS, cell, row_of, unknown_columns
from common.errors import InvalidInput
from common.spreadsheet import defused
from common.strictjson import loads

CHUNK_SIZE: Final = 1_000


class CheckedWidget(Widget):  # type: ignore[misc]  # import_export has no types
    """Returns values that the room's checks already parsed, and writes cells that they can read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def clean(self, value: Any, row: Any = None, **options: Any) -> Any:
        """Return the value, which was checked with its row."""
        return value

    def render(self, value: Any, obj: Any = None, **options: Any) -> str:
        """Return the cell, which no spreadsheet program runs as a formula. An import restores it."""
        return defused(cell(self.name, value))


class JSONByName(JSON):  # type: ignore[misc]  # import_export has no types
    """A JSON file with a list of objects. The library would read columns by position instead of by name."""

    def create_dataset(self, in_stream: bytes | str, **options: Any) -> Dataset:
        """Return the table. Raises ValueError."""
        text = in_stream.decode(self.encoding or "utf-8") if isinstance(in_stream, bytes) else in_stream
        rows = loads(text)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("expected a list of objects")
        names = list(dict.fromkeys(name for row in rows for name in row))
        return Dataset(*([row.get(name) for name in names] for row in rows), headers=names)


class PlainError(Error):  # type: ignore[misc]  # import_export has no types
    """An error without traceback, which would not help a merchandiser."""

    traceback = ""

    def __init__(self, error: Exception, row: Any = None, number: int | None = None) -> None:
        message = "; ".join(error.messages) if isinstance(error, ValidationError) else error
        super().__init__(message, row, number)


class ProductResource(resources.ModelResource):  # type: ignore[misc]  # import_export has no types
    """Products, one a row, known by their `product_id`."""

    class Meta:
        model = Product
        fields = COLUMNS
        import_order = export_order = COLUMNS
        import_id_fields = ("product_id",)
        skip_unchanged = True
        report_skipped = False

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> fields.Field:
        """Return a column without checks of its own: `before_import_row` parses and checks all cells."""
        return fields.Field(
            attribute=field_name, column_name=field_name, widget=CheckedWidget(field_name), readonly=readonly
        )

    def __init__(self, actor: str = "system:import", **options: Any) -> None:
        super().__init__(**options)
        self.actor = actor

    def before_import(self, dataset: Any, **options: Any) -> None:
        """Refuse unknown columns, and files too large for a page to wait for."""
        if len(dataset) > limits.BULK_LINES:
            raise ValidationError(
                f"More than {limits.BULK_LINES} rows: upload them in parts, or use manage.py import_products."
            )
        if unknown := unknown_columns(dataset.headers or ()):
            raise ValidationError(unknown)

    def before_import_row(self, row: dict[str, Any], **options: Any) -> None:
        """Check the row as REST does, and replace its cells by the parsed values."""
        cells = {name: "" if value is None else value for name, value in row.items()}
        try:
            product_id, product = services.parse_row(row_of(cells))
        except InvalidInput as error:
            raise ValidationError(_messages(error)) from error
        for name in [name for name in row if name.startswith(ATTRIBUTE)]:
            del row[name]
        row.update(services.columns(product), product_id=product_id)

    def before_save_instance(self, instance: Product, row: Any, **options: Any) -> None:
        """Restore a removed product that the file names again."""
        instance.removed_at = None

    def csv_lines(self, products: QuerySet[Product], columns: Sequence[str] | None) -> Iterator[str]:
        """Yield the lines of a CSV file with the chosen columns (None: all), in chunks to save memory."""
        text = StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow(self.get_export_headers(selected_fields=columns))
        for count, product in enumerate(products.iterator(chunk_size=CHUNK_SIZE), start=1):
            lines.writerow(self.export_resource(product, selected_fields=columns))
            if count % CHUNK_SIZE == 0:
                yield _drain(text)
        yield _drain(text)

    @classmethod
    def get_error_result_class(cls) -> type[Error]:
        """Return the class of errors on the page."""
        return PlainError

    def after_import(self, dataset: Any, result: Any, **options: Any) -> None:
        """Record one audit event for the whole file, in its transaction.

        The library's own step resets the sequence of ids, for files that bring row ids. Ours bring none, and the app's
        database role may not reset it.
        """
        if not options.get("dry_run"):
            services.note_import(counts=dict(result.totals), actor=self.actor)


def _drain(text: StringIO) -> str:
    """Return the buffer's content and empty it."""
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written


def _messages(error: InvalidInput) -> dict[str, Any]:
    messages: dict[str, list[str]] = {}
    for field_error in error.errors:
        messages.setdefault(field_error.field if field_error.field in COLUMNS else "__all__", []).append(
            field_error.message
        )
    return messages
