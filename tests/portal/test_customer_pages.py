"""The customers' pages: search, consent and last seen in the list, masked names, collapsed lists."""

from datetime import timedelta
from typing import Any

import pytest

from common import clock
from common.ids import uuid7
from customers.personal import email_hash
from customers.services import StatedTraits, apply_traits
from events.activity import last_seen
from events.models import Event, SetAside
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
CUSTOMERS = "/portal/customers"


def happened(minutes_ago: int, name: str, **values: Any) -> None:
    """Store an event of Ada, some minutes ago."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    columns = {"properties": {"product_id": "P1"}, **values}
    Event.objects.create(
        id=uuid7(), message_id=f"m{minutes_ago}", at=at, received_at=at, kind="track", name=name, user_id="ada",
        shard=0, log_offset=minutes_ago, **columns,
    )  # fmt: skip


@pytest.fixture
def ada(db: None) -> None:
    """Ada with a name and an address, and Bo."""
    traits = {"first_name": "Ada", "email": "ada@example.com", "city": "Rome"}
    apply_traits([StatedTraits("user:ada", 1, "m1", traits), StatedTraits("user:bo", 1, "m2", {"name": "Bo"})])


@pytest.mark.usefixtures("ada")
def test_an_address_stands_in_no_url(log_in: LogIn) -> None:
    olu = log_in("compliance officer")

    led = olu.post(CUSTOMERS, {"q": "Ada@example.com"}).headers["Location"]
    text = olu.get(led).content.decode()

    assert led == f"{CUSTOMERS}?q={email_hash('ada@example.com')}"
    assert 'href="/portal/customers/user:ada"' in text
    assert 'href="/portal/customers/user:bo"' not in text


@pytest.mark.usefixtures("ada")
def test_a_whole_id_opens_its_page_and_a_part_lists_customers(log_in: LogIn) -> None:
    olu = log_in("compliance officer")

    assert olu.post(CUSTOMERS, {"q": "ada"}).headers["Location"] == "/portal/customers/user:ada"
    assert olu.post(CUSTOMERS, {"q": "nobody"}).headers["Location"] == f"{CUSTOMERS}?q=nobody"
    text = olu.get(CUSTOMERS, {"q": "nobody"}).content.decode()
    assert 'Events of exactly this id may exist all the same: <a href="/portal/customers/user:nobody">' in text


@pytest.mark.usefixtures("ada")
def test_the_list_says_when_a_customer_was_seen_and_what_they_allow(log_in: LogIn) -> None:
    happened(5, "Product Viewed")
    happened(90, "Product Viewed")

    text = log_in("compliance officer").get(CUSTOMERS).content.decode()

    latest = last_seen(["user:ada", "user:bo"])
    assert list(latest) == ["user:ada"]
    assert f"{latest['user:ada']:%Y-%m-%d %H:%M}" in text
    assert "never" in text
    assert "Allows" in text
    assert "2 in all" in text


@pytest.mark.usefixtures("ada")
def test_names_are_masked_for_who_may_not_see_them(log_in: LogIn) -> None:
    happened(1, "Product Viewed", traits={"email": "ada@example.com"}, context={"traits": {"lastName": "Lovelace"}})
    SetAside.objects.create(
        reason="no", payload='{"traits": {"email": "ada@example.com"}}', received_at=clock.now(), shard=0, log_offset=1
    )
    pages = [
        CUSTOMERS,
        "/portal/customers/user:ada",
        "/admin/customers/customer/",
        f"/admin/events/event/{Event.objects.get().pk}/change/",
        f"/admin/events/setaside/{SetAside.objects.get().pk}/change/",
    ]
    dee, olu = log_in("merchandiser"), log_in("compliance officer")

    masked, whole = ([browser.get(page).content.decode() for page in pages] for browser in (dee, olu))

    assert ["ada@example.com" in text for text in masked] == [False] * len(pages)
    assert ["ada@example.com" in text for text in whole] == [True] * len(pages)
    assert "Lovelace" not in masked[3]
    assert "Names and contact data are masked" in masked[1]
    assert "Rome" in masked[1]


@pytest.mark.usefixtures("ada")
def test_who_may_not_see_names_finds_nobody_by_name(log_in: LogIn) -> None:
    apply_traits([StatedTraits("user:c1", 1, "m3", {"last_name": "Lovelace"})])

    masked, whole = (
        log_in(role).get(CUSTOMERS, {"q": "lovelace"}).content.decode() for role in ("marketer", "compliance officer")
    )

    assert "/portal/customers/user:c1" not in masked
    assert "/portal/customers/user:c1" in whole


@pytest.mark.usefixtures("ada")
def test_served_lists_in_a_row_are_one_line_in_the_order_of_time(log_in: LogIn) -> None:
    for minutes_ago in (10, 9, 8):
        happened(minutes_ago, "Recommendation Served")
    happened(7, "Product Clicked")
    happened(6, "Recommendation Served")

    page = log_in("merchandiser").get("/portal/customers/user:ada")

    lines = page.context["timeline"]
    assert [line.summary if line.is_served else line.first.event.name for line in lines] == [
        "1 list served",
        "Product Clicked",
        "3 lists served, 1 click after",
    ]
    assert page.content.decode().count("<summary>3 lists served, 1 click after</summary>") == 1


@pytest.mark.parametrize("before", ["x", "9" * 30, "-1", "²"])
def test_a_broken_key_lists_the_latest(log_in: LogIn, before: str) -> None:
    assert log_in("merchandiser").get(CUSTOMERS, {"before": before}).status_code == 200
