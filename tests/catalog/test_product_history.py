"""The catalog of any moment can be rebuilt: as it was read then, whatever was changed since."""

import random
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction

from catalog import selectors, services
from catalog.models import HistoryStart, Product, ProductChange
from catalog.product_history import forget_changes, rows_at, why_unknown
from catalog.records import ProductRow
from catalog.transaction_ids import reset_transaction_ids
from common import clock

ROW = {"title": "Chair", "price": "1.50", "category": ["Furniture", "Chairs"], "available_from": "2026-01-01T00:00:00Z"}


def by_id(rows: object) -> dict[str, ProductRow]:
    return {row.product_id: row for row in rows}  # type: ignore[attr-defined]


def change_something(chance: random.Random) -> None:
    product_id = f"P{chance.randrange(6)}"
    product = Product.objects.filter(product_id=product_id, removed_at=None)
    match chance.randrange(5):
        case 0:
            attributes = {"color": ["red", "blue"], "size": chance.randrange(3)}
            data = {**ROW, "price": f"{chance.randrange(100)}.25", "attributes": attributes}
            services.put_product(product_id, data=data, actor="system:test")
        case 1:
            product.update(stock=chance.choice((None, 0, 7)))
        case 2 if product.exists():
            services.remove_product(product_id, actor="system:test")
        case 3:
            product.update(title=f"Chair {chance.random()}", category=[], available_from=None)
        case _:
            services.bulk_upsert([{"product_id": f"B{chance.randrange(9)}", **ROW}], actor="system:test")


@pytest.mark.django_db(transaction=True)
def test_each_earlier_state_comes_back_as_it_was_read() -> None:
    chance, cursor = random.Random(1), None
    seen: dict[str, ProductRow] = {}
    states: dict[str, dict[str, ProductRow]] = {}

    for _ in range(60):
        change_something(chance)
        changes = selectors.changed_since(cursor)
        cursor = changes.cursor
        seen = {**seen, **by_id(changes.rows)}
        if changes.moment is not None:
            states[changes.moment] = seen

    assert len(states) > 30
    for moment, state in states.items():
        assert by_id(rows_at(moment)) == state


@pytest.mark.django_db(transaction=True)
def test_a_change_that_was_open_at_the_moment_was_not_seen() -> None:
    services.bulk_upsert([{"product_id": "P1", **ROW}, {"product_id": "P2", **ROW}], actor="system:test")
    done, may_commit = threading.Event(), threading.Event()

    def late() -> None:
        with transaction.atomic():
            Product.objects.filter(product_id="P1").update(stock=3)
            done.set()
            may_commit.wait(10)
        connection.close()

    writer = threading.Thread(target=late)
    writer.start()
    assert done.wait(10)
    Product.objects.filter(product_id="P2").update(stock=4)  # a later transaction, which ends first
    before = selectors.changed_since(None)
    may_commit.set()
    writer.join(10)
    after = selectors.changed_since(None)

    assert before.moment is not None
    assert after.moment is not None
    assert {one: row.stock for one, row in by_id(rows_at(before.moment)).items()} == {"P1": None, "P2": 4}
    assert {one: row.stock for one, row in by_id(rows_at(after.moment)).items()} == {"P1": 3, "P2": 4}


@pytest.mark.django_db(transaction=True)
def test_old_changes_go_and_their_moments_are_known_to_be_lost() -> None:
    services.put_product("P1", data=ROW, actor="system:test")
    moment, read_at = selectors.changed_since(None).moment, clock.now()
    assert moment is not None
    Product.objects.update(stock=3)

    assert why_unknown(moment, read_at) == ""
    assert forget_changes(clock.now() - timedelta(days=1)) == 0
    assert why_unknown(moment, read_at) == ""

    assert forget_changes(clock.now()) == 1
    assert "no longer kept" in why_unknown(moment, read_at)
    assert why_unknown(moment, clock.now()) == ""


@pytest.mark.django_db
def test_a_change_keeps_only_what_it_replaced() -> None:
    services.put_product("P1", data=ROW, actor="system:test")
    services.put_product("P1", data=ROW, actor="system:test")
    Product.objects.update(stock=3)

    assert [change.before for change in ProductChange.objects.all()] == [{"stock": None}]


@pytest.mark.django_db
def test_moments_of_another_cluster_are_refused() -> None:
    services.put_product("P1", data=ROW, actor="system:test")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint + 1000000")
        (ahead,) = cursor.fetchone()
        cursor.execute("ALTER TABLE catalog_product DISABLE TRIGGER catalog_touch")
        cursor.execute("UPDATE catalog_product SET changed_xid = %s, created_xid = %s", [ahead, ahead])
        cursor.execute("ALTER TABLE catalog_product ENABLE TRIGGER catalog_touch")

    assert reset_transaction_ids("default") == 1

    assert "restored" in why_unknown(f"{ahead}:{ahead}:", clock.now())
    assert Product.objects.get().created_xid == 0
    assert HistoryStart.objects.exists()
