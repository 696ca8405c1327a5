"""Customers are found by beginnings of names, a whole id or an e-mail address; personal data are masked for some."""

from collections.abc import Mapping
from typing import Any

import pytest

from common.pseudonyms import subject_pseudonym
from customers.models import Customer
from customers.personal import beginnings, canonical, email_hash, hash_of_email, masked
from customers.search import search_customers, searchable
from customers.services import StatedTraits, apply_traits, ensure_customers

SHOPPERS = ("user:shopper-0001", "user:shopper-0002", "user:shopper-0007", "user:ada")
SHOP_IDS = {subject_pseudonym(one): one for one in SHOPPERS}
ONE, TWO, SEVEN, ADA_ID = SHOP_IDS
ADA = {"firstName": "Ada", "lastName": "Lovelace", "email": " Ada@Example.com"}


def named(*, words: str, by_name: bool = True, before: int | None = None, size: int = 10) -> list[str]:
    """Return the ids of the shop in a page of the search."""
    rows = search_customers(words, by_name=by_name, before=before, size=size).rows
    return [SHOP_IDS[row.raw_id] for row in rows]


@pytest.fixture
def people(db: None) -> None:
    """Ada and Bo with traits, and a visitor."""
    ensure_customers([SEVEN])
    apply_traits(
        [
            StatedTraits(ONE, 1, "m1", ADA),
            StatedTraits(TWO, 1, "m2", {"name": "Bo", "email_sha256": email_hash("bo@example.com")}),
        ]
    )


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        ("shopper-0001", ["user:shopper-0001"]),
        ("user:shopper-0007", ["user:shopper-0007"]),
        ("shopper-000", []),
        ("lovel", ["user:shopper-0001"]),
        ("LOVE ada", ["user:shopper-0001"]),
        ("ada bo", []),
        ("ovelace", []),
        ("example.com", []),
        ("percent%", []),
        ("%", []),
        ("b", []),
        ("bo", ["user:shopper-0002"]),
        ("", ["user:shopper-0002", "user:shopper-0001", "user:shopper-0007"]),
    ],
)
def test_beginnings_of_names_and_whole_ids_find_the_newest_first(words: str, ids: list[str]) -> None:
    assert named(words=words) == ids


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("address", "raw_id"), [("ADA@example.com ", "0001"), ("bo@example.com", "0002")])
def test_an_address_finds_by_its_hash_whether_the_shop_sent_address_or_hash(address: str, raw_id: str) -> None:
    words = searchable(address)

    assert "@" not in words
    assert named(words=words, by_name=False) == [f"user:shopper-{raw_id}"]


@pytest.mark.usefixtures("people")
def test_who_may_not_see_names_cannot_search_them() -> None:
    assert named(words="lovel", by_name=False) == []
    assert named(words="shopper-0001", by_name=False) == ["user:shopper-0001"]


@pytest.mark.usefixtures("people")
def test_a_key_continues_the_list() -> None:
    first = search_customers("", by_name=True, before=None, size=2)
    second = search_customers("", by_name=True, before=first.older, size=2)

    assert [row.raw_id for row in (*first.rows, *second.rows)] == [TWO, ONE, SEVEN]
    assert second.older is None


@pytest.mark.django_db
def test_a_removed_address_is_no_longer_found() -> None:
    apply_traits([StatedTraits(ADA_ID, 1, "m1", ADA)])
    apply_traits([StatedTraits(ADA_ID, 2, "m2", {"email": None, "lastName": "King"})])

    row = Customer.objects.get()
    assert row.email_hash == ""
    assert (named(words="king"), named(words="lovelace")) == (["user:ada"], [])


@pytest.mark.parametrize(("name", "same"), [("firstName", "first_name"), ("First Name", "first_name"), ("e", "e")])
def test_spellings_of_an_attribute_are_one(name: str, same: str) -> None:
    assert canonical(name) == same


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, ""),
        ({"email": "none"}, ""),
        ({"email": 7}, ""),
        ({"emailHash": "A" * 64}, "a" * 64),
        ({"email": "a@b.c"}, email_hash("a@b.c")),
    ],
)
def test_hash_of_an_address(attributes: Mapping[str, Any], expected: str) -> None:
    assert hash_of_email(attributes) == expected


def test_beginnings_are_of_names_alone_and_of_few_lengths() -> None:
    assert beginnings({"city": "Rome", "name": "Bo  O'Brien"}) == {"bo", "o", "bri", "brie", "brien"}
    assert max(map(len, beginnings({"name": "X" * 400}))) == 12


def test_masking_reaches_any_depth_and_leaves_the_rest() -> None:
    value = {"city": "Rome", "traits": {"firstName": "Ada", "email": "ada@x.y"}, "list": [{"phone": 491}], "name": None}

    assert masked(value) == {
        "city": "Rome",
        "traits": {"firstName": "A…", "email": "a…@x…"},
        "list": [{"phone": "4…"}],
        "name": None,
    }
