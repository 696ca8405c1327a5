"""Import products from a CSV file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from catalog.services import bulk_upsert
from catalog.table import COLUMNS, row_of, unknown_columns
from common.exits import STOPPED

FAULTY = 1


class Command(BaseCommand):
    """`manage.py import_products FILE`: good rows are written together, bad ones are listed by line."""

    help = f"Import products from a CSV file with a header. Columns: {', '.join(COLUMNS)}; attributes.NAME for each."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, report, and end with an error where a row was refused."""
        path: Path = options["file"]
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = _rows(file, size=path.stat().st_size, quiet=options["no_progress"])
                result = bulk_upsert(rows, actor="system:import_products", source=f"csv:{path.name}")
        except UnicodeDecodeError as error:
            raise CommandError(f"{path} is not in UTF-8: save it again as “CSV UTF-8”") from error
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        except csv.Error as error:
            raise CommandError(f"{path}: {error}") from error
        except KeyboardInterrupt as stop:
            raise CommandError("stopped before the end: nothing was imported", returncode=STOPPED) from stop
        for line in result.rejected:
            for wrong in line.errors:
                self.stderr.write(f"row {line.line} ({line.product_id or '?'}): {wrong}")
        self.stdout.write(f"{result.accepted} products imported, {len(result.rejected)} rows refused")
        if result.rejected:
            raise CommandError(f"{len(result.rejected)} rows were refused", returncode=FAULTY)


def _rows(file: IO[str], *, size: int, quiet: bool) -> Iterator[Any]:
    """Yield the rows while a bar shows how much of the file is read."""
    with tqdm(total=size, unit="B", unit_scale=True, desc="products", disable=quiet) as bar:
        reader = csv.DictReader(_measured(file, bar))
        if unknown := unknown_columns(reader.fieldnames or ()):
            raise CommandError(unknown)
        if "product_id" not in (reader.fieldnames or ()):
            raise CommandError("the header has no product_id")
        for cells in reader:
            yield row_of(cells)


def _measured(file: IO[str], bar: "tqdm[Any]") -> Iterator[str]:
    for line in file:
        bar.update(len(line.encode()))
        yield line
