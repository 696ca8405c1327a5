"""How quickly an upload of 20,001 rows is refused, and how long other writers wait during a large import.

In a throwaway installation: the upload goes through the admin's own view, the import through the worker's own code,
while another connection writes single products of the file without pause, as a shop's server does.
"""

import argparse
import os
import threading
import time

from bench._stage import stage


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the large file")
    options = parser.parse_args()
    with stage() as it:
        os.environ.update(
            {**it.environment, "DJANGO_SETTINGS_MODULE": "config.settings", "MEDIA_ROOT": str(it.folder / "media")}
        )
        import django

        django.setup()
        from django.conf import settings
        from django.test import override_settings

        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        with override_settings(STORAGES={**settings.STORAGES, "staticfiles": plain}):  # none are collected here
            refuse()
        lock(options.rows)
    return 0


def table(n_rows: int, *, price: str) -> bytes:
    """Return a CSV file with a description in each row."""
    words = "A chair of oak with a seat of woven cord. " * 5
    rows = (f'P{number},"Chair {number}",{price},"{words}",Furniture > Chairs\n' for number in range(n_rows))
    return b"product_id,title,price,description,category\n" + "".join(rows).encode()


def refuse() -> None:
    """Print how long the admin takes to refuse one row too many, five times."""
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from access.models import User
    from catalog import limits

    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("bench"))
    body, took = table(limits.PREVIEW_ROWS + 1, price="1.00"), list[float]()
    cpu_began = 0.0
    for attempt in range(6):
        if attempt == 1:  # the first one loads the templates
            cpu_began = time.process_time()
        began = time.perf_counter()
        page = client.post("/admin/catalog/product/import/", {"import_file": SimpleUploadedFile("p.csv", body)})
        took.append(time.perf_counter() - began)
        if page.status_code != 422:
            raise RuntimeError(f"not refused: {page.status_code}")
    cpu = (time.process_time() - cpu_began) / 5
    size = f"{limits.PREVIEW_ROWS + 1:,} rows ({len(body) / 1e6:.1f} MB)"
    print(f"{size} refused in {sorted(took[1:])[2]:.3f} s (median), {cpu:.3f} s of them CPU", flush=True)


def lock(n_rows: int) -> None:
    """Print how long an import takes, first of new and then of changed products, and how long other writers wait."""
    from catalog import imports
    from catalog.models import ProductImport

    for number, price in enumerate(("1.00", "2.00")):
        row = imports.keep_file(
            [table(n_rows, price=price)], file_name="p.csv", format="csv", rows=n_rows, actor="system:bench"
        )
        imports.queue_import(row.pk, actor="system:bench")
        waits, over = list[float](), threading.Event()
        writer = threading.Thread(target=write_until, args=(over, waits, n_rows))
        writer.start()
        began = time.perf_counter()
        imports.run_import(row.pk)
        took = time.perf_counter() - began
        over.set()
        writer.join()
        done = ProductImport.objects.get(pk=row.pk)
        waits.sort()
        print(
            f"{n_rows:,} {('new', 'changed')[number]} products imported in {took:.1f} s ({done.created:,} new, "
            f"{done.changed:,} changed); {len(waits):,} other writes meanwhile waited {waits[len(waits) // 2]:.3f} s "
            f"(median), {waits[int(len(waits) * 0.99)]:.3f} s (99 %), {waits[-1]:.3f} s (longest)"
        )


def write_until(over: threading.Event, waits: list[float], n_rows: int) -> None:
    """Put single products of the file, all over it, and note how long each write takes."""
    from django.db import connection

    from catalog.services import put_product

    number = 0
    while not over.is_set():
        number = (number + 7919) % n_rows
        began = time.perf_counter()
        put_product(f"P{number}", data={"title": f"Stool {number}", "price": "3.00"}, actor="system:bench")
        waits.append(time.perf_counter() - began)
    connection.close()


if __name__ == "__main__":
    raise SystemExit(main())
