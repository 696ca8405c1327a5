"""Import products from a file."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from catalog import imports
from catalog.import_files import check_file, format_of, rows_of
from catalog.records import RejectedLine, WriteCounts
from catalog.table import COLUMNS
from common.errors import InvalidInput
from common.exits import STOPPED

FAULTY = 1
ANY_NUMBER = 10**9


class Command(BaseCommand):
    """`manage.py import_products FILE`: good rows are written in short transactions, bad ones are listed by line."""

    help = f"Import products from a CSV file with a header. Columns: {', '.join(COLUMNS)}; attributes.NAME for each."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the file."""
        parser.add_argument("file", type=Path)
        parser.add_argument("--no-progress", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Import, report, and end with an error where a row was refused."""
        path: Path = options["file"]
        counts, n_rejected = WriteCounts(), 0
        try:
            with path.open("rb") as file:
                for done, rejected in self._import(file, path, quiet=options["no_progress"]):
                    counts, n_rejected = counts + done, n_rejected + len(rejected)
                    self._list(rejected)
        except InvalidInput as error:
            raise CommandError(f"{path}: {error.errors[0].message}") from error
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror or error}") from error
        except (csv.Error, ValueError) as error:
            raise CommandError(f"{path}: {error}") from error
        except KeyboardInterrupt as stop:
            n_written = counts.created + counts.changed
            message = f"stopped before the end: {n_written} products are written; run it again for the rest"
            raise CommandError(message, returncode=STOPPED) from stop
        n_written = counts.created + counts.changed
        self.stdout.write(
            f"{n_written + counts.unchanged} products imported ({counts.created} new, {counts.changed} changed), "
            f"{n_rejected} rows refused"
        )
        if n_rejected:
            raise CommandError(f"{n_rejected} rows were refused", returncode=FAULTY)

    def _import(self, file: IO[bytes], path: Path, *, quiet: bool) -> Iterator[tuple[WriteCounts, list[RejectedLine]]]:
        """Check the whole file, then write it, while a bar shows how much of it is read."""
        format, size = format_of(path.name) or "csv", path.stat().st_size
        check_file(file, format=format, size=size if format == "json" else 0, max_rows=ANY_NUMBER)
        with tqdm(total=size, unit="B", unit_scale=True, desc="products", disable=quiet) as bar:
            rows = rows_of(file, format=format)
            for step in imports.import_rows(rows, actor="system:import_products", source=f"{format}:{path.name}"):
                bar.update(file.tell() - bar.n)
                yield step

    def _list(self, rejected: list[RejectedLine]) -> None:
        for line in rejected:
            for wrong in line.errors:
                self.stderr.write(f"row {line.line} ({line.product_id or '?'}): {wrong}")
