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
from common.strictjson import loads

AT_ONCE: Final = 1_000


class Checked(Widget):  # type: ignore[misc]  # import_export has no types
    """Takes what the room's own checks returned; writes what they would read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def clean(self, value: Any, row: Any = None, **options: Any) -> Any:
        """Return the value, which was checked with its row."""
        return value

    def render(self, value: Any, obj: Any = None, **options: Any) -> str:
        """Return the cell."""
        return cell(self.name, value)


class ByName(JSON):  # type: ignore[misc]  # import_export has no types
    """A JSON file: a list of objects. The library would read them by the place of a name, not by the name."""

    def create_dataset(self, in_stream: bytes | str, **options: Any) -> Dataset:
        """Return the table. Raises ValueError."""
        text = in_stream.decode(self.encoding or "utf-8") if isinstance(in_stream, bytes) else in_stream
        rows = loads(text)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ValueError("expected a list of objects")
        names = list(dict.fromkeys(name for row in rows for name in row))
        return Dataset(*([row.get(name) for name in names] for row in rows), headers=names)


class Plain(Error):  # type: ignore[misc]  # import_export has no types
    """An error in words: how the code came there is nothing for a merchandiser's page."""

    traceback = ""

    def __init__(self, error: Exception, row: Any = None, number: int | None = None) -> None:
        told = "; ".join(error.messages) if isinstance(error, ValidationError) else error
        super().__init__(told, row, number)


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
        """Return a column that leaves reading and checking to the room's own code."""
        return fields.Field(attribute=field_name, column_name=field_name, widget=Checked(field_name), readonly=readonly)

    def __init__(self, actor: str = "system:import", **options: Any) -> None:
        super().__init__(**options)
        self.actor = actor

    def before_import(self, dataset: Any, **options: Any) -> None:
        """Refuse columns that mean nothing, and files that no page can wait for."""
        if len(dataset) > limits.BULK_LINES:
            raise ValidationError(
                f"More than {limits.BULK_LINES} rows: upload them in parts, or use manage.py import_products."
            )
        if unknown := unknown_columns(dataset.headers or ()):
            raise ValidationError(unknown)

    def before_import_row(self, row: dict[str, Any], **options: Any) -> None:
        """Check the row as REST would; put what the checks returned in its place."""
        cells = {name: "" if value is None else value for name, value in row.items()}
        try:
            product_id, product = services.parse_row(row_of(cells))
        except InvalidInput as error:
            raise ValidationError(_messages(error)) from error
        for name in [name for name in row if name.startswith(ATTRIBUTE)]:
            del row[name]
        row.update(services.columns(product), product_id=product_id)

    def before_save_instance(self, instance: Product, row: Any, **options: Any) -> None:
        """A product that comes again is no longer removed."""
        instance.removed_at = None

    def written(self, products: QuerySet[Product], chosen: Sequence[str] | None) -> Iterator[str]:
        """Yield the lines of a CSV file with the chosen columns, all where None, so that no more is held than some."""
        text = StringIO(newline="")
        lines = csv.writer(text)
        lines.writerow(self.get_export_headers(selected_fields=chosen))
        for count, product in enumerate(products.iterator(chunk_size=AT_ONCE), start=1):
            lines.writerow(self.export_resource(product, selected_fields=chosen))
            if count % AT_ONCE == 0:
                yield _taken(text)
        yield _taken(text)

    @classmethod
    def get_error_result_class(cls) -> type[Error]:
        """Return what tells an error on the page."""
        return Plain

    def after_import(self, dataset: Any, result: Any, **options: Any) -> None:
        """Record one event for the whole file, in its transaction.

        The library's own step sets the sequence of ids anew, for files that bring ids of rows. Ours bring none, and the
        app's database role may not.
        """
        if not options.get("dry_run"):
            services.note_import(counts=dict(result.totals), actor=self.actor)


def _taken(text: StringIO) -> str:
    """Return what was written, and leave nothing."""
    found = text.getvalue()
    text.seek(0)
    text.truncate()
    return found


def _messages(error: InvalidInput) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for wrong in error.errors:
        found.setdefault(wrong.field if wrong.field in COLUMNS else "__all__", []).append(wrong.message)
    return found
