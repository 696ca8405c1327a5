"""Products from CSV files: by command and in the admin, with the same columns, checks and report."""

import json
import os
import re
import time
from csv import DictReader
from io import StringIO
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from access.models import User
from audit import selectors as audit
from catalog import selectors, services
from catalog.models import Product
from catalog.table import row_of
from common import clock
from common.errors import InvalidInput
from tests.staff import staff

pytestmark = pytest.mark.django_db
PROCESS = "/admin/catalog/product/process_import/"
GOOD = """product_id,title,price,category,stock,active,attributes.color,attributes
P1,Oak chair,89.90,Furniture > Chairs,12,yes,oak,
P2,"Desk, large",,,,No,,"{""width"": 120}"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "products.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave what nobody confirms in a folder that is removed."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


@pytest.fixture
def dee(admin_user: User) -> Client:
    """Dee the merchandiser, at the admin."""
    client = Client()
    client.force_login(admin_user)
    return client


def test_the_command_imports_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("import_products", write(tmp_path, GOOD), no_progress=True)

    chair, desk = selectors.catalog_rows()
    assert (chair.title, str(chair.price), chair.category) == ("Oak chair", "89.9000", ("Furniture", "Chairs"))
    assert (chair.stock, chair.active, chair.attributes) == (12, True, {"color": "oak"})
    assert (desk.title, desk.price, desk.stock, desk.attributes) == ("Desk, large", None, None, {"width": 120})
    assert not desk.active
    assert "2 products imported, 0 rows refused" in capsys.readouterr().out
    assert audit.entries(action="product.bulk_put")[0].data["source"] == "csv:products.csv"


def test_the_command_lists_refused_rows_and_keeps_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "product_id,title,price,stock\nP1,Chair,1,1\nP2,Desk,NaN,x\nP3,short\nP4,Lamp,2,3\n"

    with pytest.raises(CommandError, match="2 rows were refused"):
        call_command("import_products", write(tmp_path, text), no_progress=True)

    report = capsys.readouterr().err
    assert "row 2 (P2): price: must be a finite number" in report
    assert "row 2 (P2): stock: must be a whole number" in report
    assert "row 3 (?): the row has more or fewer cells than the header" in report
    assert [row.product_id for row in selectors.catalog_rows()] == ["P1", "P4"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("product_id,title,colour\n", "unknown columns: colour"),
        ("product_id;title;price\n", "Cells are separated by commas"),
        ("title,price\n", "no product_id"),
        ("", "no product_id"),
    ],
)
def test_a_wrong_header_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        call_command("import_products", write(tmp_path, text), no_progress=True)

    assert not Product.objects.exists()


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"product_id,title,price\nP1,a\x00b,1\n"])
def test_a_file_that_is_no_text_is_no_crash(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes(content)

    with pytest.raises(CommandError):
        call_command("import_products", path, no_progress=True)

    assert not Product.objects.exists()


def test_the_command_tells_a_file_in_another_encoding_in_words(tmp_path: Path) -> None:
    path = tmp_path / "products.csv"
    path.write_bytes("product_id,title\nP1,Stühle\n".encode("cp1252"))

    with pytest.raises(CommandError, match="not in UTF-8: save it again as “CSV UTF-8”"):
        call_command("import_products", path, no_progress=True)


def test_a_command_that_was_stopped_imported_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.management.commands.import_products.row_of", interrupted)

    with pytest.raises(CommandError, match="nothing was imported") as ended:
        call_command("import_products", write(tmp_path, GOOD), no_progress=True)

    assert ended.value.returncode == 130
    assert not Product.objects.exists()


def interrupted(cells: dict[str, str]) -> None:
    raise KeyboardInterrupt


def test_a_merchandiser_imports_a_file_in_the_admin_and_what_was_removed_comes_back(dee: Client) -> None:
    Product.objects.create(product_id="P1", title="Old", currency="EUR", removed_at=clock.now())

    answer = upload(dee, GOOD)
    form = answer.context["confirm_form"]
    confirmed = dee.post(PROCESS, form.initial)

    assert confirmed.status_code == 302
    assert [(row.product_id, row.title, row.removed) for row in selectors.catalog_rows()] == [
        ("P1", "Oak chair", False),
        ("P2", "Desk, large", False),
    ]
    (event,) = audit.entries(action="product.imported")
    assert (event.data["rows"]["new"], event.data["rows"]["update"]) == (1, 1)
    assert event.actor.startswith("staff:")


def test_the_admin_says_so_where_nothing_was_written(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    form = upload(dee, GOOD).context["confirm_form"]

    def broken(**told: Any) -> None:
        raise RuntimeError("the log is away")

    monkeypatch.setattr(services, "note_import", broken)
    answer = dee.post(PROCESS, form.initial, follow=True)

    assert "Nothing was imported: the log is away" in answer.content.decode()
    assert "finished" not in answer.content.decode()
    assert not Product.objects.exists()


def test_of_the_temporary_folder_only_uploads_are_read_and_removed(dee: Client) -> None:
    with NamedTemporaryFile(mode="w", suffix=".txt", delete=False) as other:
        other.write("a secret of another program\n")
    form = upload(dee, GOOD).context["confirm_form"].initial

    answer = dee.post(PROCESS, {**form, "import_file_name": Path(other.name).name}, follow=True)

    assert Path(other.name).read_text() == "a secret of another program\n"
    Path(other.name).unlink()
    assert "a secret" not in answer.content.decode()
    assert "The file is not here any more" in answer.content.decode()
    assert not Product.objects.exists()


def test_an_upload_that_nobody_confirmed_for_a_day_is_removed_by_the_next(dee: Client, tmp_path: Path) -> None:
    upload(dee, GOOD)
    (forgotten,) = tmp_path.glob("vitrine-import-*")
    yesterday = time.time() - 25 * 3600
    notes = tmp_path / "vitrine-import-notes.txt"
    notes.write_text("whose name no upload has\n")
    for file in (forgotten, notes):
        os.utime(file, (yesterday, yesterday))

    form = upload(dee, GOOD).context["confirm_form"].initial

    assert {file.name for file in tmp_path.iterdir()} == {form["import_file_name"], notes.name}


@pytest.mark.parametrize(
    ("named", "text", "told"),
    [
        ("csv", "product_id;title;price\nP1;Chair;9,90\n", "A row has more cells than the header."),
        ("csv", "product_id,title,price\nP1,Chair,9,90\n", "A row has more cells than the header."),
        ("csv", f"product_id,title\nP1,{'x' * 200_000}\n", "This file cannot be read as csv: field larger than"),
        ("json", "[{", "This file cannot be read as json: "),
        ("json", "{}", "This file cannot be read as json: expected a list of objects"),
    ],
)
def test_a_file_that_is_no_table_is_told_in_words(dee: Client, named: str, text: str, told: str) -> None:
    (error,) = upload(dee, text, named=named).context["form"].errors["import_file"]

    assert error.startswith(told)


def test_columns_between_semicolons_are_told_to_be_so(dee: Client) -> None:
    page = upload(dee, "product_id;title;price\nP1;Chair;9\n").content.decode()

    assert "Cells are separated by commas." in page


def test_a_workbook_is_told_how_to_be_saved(dee: Client) -> None:
    file = SimpleUploadedFile("products.xlsx", b"PK")

    page = dee.post("/admin/catalog/product/import/", {"import_file": file, "format": ""})

    (error,) = page.context["form"].errors["format"]
    assert "CSV UTF-8" in error


def test_a_file_in_another_encoding_is_told_in_words(dee: Client) -> None:
    table = SimpleUploadedFile("products.csv", "product_id,title\nP1,Stühle\n".encode("cp1252"))

    page = dee.post("/admin/catalog/product/import/", {"format": "0", "resource": "0", "import_file": table})

    assert page.context["form"].errors["import_file"] == [
        "This file is not in UTF-8. Save it again as “CSV UTF-8”, and upload that."
    ]
    assert not Product.objects.exists()


def test_a_second_click_imports_nothing_and_says_so(dee: Client) -> None:
    form = upload(dee, GOOD).context["confirm_form"].initial

    first = dee.post(PROCESS, form, follow=True)
    second = dee.post(PROCESS, form, follow=True)

    assert "The file is not here any more" not in first.content.decode()
    assert "The file is not here any more" in second.content.decode()
    assert len(audit.entries(action="product.imported")) == 1


def test_the_admin_reads_no_yaml(dee: Client) -> None:
    offered = dee.get("/admin/catalog/product/import/").context["form"].fields["format"].choices

    assert [name for _, name in offered if name in ("csv", "tsv", "json", "yaml", "html")] == ["csv", "tsv", "json"]


@pytest.mark.parametrize(("role", "status"), [("marketer", 200), ("compliance officer", 403), ("nobody", 403)])
def test_only_who_sees_products_exports_them(shop: APIClient, chair: dict[str, Any], role: str, status: int) -> None:
    shop.put("/api/v1/products/P456", chair, format="json")
    somebody = staff("somebody", role)

    asked = somebody.get("/admin/catalog/product/export/")
    sent = somebody.post("/admin/catalog/product/export/", {"format": "0", "resource": "0"})

    assert (asked.status_code, sent.status_code) == (status, status)
    assert (b"P456" in sent.getvalue()) == (status == 200)


def test_a_wrong_header_is_told_in_words(dee: Client) -> None:
    page = upload(dee, "product_id,title,prise\nP1,Chair,3\n").content.decode()

    assert re.search(r"\s+unknown columns: prise\s+<", page)
    assert "Traceback" not in page


def test_the_admin_shows_what_is_wrong_and_writes_nothing(dee: Client) -> None:
    answer = upload(dee, "product_id,title,price\nP1,Chair,NaN\n")

    assert "must be a finite number" in answer.content.decode()
    assert "confirm_form" not in answer.context
    assert not Product.objects.exists()


def test_the_admin_takes_no_file_that_no_page_can_wait_for(dee: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.limits.BULK_LINES", 1)

    answer = upload(dee, GOOD)

    assert "More than 1 rows: upload them in parts" in answer.content.decode()
    assert "confirm_form" not in answer.context
    assert not Product.objects.exists()


def test_an_export_reads_back_as_it_was(dee: Client, shop: APIClient, chair: dict[str, Any], tmp_path: Path) -> None:
    shop.put("/api/v1/products/P456", {**chair, "category": ["TVs", "Size > 50 in", "4K"]}, format="json")
    before = selectors.get("P456")

    exported = b"".join(dee.post("/admin/catalog/product/export/", export_form(dee))).decode("utf-8-sig")
    Product.objects.all().delete()
    call_command("import_products", write(tmp_path, exported), no_progress=True)

    after = selectors.get("P456")
    assert (after.price, after.category, after.attributes) == (before.price, before.category, before.attributes)
    assert (after.stock, after.cost, after.url, after.active) == (before.stock, before.cost, before.url, True)


def test_an_export_that_comes_again_in_the_admin_changes_nothing(
    dee: Client, shop: APIClient, chair: dict[str, Any]
) -> None:
    shop.put("/api/v1/products/P456", {**chair, "description": "Of oak.\r\nFor two."}, format="json")
    exported = b"".join(dee.post("/admin/catalog/product/export/", export_form(dee))).decode()
    shop.put("/api/v1/products/P456", {**chair, "description": ""}, format="json")

    dee.post(PROCESS, upload(dee, exported).context["confirm_form"].initial)

    assert selectors.get("P456").description == "Of oak.\r\nFor two."


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

    dee.post(PROCESS, upload(dee, json.dumps(rows), named="json").context["confirm_form"].initial)

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
def test_a_list_or_an_object_at_the_wrong_place_is_told(dee: Client, field: str, value: Any, message: str) -> None:
    row = {"product_id": "P1", "title": "Chair", "price": 1, "attributes.color": "oak", field: value}

    answer = upload(dee, json.dumps([row]), named="json")

    (invalid,) = answer.context["result"].invalid_rows
    assert invalid.error.message_dict == {field: [message]}


@pytest.mark.parametrize("text", ["5", "[5]", '{"product_id": "P1"}', "[", '[{"price": NaN}]'])
def test_what_is_no_list_of_objects_is_told_in_words(dee: Client, text: str) -> None:
    page = upload(dee, text, named="json")

    assert page.status_code == 200
    assert page.context["form"].errors["import_file"]
    assert not Product.objects.exists()


def test_an_export_is_sent_as_it_is_written(
    dee: Client, shop: APIClient, chair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("catalog.resources.CHUNK_SIZE", 2)
    for number in range(5):
        shop.put(f"/api/v1/products/P{number}", chair, format="json")

    answer = dee.post("/admin/catalog/product/export/?q=P3", export_form(dee))
    whole = dee.post("/admin/catalog/product/export/", export_form(dee))

    assert answer.streaming
    assert answer["Content-Disposition"].startswith('attachment; filename="Product-')
    assert [row["product_id"] for row in DictReader(StringIO(b"".join(answer).decode()))] == ["P3"]
    parts = list(whole)
    assert len(parts) == 3
    assert sorted(row["product_id"] for row in DictReader(StringIO(b"".join(parts).decode()))) == [
        *("P0", "P1", "P2", "P3", "P4")
    ]


def test_other_files_than_text_are_made_of_no_more_than_a_page_can_hold(
    dee: Client, shop: APIClient, chair: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    form = dee.get("/admin/catalog/product/export/").context["form"]
    (other,) = [str(number) for number, name in form.fields["format"].choices if name == "json"]
    shop.put("/api/v1/products/P1", chair, format="json")
    shop.put("/api/v1/products/P2", chair, format="json")

    small = dee.post("/admin/catalog/product/export/", {**export_form(dee), "format": other})
    monkeypatch.setattr("catalog.limits.BULK_LINES", 1)
    large = dee.post("/admin/catalog/product/export/", {**export_form(dee), "format": other})

    assert [row["product_id"] for row in small.json()] == ["P1", "P2"]
    assert "More than 1 products: take csv" in large.content.decode()


def upload(client: Client, text: str, *, named: str = "csv") -> Any:
    file = SimpleUploadedFile(f"products.{named}", text.encode())
    offered = client.get("/admin/catalog/product/import/").context["form"].fields["format"].choices
    (number,) = [str(number) for number, name in offered if name == named]
    return client.post("/admin/catalog/product/import/", {"import_file": file, "format": number})


def export_form(client: Client) -> dict[str, str]:
    form = client.get("/admin/catalog/product/export/").context["form"]
    return {
        "format": "0",
        "resource": "",
        **{name: "on" for name in form.fields if name.startswith("productresource_")},
    }


@pytest.mark.parametrize(("kind", "separator"), [("0", ","), ("1", "\t")])
def test_no_exported_cell_is_a_formula_and_an_import_restores_it(dee: Client, kind: str, separator: str) -> None:
    title = "=HYPERLINK(A1)"
    product = {"product_id": "-5", "title": title, "price": "1", "currency": "EUR", "brand": "@home"}
    services.bulk_upsert([product], actor="system:test")

    answer = dee.post("/admin/catalog/product/export/", {**export_form(dee), "format": kind})
    (row,) = DictReader(StringIO(b"".join(answer).decode()), delimiter=separator)

    assert (row["product_id"], row["title"], row["brand"]) == ("-5", f"'{title}", "'@home")
    restored = row_of(row)
    assert not isinstance(restored, InvalidInput)
    assert (restored["title"], restored["brand"]) == (title, "@home")
