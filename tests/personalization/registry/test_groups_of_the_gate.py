"""Groups of the gate: region and device where customers' attributes tell them."""

import pytest

from customers.models import Customer
from personalization.services.gate import labels_of

pytestmark = pytest.mark.django_db
ASKED = ["user:ada", "user:bo", "anonymous:x"]


def test_a_region_is_said_or_else_the_country_and_unknown_is_empty() -> None:
    Customer.objects.create(raw_id="user:ada", attributes={"region": "Bavaria", "country": "DE"})
    Customer.objects.create(raw_id="user:bo", attributes={"country": "FR", "device": 7})

    assert labels_of(ASKED) == {"region": ("Bavaria", "FR", "")}


def test_a_kind_nobody_is_known_by_is_left_out() -> None:
    assert labels_of(ASKED) == {}
