"""A new shop's home says what comes next, with what to copy, and what comes after the last step."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from access.models import ApiKey
from access.services import create_key, forget_uses
from audit.services import record as audit
from catalog.services import bulk_upsert
from common import clock
from common.demo_keys import PUBLIC_KEY, SECRET_KEY
from demo import filling, setup
from modelops.services.registry import promote
from portal import checklist
from portal.setup_blocks import Here, shelf_blocks
from tests.events.builders import event
from tests.events.test_performance import HOME, record, served
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model
from tests.shop_fixtures import stocked_shop
from tests.staff import LogIn

__all__ = ["stocked_shop"]
pytestmark = pytest.mark.django_db
RECOMMENDATIONS = "/api/v1/recommendations/home"


def undone(page: Any) -> list[str]:
    return [step.title for step in page.context["checklist"].steps if not step.done]


def ask(raw: str, **headers: str) -> None:
    forget_uses()
    answer = Client(headers={"authorization": f"Bearer {raw}", **headers}).get(RECOMMENDATIONS)
    assert answer.status_code == 200, answer.content


@pytest.mark.usefixtures("stocked_shop")
def test_a_shelf_counts_once_a_page_or_a_server_asked_with_a_key_of_the_shop(log_in: LogIn) -> None:
    client, home, shelf = log_in(""), reverse("admin:index"), checklist.STEPS[4].title
    setup.prepare()
    _, publishable = create_key(kind="pk", name="shop")
    _, secret = create_key(kind="sk", name="server", scopes=["recommendations:read"])

    ask(SECRET_KEY)
    ask(PUBLIC_KEY, origin="https://shop.example")
    ask(publishable)
    assert shelf in undone(client.get(home)), "neither the demo's keys nor somebody's curl with a publishable one"

    ask(publishable, origin="https://shop.example")
    assert shelf not in undone(client.get(home))
    ApiKey.objects.update(last_answer_at=None)
    ask(secret)
    assert shelf not in undone(client.get(home))


def test_the_steps_are_done_one_after_the_other(log_in: LogIn) -> None:
    client, home = log_in(""), reverse("admin:index")
    setup.prepare()
    titles = undone(client.get(home))
    assert len(titles) == 5, "the keys of the demo are no step of the person"

    create_key(kind="sk", name="shop", scopes=["events:write"])
    assert undone(client.get(home)) == titles[1:]
    bulk_upsert([{"product_id": "P1", "title": "Sofa", "price": "1.00"}], actor="system:test")
    assert undone(client.get(home)) == titles[2:]
    record(0, served(1, HOME, "home", "P1"))
    assert undone(client.get(home)) == titles[2:], "what the server writes itself is no first event"
    record(0, event(2))
    assert undone(client.get(home)) == titles[3:]


@pytest.mark.usefixtures("stocked_shop")
def test_a_finished_list_says_what_comes_next_for_two_weeks(log_in: LogIn) -> None:
    client, home = log_in(""), reverse("admin:index")
    key, _ = create_key(kind="pk", name="shop")
    ApiKey.objects.update(last_answer_at=clock.now())
    record(0, event(2))
    promote(passed_version(model(("popular",))), actor="system:test")

    page = client.get(home)

    assert undone(page) == []
    assert "step by step: done" in page.content.decode()
    assert ("Preview what a shopper sees", reverse("portal:preview")) in page.context["checklist"].next_links
    ApiKey.objects.filter(pk=key.pk).update(created_at=clock.now() - timedelta(days=15))
    assert client.get(home).context["checklist"] is None


def test_a_done_step_keeps_its_link_and_its_help(log_in: LogIn) -> None:
    bulk_upsert([{"product_id": "P1", "title": "Sofa", "price": "1.00"}], actor="system:test")

    steps = {step.title: step for step in log_in("").get(reverse("admin:index")).context["checklist"].steps}

    products = steps["Bring in the products"]
    assert products.done
    assert products.link == reverse("admin:catalog_product_import")
    assert products.blocks


def test_a_step_links_to_its_page_for_those_who_may_do_it(log_in: LogIn) -> None:
    page = log_in("operator").get(reverse("admin:index"))

    links = {step.title: step.link for step in page.context["checklist"].steps}
    assert links["Make a key for the storefront"] == reverse("admin:access_apikey_add")
    assert links["Bring in the products"] == ""
    assert "A new shop, step by step" in page.content.decode()


def test_blocks_hold_the_address_and_the_key_of_this_shop(log_in: LogIn, settings: Any) -> None:
    settings.PUBLIC_URL, settings.DEMO = "https://shop.example:8443", True
    _, raw = create_key(kind="pk", name="shop")

    steps = log_in("").get(reverse("admin:index")).context["checklist"].steps

    texts = [block.text for step in steps for block in step.blocks]
    assert len(texts) == 4
    assert all("https://shop.example:8443/" in text for text in texts)
    assert all(raw in text or "sk_demo" in text for text in texts)
    assert sum("train_models" in text for text in texts) == 2
    assert '<script src="https://shop.example:8443/static/vitrine.js"></script>' in texts[3]


def test_without_a_key_of_the_shop_blocks_name_none(log_in: LogIn, settings: Any) -> None:
    settings.DEMO = False
    setup.prepare()

    steps = log_in("").get(reverse("admin:index")).context["checklist"].steps

    texts = [block.text for step in steps for block in step.blocks]
    assert all("pk_…" in text or "sk_…" in text for text in texts)


def test_a_shop_that_the_demo_filled_is_not_new(log_in: LogIn) -> None:
    assert checklist.DEMO_LOADED == filling.LOADED_ACTION
    audit(category="demo", action=filling.LOADED_ACTION, actor="system:demo", object="dataset:x", data={"products": 0})
    assert log_in("").get(reverse("admin:index")).context["checklist"]
    audit(category="demo", action=filling.LOADED_ACTION, actor="system:demo", object="dataset:y", data={"products": 9})

    assert log_in("", "bea").get(reverse("admin:index")).context["checklist"] is None


def test_who_may_do_none_of_it_sees_no_steps(log_in: LogIn) -> None:
    assert log_in("account manager").get(reverse("admin:index")).context["checklist"] is None


def test_the_page_of_the_docs_is_the_page_to_copy(settings: Any) -> None:
    (block,) = shelf_blocks(Here("https://vitrine.example", "pk_…", "sk_…"))

    assert f"```html\n{block.text}\n```" in Path(settings.BASE_DIR, "docs/snippet.md").read_text()
