"""The export of the catalog as a file, with the columns that an import reads."""

import csv
from collections.abc import Iterator, Sequence
from io import StringIO
from typing import Any, Final

from django.db.models import QuerySet
from import_export import fields, resources
from import_export.widgets import Widget

from catalog.models import Product
from catalog.table import COLUMNS, cell
from common.spreadsheet import defused

CHUNK_SIZE: Final = 1_000


class CellWidget(Widget):  # type: ignore[misc]  # import_export has no types
    """Writes cells that an import can read."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def render(self, value: Any, obj: Any = None, **options: Any) -> str:
        """Return the cell, which no spreadsheet program runs as a formula. An import restores it."""
        return defused(cell(self.name, value))


class ProductResource(resources.ModelResource):  # type: ignore[misc]  # import_export has no types
    """Products, one a row, known by their `product_id`."""

    class Meta:
        model = Product
        fields = COLUMNS
        export_order = COLUMNS

    @classmethod
    def field_from_django_field(cls, field_name: str, django_field: Any, readonly: bool) -> fields.Field:
        """Return a column."""
        return fields.Field(
            attribute=field_name, column_name=field_name, widget=CellWidget(field_name), readonly=readonly
        )

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


def _drain(text: StringIO) -> str:
    """Return the buffer's content and empty it."""
    written = text.getvalue()
    text.seek(0)
    text.truncate()
    return written
