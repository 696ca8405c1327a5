"""Dee the merchandiser keeps products in the admin; Mo the marketer may only look."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from audit import selectors as audit
from catalog import selectors, services
from catalog.models import Product
from common.pagination import EstimatingPaginator
from tests.staff import person, staff

pytestmark = pytest.mark.django_db
LIST = "/admin/catalog/product/"
FORM: dict[str, Any] = {
    "product_id": "P1", "title": "Oak chair", "category": "Furniture > Chairs", "price": "89.90", "currency": "EUR",
    "active": "on", "attributes": "{}",
}  # fmt: skip


def test_dee_makes_changes_and_removes_a_product() -> None:
    dee = staff("dee", "merchandiser")

    made = dee.post(f"{LIST}add/", FORM)
    row = Product.objects.get()
    changed = dee.post(f"{LIST}{row.pk}/change/", {**FORM, "price": "79.00"})
    price = selectors.get("P1").price
    removed = dee.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})

    assert (made.status_code, changed.status_code, removed.status_code) == (302, 302, 302)
    assert str(price) == "79.0000"
    assert Product.objects.get().category == ["Furniture", "Chairs"]
    assert Product.objects.get().removed_at is not None
    assert [event.action for event in audit.entries(object="product:P1")] == [
        "product.removed",
        "product.put",
        "product.put",
    ]


@pytest.mark.parametrize(
    ("date", "time", "message"),
    [
        ("04/05/2027", "18:00", "Write the date as 2026-12-31."),
        ("2027-05-04", "", "Write the time as 18:00; a day begins at 00:00."),
    ],
)
def test_a_date_in_another_order_is_refused_with_how_to_write_it(date: str, time: str, message: str) -> None:
    typed = {**FORM, "available_from_0": date, "available_from_1": time}

    response = staff("dee", "merchandiser").post(f"{LIST}add/", typed)

    assert response.context["adminform"].form.errors == {"available_from": [message]}
    assert not Product.objects.exists()


def test_products_that_dee_removes_together_go_as_one_alone_does() -> None:
    for product_id in ("P1", "P2", "P3"):
        services.put_product(product_id, data={"title": "Chair", "price": 1}, actor="system:test")
    chosen = list(Product.objects.exclude(product_id="P3").values_list("pk", flat=True))

    staff("dee", "merchandiser").post(LIST, {"action": "delete_selected", "_selected_action": chosen, "post": "yes"})

    assert [product_id for product_id, _ in selectors.removals()] == ["P1", "P2"]
    assert selectors.get("P3").active
    assert {event.object for event in audit.entries(action="product.removed")} == {"product:P1", "product:P2"}


@pytest.mark.parametrize("right", ["add_product", "change_product"])
def test_a_file_is_for_who_may_both_add_and_change(right: str, client: Client) -> None:
    client.force_login(person("dee", "view_product", right))

    assert client.get(LIST).status_code == 200
    assert client.get(f"{LIST}import/").status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("price", "-1", "must not be negative"),
        ("url", "javascript:alert(1)", "http(s) URL"),
        ("attributes", "[]", "must be an object of names and values"),
        ("title", "x" * 501, "at most 500"),
        ("category", ">".join("abcdefghijkl"), "must not be deeper than 10"),
    ],
)
def test_rubbish_is_shown_at_its_field(field: str, value: str, message: str) -> None:
    dee = staff("dee", "merchandiser")

    answer = dee.post(f"{LIST}add/", {**FORM, field: value})

    assert answer.status_code == 200
    assert message in " ".join(answer.context["adminform"].form.errors[field])
    assert not Product.objects.exists()


def test_mo_may_look_and_change_nothing() -> None:
    services.put_product("P1", data={"title": "Chair", "price": 1}, actor="system:test")
    mo, row = staff("mo", "marketer"), Product.objects.get()

    assert mo.get(LIST).status_code == 200
    assert mo.post(f"{LIST}{row.pk}/change/", FORM).status_code == 403
    assert mo.post(f"{LIST}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert mo.get(f"{LIST}import/").status_code == 403
    assert selectors.get("P1").title == "Chair"


def test_the_list_searches_and_pages(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    rows = [{"product_id": f"P{number}", "title": f"Chair {number}", "price": 1} for number in range(120)]
    services.bulk_upsert(rows, actor="system:test")
    dee = staff("dee", "merchandiser")

    with django_assert_max_num_queries(10):
        answer = dee.get(LIST, {"q": "Chair 11"})

    assert answer.context["cl"].result_count == 11
    assert dee.get(LIST, {"q": "a\x00b"}).status_code == 200


def test_a_large_table_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("common.pagination.COUNTED", 10)
    rows = [{"product_id": f"P{number}", "title": f"Chair {number}", "price": 1} for number in range(40)]
    services.bulk_upsert(rows, actor="system:test")

    assert EstimatingPaginator(Product.objects.all(), 5).count >= 11
    assert EstimatingPaginator(Product.objects.filter(product_id="P1"), 5).count == 1

    dee = staff("dee", "merchandiser")
    every, some = (" ".join(dee.get(LIST, {"q": words}).content.decode().split()) for words in ("", "Chair 11"))

    assert re.search(r"about \d+ products", every)
    assert "1 product<" in some
    assert "about 1 " not in some


@pytest.mark.parametrize("words", ["Chair 11", "P11", "NORD", "group-1"])
def test_a_search_is_answered_by_indexes(words: str) -> None:
    rows = [
        {"product_id": f"P{n}", "title": f"Chair {n}", "price": 1, "brand": "Nord", "group_id": f"group-{n}"}
        for n in range(120)
    ]
    services.bulk_upsert(rows, actor="system:test")
    cl = staff("dee", "merchandiser").get(LIST, {"q": words}).context["cl"]

    assert cl.result_count >= 1
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
    plan = cl.queryset.order_by().explain()
    assert "Seq Scan" not in plan
    assert all(name in plan for name in ("catalog_title", "catalog_brand", "product_id", "group_id"))


def test_prices_are_shown_with_the_decimals_of_their_currency() -> None:
    dee = staff("dee", "merchandiser")
    services.put_product("P1", data={"title": "Oak chair", "price": "1089.9", "currency": "EUR"}, actor="system:test")

    page = dee.get(f"{LIST}{Product.objects.get().pk}/change/").content.decode()

    assert 'value="1089.90"' in page
    assert "€1,089.90" in dee.get(LIST).content.decode()


@pytest.mark.django_db
def test_an_action_on_all_rows_of_a_long_list_is_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    dee = staff("dee", "merchandiser")
    rows = [{"product_id": f"P{number}", "title": "Chair", "price": 1} for number in range(3)]
    services.bulk_upsert(rows, actor="system:test")
    monkeypatch.setattr("audit.staff.LimitedActions.most_rows", 2)
    some = str(Product.objects.get(product_id="P0").pk)
    wish = {"action": "delete_selected", "_selected_action": some, "post": "yes"}

    page = dee.post("/admin/catalog/product/", {**wish, "select_across": "1"}, follow=True).content.decode()

    assert "An action takes up to 2 rows" in page
    assert Product.objects.filter(removed_at=None).count() == 3
    dee.post("/admin/catalog/product/", wish)
    assert Product.objects.filter(removed_at=None).count() == 2
