"""Serving processes poll for changes: they miss nothing, and see nothing that did not change."""

import threading
from datetime import datetime

import pytest
from django.db import connection, transaction

from catalog import selectors, services
from catalog.models import Product
from catalog.records import ProductRow
from catalog.transaction_ids import reset_transaction_ids

ROW = {"title": "Chair", "price": 1}


def ids(rows: list[ProductRow]) -> list[str]:
    return sorted(row.product_id for row in rows)


def dates() -> dict[str, tuple[int, datetime]]:
    return {row.product_id: (row.changed_xid, row.updated_at) for row in Product.objects.all()}


@pytest.mark.django_db(transaction=True)
def test_what_changed_comes_and_only_that_is_dated_anew() -> None:
    services.bulk_upsert([{"product_id": "P1", **ROW}, {"product_id": "P2", **ROW}], actor="system:test")
    everything = selectors.changed_since(None)
    before = dates()

    services.put_product("P2", data={**ROW, "price": 2}, actor="system:test")
    changed = selectors.changed_since(everything.cursor)
    after = dates()
    services.remove_product("P1", actor="system:test")
    removed = selectors.changed_since(changed.cursor)

    assert (ids(everything.rows), "P2" in ids(changed.rows)) == (["P1", "P2"], True)
    assert before["P1"] == after["P1"]
    assert before["P2"][0] < after["P2"][0]
    assert [(row.active, row.removed) for row in removed.rows if row.product_id == "P1"] == [(False, True)]


@pytest.mark.django_db(transaction=True)
def test_the_same_feed_again_changes_nothing() -> None:
    feed = [{"product_id": f"P{number}", **ROW} for number in range(50)]
    services.bulk_upsert(feed, actor="system:test")
    before = dates()

    services.bulk_upsert(feed, actor="system:test")

    assert dates() == before


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_is_not_missed() -> None:
    done, may_commit = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            services.put_product("LATE", data=ROW, actor="system:test")
            done.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=late)
    writer.start()
    assert done.wait(10)
    services.put_product("EARLY", data=ROW, actor="system:test")
    first = selectors.changed_since(None)
    may_commit.set()
    writer.join(10)
    second = selectors.changed_since(first.cursor)

    assert ids(first.rows) == ["EARLY"]
    assert "LATE" in ids(second.rows)


@pytest.mark.django_db
def test_a_row_that_staff_or_sql_changes_comes_too() -> None:
    services.put_product("P1", data=ROW, actor="system:test")

    Product.objects.filter(product_id="P1").update(stock=3)

    assert [row.stock for row in selectors.changed_since(None).rows] == [3]
    assert Product.objects.get().changed_xid > 0


@pytest.mark.django_db
def test_what_another_cluster_counted_is_counted_anew_after_a_restore() -> None:
    for product_id in ("P1", "P2"):
        services.put_product(product_id, data=ROW, actor="system:test")
    with connection.cursor() as sql:
        sql.execute("ALTER TABLE catalog_product DISABLE TRIGGER catalog_touch")
        sql.execute("UPDATE catalog_product SET changed_xid = 1000000000000 WHERE product_id = 'P1'")
        sql.execute("ALTER TABLE catalog_product ENABLE TRIGGER catalog_touch")
    kept = Product.objects.get(product_id="P2").changed_xid

    assert reset_transaction_ids("default") == 1
    assert reset_transaction_ids("default") == 0

    assert dict(Product.objects.values_list("product_id", "changed_xid")) == {"P1": 0, "P2": kept}
    services.put_product("P1", data={**ROW, "title": "Later"}, actor="system:test")
    assert Product.objects.get(product_id="P1").changed_xid > 0
