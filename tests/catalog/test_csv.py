"""Products from CSV files by command, and the export that such a file may come from."""

from csv import DictReader
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from rest_framework.test import APIClient

from access.models import User
from audit import selectors as audit
from catalog import selectors, services
from catalog.models import Product
from catalog.table import row_of
from common.errors import InvalidInput
from tests.staff import staff

pytestmark = pytest.mark.django_db
GOOD = """product_id,title,price,category,stock,active,attributes.color,attributes
P1,Oak chair,89.90,Furniture > Chairs,12,yes,oak,
P2,"Desk, large",,,,No,,"{""width"": 120}"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "products.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


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
    assert "2 products imported (2 new, 0 changed), 0 rows refused" in capsys.readouterr().out
    started, ended = (audit.entries(action=f"product.{verb}")[0].data for verb in ("import_started", "imported"))
    assert started["source"] == ended["source"] == "csv:products.csv"
    assert (ended["created"], ended["changed"], ended["rejected"]) == (2, 0, 0)


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

    with pytest.raises(CommandError, match="not in UTF-8. Save it again as “CSV UTF-8”"):
        call_command("import_products", path, no_progress=True)


def test_a_command_that_was_stopped_keeps_what_is_written_and_runs_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path, "product_id,title,price\n" + "".join(f"P{number},Chair,1\n" for number in range(6)))
    monkeypatch.setattr("catalog.imports.BATCH", 2)
    writes = services.write_changed
    with monkeypatch.context() as patch:
        patch.setattr("catalog.services.write_changed", interrupted_after(2, writes))
        with pytest.raises(CommandError, match="4 products are written; run it again for the rest") as ended:
            call_command("import_products", path, no_progress=True)

    assert ended.value.returncode == 130
    assert Product.objects.count() == 4
    assert audit.entries(action="product.imported")[0].data["created"] == 4
    call_command("import_products", path, no_progress=True)
    assert "6 products imported (2 new, 0 changed)" in capsys.readouterr().out


def interrupted_after(count: int, step: Any) -> Any:
    """Return the step; it is stopped by Ctrl-C when it was done that often."""
    done = iter(range(count))

    def wrapped(*args: Any) -> Any:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return step(*args)

    return wrapped


def test_the_command_refuses_a_file_before_it_writes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.imports.BATCH", 1)
    path = tmp_path / "products.csv"
    path.write_bytes(GOOD.encode() + "P3,Stühle,1,,,,,\n".encode("cp1252"))

    with pytest.raises(CommandError, match="not in UTF-8"):
        call_command("import_products", path, no_progress=True)

    assert not Product.objects.exists()
    assert not audit.entries(action="product.import_started")


@pytest.mark.parametrize(("role", "status"), [("marketer", 200), ("compliance officer", 403), ("nobody", 403)])
def test_only_who_sees_products_exports_them(shop: APIClient, chair: dict[str, Any], role: str, status: int) -> None:
    shop.put("/api/v1/products/P456", chair, format="json")
    somebody = staff("somebody", role)

    export_page = somebody.get("/admin/catalog/product/export/")
    sent = somebody.post("/admin/catalog/product/export/", {"format": "0", "resource": "0"})

    assert (export_page.status_code, sent.status_code) == (status, status)
    assert (b"P456" in sent.getvalue()) == (status == 200)


def test_an_export_reads_back_as_it_was(dee: Client, shop: APIClient, chair: dict[str, Any], tmp_path: Path) -> None:
    shop.put("/api/v1/products/P456", {**chair, "category": ["TVs", "Size > 50 in", "4K"]}, format="json")
    before = selectors.get("P456")

    exported = b"".join(dee.post("/admin/catalog/product/export/", export_form(dee))).decode("utf-8-sig")
    Product.objects.all().delete()
    call_command("import_products", write(tmp_path, exported), no_progress=True)

    after = selectors.get("P456")
    assert (after.price, after.category, after.attributes) == (before.price, before.category, before.attributes)
    assert (after.stock, after.cost, after.url, after.active) == (before.stock, before.cost, before.url, True)


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
