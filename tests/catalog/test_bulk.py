"""Many products at once: what is good is written, what is not is named by its line."""

import gzip
import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from audit import selectors as audit
from catalog import limits, selectors
from catalog.models import Product

URL = "/api/v1/products/bulk"


def lines(*rows: Any) -> bytes:
    return b"\n".join(row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows)


def product(number: int, **fields: Any) -> dict[str, Any]:
    return {"product_id": f"P{number}", "title": f"Product {number}", "price": "1.50", **fields}


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/json", "text/plain", "x/y"])
def test_good_lines_are_written_and_bad_ones_named(shop: APIClient, content_type: str) -> None:
    body = lines(product(1), product(2, price="NaN"), b"not json", product(3), b"[]", {"title": "x"}, b"")

    answer = shop.post(URL, body, content_type=content_type)

    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2
    rejected = {line["line"]: line for line in answer.json()["rejected"]}
    assert rejected[2] == {
        "line": 2,
        "product_id": "P2",
        "errors": [{"field": "price", "message": "must be a finite number"}],
    }
    assert rejected[3]["errors"][0]["message"].startswith("not JSON")
    why = "expected an object: one product a line, without a list around them"
    assert rejected[5] == {"line": 5, "product_id": None, "errors": [{"field": "", "message": why}]}
    assert [error["field"] for error in rejected[6]["errors"]] == ["product_id", "price"]
    assert [row.product_id for row in selectors.catalog_rows()] == ["P1", "P3"]


def test_blank_lines_are_none_and_keep_the_numbers_of_the_others(shop: APIClient) -> None:
    body = lines(product(1), b"", b"  ", product(2), b"", product(3, price="NaN"), b"")

    answer = shop.post(URL, body, content_type="application/x-ndjson").json()

    assert (answer["accepted"], [one["line"] for one in answer["rejected"]]) == (2, [6])


def test_of_two_lines_with_one_id_the_later_holds(shop: APIClient) -> None:
    answer = shop.post(URL, lines(product(1), product(1, title="Later")), content_type="application/x-ndjson")

    assert answer.json() == {"accepted": 2, "rejected": []}
    assert selectors.get("P1").title == "Later"


def test_one_audit_event_tells_counts_and_a_hash(shop: APIClient) -> None:
    shop.post(URL, lines(product(1), product(2), b"{"), content_type="application/x-ndjson")

    (event,) = audit.entries(action="product.bulk_put")

    assert (event.data["accepted"], event.data["rejected"], event.data["source"]) == (2, 1, "bulk")
    assert len(event.data["sha256"]) == 64


def test_gzip_is_unpacked(shop: APIClient) -> None:
    body = gzip.compress(lines(product(1), product(2)))

    answer = shop.post(URL, body, content_type="application/x-ndjson", headers={"content-encoding": "gzip"})

    assert answer.json() == {"accepted": 2, "rejected": []}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"\n\n", 400),
        (gzip.compress(b"{}" * 100, mtime=0)[:-9], 400),
        (b"\x1f\x8bnot gzip", 400),
        (gzip.compress(b" " * (limits.BULK_BYTES + 1), mtime=0), 413),
        (b" " * (limits.BULK_BYTES + 1), 413),
        (b"{}\n" * (limits.BULK_LINES + 1), 413),
        (b"\n".join([b"{}"] * (limits.BULK_LINES + 1)), 413),
        (gzip.compress(b"\n" * limits.BULK_BYTES, mtime=0), 413),
    ],
)
def test_bodies_beyond_the_caps_are_refused_whole(shop: APIClient, body: bytes, status: int) -> None:
    answer = shop.post(URL, body, content_type="application/x-ndjson")

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert not Product.objects.exists()


@pytest.mark.parametrize(
    "row",
    [
        {"product_id": "P\x00", "title": "x", "price": 1},
        {"product_id": "P" * 256, "title": "x", "price": 1},
        {"product_id": 7, "title": "x", "price": 1},
        {"product_id": "P1", "title": "x" * limits.BULK_LINE_BYTES, "price": 1},
    ],
)
def test_a_bad_line_is_no_crash(shop: APIClient, row: dict[str, Any]) -> None:
    answer = shop.post(URL, lines(row), content_type="application/x-ndjson")

    assert (answer.status_code, answer.json()["accepted"], len(answer.json()["rejected"])) == (200, 0, 1)
