"""GET /api/v1/customers: user ids in pages, filtered by what was said of them."""

from typing import Any

import pytest
from django.test import Client

from access.services import create_key
from common import clock
from customers import services as customers
from customers.models import Customer
from tests.events.builders import START

pytestmark = pytest.mark.django_db


@pytest.fixture
def four() -> None:
    """Three customers and a visitor."""
    customers.ensure_customers(["user:ada", "user:bo", "user:cy/1", "anonymous:phone"])
    customers.apply_traits(
        [
            customers.StatedTraits("user:ada", START, "m1", {"city": "Bremen", "plan": ["pro", "plus"]}),
            customers.StatedTraits("user:bo", START, "m2", {"city": "BREMEN", "age": 30}),
            customers.StatedTraits("anonymous:phone", START, "m3", {"city": "Bremen"}),
        ]
    )


def get(query: dict[str, Any]) -> Any:
    _, raw = create_key(kind="sk", name="test", scopes=["customers:read"])
    return Client().get("/api/v1/customers", query, headers={"authorization": f"Bearer {raw}"})


def ids(**query: Any) -> list[str]:
    return [one["user_id"] for one in get(query).json()["customers"]]


def test_customers_come_in_pages(four: None) -> None:
    first = get({"limit": 2}).json()
    second = get({"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [one["user_id"] for one in first["customers"]] == ["ada", "bo"]
    assert [one["user_id"] for one in second["customers"]] == ["cy/1"]
    assert second["next_cursor"] is None


def test_a_customer_has_attributes_and_the_time_of_the_first_record(four: None) -> None:
    ada = get({"limit": 1}).json()["customers"][0]

    assert set(ada) == {"user_id", "created_at", "attributes"}
    assert ada["attributes"] == {"city": "Bremen", "plan": ["pro", "plus"]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"attributes[city]": "bremen"}, ["ada", "bo"]),
        ({"attributes[plan]": "PRO"}, ["ada"]),
        ({"attributes[age]": ["30", "31"], "attributes[city]": "Bremen"}, ["bo"]),
        ({"attributes[shoe]": "30"}, []),
        ({"created_since": "2020-01-01T00:00:00Z"}, ["ada", "bo", "cy/1"]),
    ],
)
def test_filters(four: None, query: dict[str, Any], expected: list[str]) -> None:
    assert ids(**query) == expected


def test_customers_recorded_since(four: None) -> None:
    Customer.objects.filter(raw_id="user:bo").update(created_at="2020-01-01T00:00:00Z")

    assert ids(created_since=f"{clock.now():%Y}-01-01T00:00:00Z") == ["ada", "cy/1"]


def test_a_filter_by_contact_data_is_refused(four: None) -> None:
    response = get({"attributes[Email]": "ada@example.com"})

    assert response.status_code == 400
    assert response.json()["errors"] == [
        {"field": "attributes", "message": "Names and contact data are sealed and no filter: Email."}
    ]


def test_wrong_values_are_refused_by_name(four: None) -> None:
    for field in ("limit", "cursor", "created_since"):
        response = get({field: "?"})
        assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)
