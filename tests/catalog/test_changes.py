"""Serving processes poll for changes: they miss nothing, and see nothing that did not change."""

import threading

import pytest
from django.db import connection, transaction

from catalog import selectors, services
from catalog.models import Product
from catalog.records import ProductRow

ROW = {"title": "Chair", "price": 1}


def ids(rows: list[ProductRow]) -> list[str]:
    return sorted(row.product_id for row in rows)


@pytest.mark.django_db(transaction=True)
def test_only_what_changed_comes() -> None:
    services.bulk_upsert([{"product_id": "P1", **ROW}, {"product_id": "P2", **ROW}], actor="system:test")
    everything, cursor = selectors.changed_since(None)

    nothing, cursor = selectors.changed_since(cursor)
    services.put_product("P2", data={**ROW, "price": 2}, actor="system:test")
    changed, cursor = selectors.changed_since(cursor)
    services.remove_product("P1", actor="system:test")
    removed, cursor = selectors.changed_since(cursor)

    assert (ids(everything), ids(nothing), ids(changed)) == (["P1", "P2"], [], ["P2"])
    assert [(row.product_id, row.active, row.removed) for row in removed] == [("P1", False, True)]


@pytest.mark.django_db(transaction=True)
def test_the_same_feed_again_changes_nothing() -> None:
    feed = [{"product_id": f"P{number}", **ROW} for number in range(50)]
    services.bulk_upsert(feed, actor="system:test")
    _, cursor = selectors.changed_since(None)
    moment = Product.objects.get(product_id="P1").updated_at

    services.bulk_upsert(feed, actor="system:test")

    assert selectors.changed_since(cursor)[0] == []
    assert Product.objects.get(product_id="P1").updated_at == moment


@pytest.mark.django_db(transaction=True)
def test_what_commits_late_is_not_missed() -> None:
    written, may_commit = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            services.put_product("LATE", data=ROW, actor="system:test")
            written.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=late)
    writer.start()
    assert written.wait(10)
    services.put_product("EARLY", data=ROW, actor="system:test")
    first, cursor = selectors.changed_since(None)
    may_commit.set()
    writer.join(10)
    second, _ = selectors.changed_since(cursor)

    assert ids(first) == ["EARLY"]
    assert "LATE" in ids(second)


@pytest.mark.django_db
def test_a_row_that_staff_or_sql_changes_comes_too() -> None:
    services.put_product("P1", data=ROW, actor="system:test")

    Product.objects.filter(product_id="P1").update(stock=3)

    assert [row.stock for row in selectors.changed_since(None)[0]] == [3]
    assert Product.objects.get().changed_xid > 0
