"""Olu the compliance officer looks customers up."""

import pytest

from common.pseudonyms import subject_pseudonym
from customers.models import Customer
from tests.staff import staff

pytestmark = pytest.mark.django_db


def test_customers_are_found_by_a_bare_id_too() -> None:
    olu = staff("olu", "compliance officer")
    for raw_id in ("user:ada", "anonymous:ada", "user:ada b"):
        Customer.objects.create(raw_id=subject_pseudonym(raw_id))

    searches = ("ada", "user:ada", "user:ada b", "eve")
    result = [olu.get("/admin/customers/customer/", {"q": words}).context["cl"].result_count for words in searches]

    assert result == [2, 1, 1, 0]
