"""A new shop's home says what comes next, until everything is done."""

from typing import Any

import pytest
from django.urls import reverse

from access.services import create_key
from catalog.services import bulk_upsert
from events.services import performance
from tests.events.builders import event
from tests.events.test_performance import HOME, record, served
from tests.staff import LogIn

pytestmark = pytest.mark.django_db


def undone(page: Any) -> list[str]:
    return [step.title for step in page.context["steps"] if not step.done]


def test_the_steps_are_done_one_after_the_other(log_in: LogIn) -> None:
    client, home = log_in(""), reverse("admin:index")
    titles = undone(client.get(home))
    assert len(titles) == 5

    create_key(kind="sk", name="shop", scopes=["events:write"])
    assert undone(client.get(home)) == titles[1:]
    bulk_upsert([{"product_id": "P1", "title": "Sofa", "price": "1.00"}], actor="system:test")
    assert undone(client.get(home)) == titles[2:]
    record(0, served(1, HOME, "home", "P1"))
    assert undone(client.get(home)) == titles[2:], "what the server writes itself is no first event"
    record(0, event(2))
    assert undone(client.get(home)) == titles[3:]
    performance.count_new()
    assert undone(client.get(home)) == [titles[3]]


def test_a_step_links_to_its_page_for_those_who_may_do_it(log_in: LogIn) -> None:
    page = log_in("operator").get(reverse("admin:index"))

    links = {step.title: step.link for step in page.context["steps"]}
    assert links["Make a key for the storefront"] == reverse("admin:access_apikey_add")
    assert links["Bring in the products"] == ""
    assert "A new shop, step by step" in page.content.decode()


def test_who_may_do_none_of_it_sees_no_steps(log_in: LogIn) -> None:
    assert log_in("account manager").get(reverse("admin:index")).context["steps"] == []
