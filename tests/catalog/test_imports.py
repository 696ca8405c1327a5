"""Imports in the admin: limits before work, a preview without locks, and a worker that may be killed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings
from rest_framework.test import APIClient

from audit import selectors as audit
from catalog import imports, limits, selectors, services
from catalog.import_files import rows_of
from catalog.models import ImportState, Product, ProductImport
from catalog.table import COLUMNS
from common import clock
from tests.staff import staff

pytestmark = pytest.mark.django_db
UPLOAD = "/admin/catalog/product/import/"
SAMPLE = Path(__file__).parents[2] / "static" / "catalog" / "products.csv"
GOOD = """product_id,title,price,category,stock,active,attributes.color,attributes
P1,Oak chair,89.90,Furniture > Chairs,12,yes,oak,
P2,"Desk, large",,,,No,,"{""width"": 120}"
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, settings: Settings) -> Path:
    """The folder of uploaded files."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path / "imports"


@pytest.fixture
def dee(db: None) -> Client:
    """Dee the merchandiser, at the admin."""
    return staff("dee", "merchandiser")


def table(n_rows: int, *, price: str = "1.00") -> str:
    """Return a CSV file."""
    return "product_id,title,price\n" + "".join(f"P{number},Chair {number},{price}\n" for number in range(n_rows))


def upload(client: Client, text: str | bytes, *, name: str = "products.csv", **fields: str) -> Any:
    """Return the page after an upload."""
    content = text if isinstance(text, bytes) else text.encode()
    return client.post(UPLOAD, {"import_file": SimpleUploadedFile(name, content), **fields}, follow=True)


def refusal(client: Client, text: str | bytes, **options: str) -> list[str]:
    """Return the errors of the file."""
    page = upload(client, text, **options)
    assert page.status_code == 422
    assert not ProductImport.objects.exists()
    errors: list[str] = page.context["form"].errors["import_file"]
    return errors


def confirm(client: Client) -> ProductImport:
    """Click Import on the page of the latest file, run the worker, and return the row."""
    row = ProductImport.objects.latest("id")
    client.post(f"/admin/catalog/productimport/{row.pk}/change/", {"import": "1"})
    imports.run_import(row.pk)
    row.refresh_from_db()
    return row


def kept(text: str, **fields: Any) -> ProductImport:
    """Return a queued import of the file."""
    row = imports.keep_file([text.encode()], file_name="p.csv", format="csv", rows=None, actor="staff:1")
    return imports.queue_import(row.pk, actor="staff:1", **fields)


def counts(row: ProductImport) -> tuple[int, int, int, int]:
    return row.created, row.changed, row.unchanged, row.rejected


def test_a_merchandiser_imports_a_file_and_what_was_removed_comes_back(dee: Client, folder: Path) -> None:
    Product.objects.create(product_id="P1", title="Old", currency="EUR", removed_at=clock.now())

    preview = upload(dee, GOOD).context["preview"]
    assert (preview.counts.created, preview.rejected) == (2, [])
    assert not Product.objects.filter(removed_at=None).exists(), "a preview writes nothing"
    row = confirm(dee)

    assert (row.state, counts(row), row.percent) == (ImportState.DONE, (2, 0, 0, 0), 100)
    assert [(one.product_id, one.title, one.removed) for one in selectors.catalog_rows()] == [
        ("P1", "Oak chair", False),
        ("P2", "Desk, large", False),
    ]
    queued, done = (audit.entries(action=f"product.{verb}")[0] for verb in ("import_queued", "imported"))
    assert queued.actor == done.actor
    assert queued.actor.startswith("staff:")
    assert (done.data["created"], done.data["sha256"]) == (2, row.sha256)
    assert audit.read_detail(done.id) == {"file_name": "products.csv"}
    assert list(folder.iterdir()) == [], "a file that is imported is deleted"


def test_too_many_rows_are_refused_at_once_and_before_any_work(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def parsed(*_: Any, **__: Any) -> None:
        raise AssertionError("a row was parsed")

    monkeypatch.setattr(services, "parse_row", parsed)
    file = table(limits.PREVIEW_ROWS + 1)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        began = time.monotonic()
        errors = refusal(dee, file)
        seconds = time.monotonic() - began

    assert errors[0].startswith("More than 20,000 rows: too many to show what would change. Choose “in the background”")
    assert not any('"catalog_product"' in query["sql"] for query in queries)
    assert seconds < 2, "well under a second on a quiet machine; bench/import_limits.py measures it"


def test_line_ends_within_cells_are_no_rows(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PREVIEW_ROWS", 2)
    monkeypatch.setattr(limits, "IMPORT_ROWS", 2)
    file = 'product_id,title,price\nP1,"a\nb\n\nc",1\n\nP2,d,2\n'

    assert upload(dee, file).context["preview"].counts.created == 2
    assert upload(dee, file, background="on").context["row"].state == ImportState.QUEUED


@pytest.mark.parametrize(
    ("limit", "value", "name", "text", "options", "message"),
    [
        ("IMPORT_BYTES", 10, "p.csv", GOOD, {}, "More than 0 MB"),
        ("JSON_BYTES", 10, "p.json", "[]" + " " * 20, {}, "More than 0 MB"),
        ("IMPORT_ROWS", 1, "p.csv", GOOD, {"background": "on"}, "More than 1 rows: upload them in parts"),
        ("BULK_LINES", 1, "p.json", '[{"product_id": "1"}, {"product_id": "2"}]', {}, "More than 1 rows"),
    ],
)
def test_each_limit_is_said_at_the_file(
    dee: Client,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: int,
    name: str,
    text: str,
    options: Any,
    message: str,
) -> None:
    monkeypatch.setattr(limits, limit, value)

    (error,) = refusal(dee, text, name=name, **options)

    assert error.startswith(message)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("p.csv", "product_id,title,prise\nP1,Chair,3\n", "unknown columns: prise"),
        ("p.csv", "product_id;title;price\nP1;Chair;9\n", "Cells are separated by commas."),
        ("p.csv", "title,price\nChair,9\n", "the header has no product_id"),
        ("p.csv", "", "The submitted file is empty."),
        ("p.csv", "\n", "the header has no product_id"),
        ("p.csv", "product_id,title\nP1,Stühle\n".encode("cp1252"), "This file is not in UTF-8."),
        ("p.csv", f"product_id,title\nP1,{'x' * 200_000}\n", "This file cannot be read as csv: field larger than"),
        ("p.json", "[{", "This file cannot be read as json: "),
        ("p.json", "{}", "This file cannot be read as json: expected a list of objects"),
        ("p.json", '[{"price": NaN}]', "This file cannot be read as json: "),
        ("p.json", '[{"prise": 1}]', "unknown columns: prise"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_words(dee: Client, name: str, text: str | bytes, message: str) -> None:
    (error,) = refusal(dee, text, name=name)

    assert message in error


def test_a_workbook_is_told_how_to_be_saved(dee: Client) -> None:
    page = upload(dee, "PK", name="products.xlsx")

    assert "CSV UTF-8" in page.context["form"].errors["format"][0]
    assert upload(dee, GOOD, name="products.txt", format="csv").context["preview"].counts.created == 2


def test_rejected_rows_are_listed_and_the_others_written(dee: Client) -> None:
    page = upload(dee, "product_id,title,price\nP1,Chair,NaN\nP2,Desk,1\nP3,Lamp,9,90\n")
    row = confirm(dee)

    text = page.content.decode() + dee.get(f"/admin/catalog/productimport/{row.pk}/change/").content.decode()
    assert text.count("price: must be a finite number") == 2, "before and after the import"
    assert text.count("stands in double quotes") == 2
    assert [(error["row"], error["product_id"]) for error in row.errors] == [(1, "P1"), (3, None)]
    assert (counts(row), Product.objects.count()) == ((1, 0, 0, 2), 1)


def test_a_file_with_nothing_to_write_offers_no_import(dee: Client) -> None:
    page = upload(dee, "product_id,title,price\nP1,Chair,NaN\n").content.decode()

    assert 'name="import"' not in page
    assert 'name="discard"' in page


@pytest.mark.django_db(transaction=True)
def test_neither_the_preview_nor_reading_a_file_holds_a_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    dee = staff("dee", "merchandiser")
    parse_rows, compare = services.parse_rows, services.compare
    within = list[bool]()

    def noted(step: Any) -> Any:
        def wrapped(*args: Any, **more: Any) -> Any:
            within.append(connection.in_atomic_block)
            return step(*args, **more)

        return wrapped

    for module in ("catalog.services", "catalog.import_preview"):
        monkeypatch.setattr(f"{module}.parse_rows", noted(parse_rows))
    monkeypatch.setattr("catalog.import_preview.compare", noted(compare))
    upload(dee, GOOD)
    assert within == [False, False]
    confirm(dee)
    services.bulk_upsert([{"product_id": "P9", "title": "x", "price": 1}], actor="system:test")

    assert within == [False] * 4
    assert Product.objects.count() == 3


def test_a_large_file_goes_to_the_worker_without_a_preview(
    dee: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    with (
        mock.patch("catalog.imports.current_app.send_task") as sent,
        django_capture_on_commit_callbacks(execute=True),
    ):
        page = upload(dee, table(limits.PREVIEW_ROWS + 1), background="on")
    row = page.context["row"]

    assert (row.state, row.rows, page.context["preview"]) == (ImportState.QUEUED, None, None)
    assert 'http-equiv="refresh"' in page.content.decode()
    sent.assert_called_once_with("catalog.import_products", args=[row.pk], expires=None)


def test_the_page_shows_progress(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    row = kept(table(10_000))
    monkeypatch.setattr(services, "write_changed", stopped_after(10, services.write_changed))
    with pytest.raises(KeyboardInterrupt):
        imports.run_import(row.pk)

    page = dee.get(f"/admin/catalog/productimport/{row.pk}/change/").content.decode()

    row.refresh_from_db()
    assert (row.state, row.rows_done) == (ImportState.RUNNING, 5_000)
    assert 40 < row.percent < 60
    assert "5,000 rows" in page
    assert f'value="{row.percent}"' in page


def stopped_after(count: int, step: Any) -> Any:
    """Return the step; it is interrupted when it was done that often."""
    done: Iterator[int] = iter(range(count))

    def wrapped(*args: Any) -> Any:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return step(*args)

    return wrapped


@pytest.mark.parametrize("n_batches", [0, 1, 3])
def test_an_interrupted_import_continues_where_it_stopped(monkeypatch: pytest.MonkeyPatch, n_batches: int) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)
    row = kept(table(45) + "P45,Wrong,NaN\n")
    write_changed = services.write_changed
    with monkeypatch.context() as patch:
        patch.setattr(services, "write_changed", stopped_after(n_batches, write_changed))
        with pytest.raises(KeyboardInterrupt):
            imports.run_import(row.pk)
    assert Product.objects.count() == ProductImport.objects.get().rows_done == 10 * n_batches

    batches = list[int]()

    def noted(products: Any) -> Any:
        batches.append(len(products))
        return write_changed(products)

    monkeypatch.setattr(services, "write_changed", noted)
    imports.run_import(row.pk)
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert (row.state, counts(row), row.rows_done, row.starts) == (ImportState.DONE, (45, 0, 0, 1), 46, 2)
    assert sum(batches) == 45 - 10 * n_batches, "nothing is written twice"
    assert row.errors[0]["row"] == 46
    assert len(audit.entries(action="product.imported")) == 1


def test_of_two_workers_with_one_file_only_one_writes_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "BATCH", 10)
    row, parse_rows = kept(table(30)), services.parse_rows

    def overtaken(*args: Any, **more: Any) -> Any:
        monkeypatch.setattr(services, "parse_rows", parse_rows)
        imports.run_import(row.pk)  # the other worker, between the first one's reading and writing
        return parse_rows(*args, **more)

    monkeypatch.setattr(services, "parse_rows", overtaken)
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert (row.state, counts(row)) == (ImportState.DONE, (30, 0, 0, 0))
    assert len(audit.entries(action="product.imported")) == 1


def test_a_second_import_of_a_file_changes_nothing_and_says_so(dee: Client) -> None:
    upload(dee, table(3))
    confirm(dee)
    page = upload(dee, table(2) + "P2,Chair 2,2.00\nP2,Chair 2,3.00\n")
    preview = page.context["preview"].counts
    row = confirm(dee)

    assert (preview.created, preview.changed, preview.unchanged) == (0, 1, 2)
    assert (row.created, row.changed, row.unchanged) == (0, 1, 3)
    assert selectors.get("P2").price == 3
    done = dee.post(f"/admin/catalog/productimport/{row.pk}/change/", {"again": "1"}, follow=True)
    assert "This file is imported" in done.content.decode()


def test_a_silent_import_is_handed_to_a_worker_again_and_a_hopeless_one_ends() -> None:
    silent, fresh, hopeless = kept(table(1)), kept(table(1)), kept(table(1))
    long_ago = clock.now() - 2 * imports.SILENCE
    ProductImport.objects.filter(pk__in=[silent.pk, hopeless.pk]).update(
        state=ImportState.RUNNING, heartbeat_at=long_ago
    )
    ProductImport.objects.filter(pk=hopeless.pk).update(starts=imports.MOST_STARTS)

    with mock.patch("catalog.imports.current_app.send_task") as sent:
        assert imports.resume_imports() == 1

    assert [call.kwargs["args"] for call in sent.call_args_list] == [[silent.pk]]
    hopeless.refresh_from_db()
    assert (hopeless.state, "stopped 10 times" in hopeless.message) == (ImportState.FAILED, True)
    imports.queue_import(hopeless.pk, actor="staff:1")
    imports.run_import(hopeless.pk)
    hopeless.refresh_from_db()
    assert (hopeless.state, hopeless.message) == (ImportState.DONE, "")
    assert ProductImport.objects.get(pk=fresh.pk).state == ImportState.QUEUED


def test_a_file_that_cannot_be_read_further_fails_and_says_where() -> None:
    row = imports.keep_file(
        [table(2_000).encode(), b"P,\xff,1\n"], file_name="p.csv", format="csv", rows=None, actor="staff:1"
    )
    imports.queue_import(row.pk, actor="staff:1")
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert (row.state, row.rows_done) == (ImportState.FAILED, 1_500)
    assert "at row 1,501 or later" in row.message
    assert audit.entries(action="product.import_failed")[0].data["created"] == 1_500


def test_a_worker_without_the_file_says_what_to_share(folder: Path) -> None:
    row = kept(table(1))
    next(folder.iterdir()).unlink()
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert (row.state, "share MEDIA_ROOT" in row.message) == (ImportState.FAILED, True)


def test_a_draft_is_discarded_by_a_click_or_after_a_day(dee: Client, folder: Path) -> None:
    upload(dee, GOOD)
    upload(dee, GOOD)
    first, second = ProductImport.objects.order_by("id")

    dee.post(f"/admin/catalog/productimport/{first.pk}/change/", {"discard": "1"})
    ProductImport.objects.filter(pk=second.pk).update(created_at=clock.now() - 2 * imports.DRAFT_LIFE)
    imports.resume_imports()

    assert not ProductImport.objects.exists()
    assert list(folder.iterdir()) == []
    assert not Product.objects.exists()


def test_only_the_first_rejected_rows_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "ERRORS_KEPT", 3)
    row = kept(table(5, price="NaN"))
    imports.run_import(row.pk)

    row.refresh_from_db()
    assert (row.rejected, len(row.errors)) == (5, 3)


@pytest.mark.parametrize(("role", "view"), [("marketer", 200), ("compliance officer", 403), ("nobody", 403)])
def test_only_who_changes_products_imports(role: str, view: int) -> None:
    row, somebody = kept(table(1)), staff("somebody", role)
    page = f"/admin/catalog/productimport/{row.pk}/change/"

    assert somebody.get(UPLOAD).status_code == 403
    assert upload(somebody, GOOD).status_code == 403
    assert somebody.get(page).status_code == view
    assert somebody.post(page, {"again": "1"}).status_code == 403
    assert ProductImport.objects.count() == 1


def test_a_json_file_is_read_by_its_names_and_may_hold_lists_and_objects(dee: Client) -> None:
    rows = [
        {"product_id": "P1", "title": "Chair", "price": 8.5, "category": ["Furniture", "Chairs > 2"], "active": False},
        {
            "product_id": "P2",
            "title": "Desk",
            "price": None,
            "attributes": {"width": 120},
            "attributes.colors": ["a", "b"],
        },
        {"price": None, "title": "Lamp", "product_id": "P3", "category": None, "attributes": None, "stock": 3},
    ]

    upload(dee, json.dumps(rows), name="products.json")
    confirm(dee)

    chair, desk, lamp = selectors.catalog_rows()
    assert (chair.category, str(chair.price), chair.active) == (("Furniture", "Chairs > 2"), "8.5000", False)
    assert (desk.attributes, desk.price) == ({"width": 120, "colors": ["a", "b"]}, None)
    assert (lamp.category, lamp.attributes, lamp.stock) == ((), {}, 3)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("category", {"a": 1}, "must be a list, from the widest category to the narrowest"),
        ("category", [["a"]], "must be a string"),
        ("attributes", ["a"], "must be an object of names and values"),
        ("stock", [1], "must be a whole number"),
        ("active", {}, "must be true or false"),
        ("title", ["a"], "must be a string"),
        ("product_id", ["a"], "must be a string"),
    ],
)
def test_a_list_or_an_object_at_the_wrong_place_is_rejected(dee: Client, field: str, value: Any, message: str) -> None:
    row = {"product_id": "P1", "title": "Chair", "price": 1, "attributes.color": "oak", field: value}

    preview = upload(dee, json.dumps([row]), name="products.json").context["preview"]

    (line,) = preview.rejected
    assert [(error.field, error.message) for error in line.errors] == [(field, message)]


def test_an_export_that_comes_again_changes_nothing(dee: Client, shop: APIClient, chair: dict[str, Any]) -> None:
    shop.put("/api/v1/products/P456", {**chair, "description": "Of oak.\r\nFor two."}, format="json")
    form = dee.get("/admin/catalog/product/export/").context["form"]
    columns = {name: "on" for name in form.fields if name.startswith("productresource_")}
    exported = b"".join(dee.post("/admin/catalog/product/export/", {"format": "0", "resource": "", **columns}))

    again = upload(dee, exported).context["preview"].counts
    shop.put("/api/v1/products/P456", {**chair, "description": ""}, format="json")
    upload(dee, exported)
    confirm(dee)

    assert (again.created, again.changed, again.unchanged) == (0, 0, 1)
    assert selectors.get("P456").description == "Of oak.\r\nFor two."


def test_the_form_names_the_columns_and_has_a_sample_that_imports(dee: Client) -> None:
    page = dee.get(UPLOAD).content.decode()

    assert [name for name in COLUMNS if f"<code>{name}</code>" not in page] == []
    assert "<code>price</code> (needed)" in page
    assert "catalog/products.csv" in page
    with SAMPLE.open("rb") as sample:
        result = services.bulk_upsert(rows_of(sample, format="csv"), actor="system:test")
    assert (result.rejected, result.accepted) == ((), 3)
