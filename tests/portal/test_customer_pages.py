"""The customers' pages: search, consent and last seen in the list, masked names, collapsed lists."""

from datetime import timedelta
from typing import Any

import pytest

from catalog.services import put_product
from common import clock
from common.ids import uuid7
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.services import decide_for
from customers.personal import email_hash
from customers.services import StatedTraits, apply_traits
from customers.shop_ids import keep_ids, newly_sealed
from events.activity import last_seen
from events.models import Event, SetAside
from modelops.models import ModelState, ModelVersion
from portal.customers import whose
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
ADA, BO = subject_pseudonym("user:ada"), subject_pseudonym("user:bo")
CUSTOMERS = "/portal/customers"


def happened(minutes_ago: int, name: str, **values: Any) -> None:
    """Store an event of Ada, some minutes ago."""
    at = clock.now() - timedelta(minutes=minutes_ago)
    columns = {"properties": {"product_id": "P1"}, **values}
    Event.objects.create(
        id=uuid7(), message_id=f"m{minutes_ago}", at=at, received_at=at, kind="track", name=name,
        user_id=pseudonym("ada"), shard=0, log_offset=minutes_ago, **columns,
    )  # fmt: skip


@pytest.fixture
def ada(db: None) -> None:
    """Ada with a name and an address, and Bo."""
    traits = {"first_name": "Ada", "email": "ada@example.com", "city": "Rome"}
    apply_traits([StatedTraits(ADA, 1, "m1", traits), StatedTraits(BO, 1, "m2", {"name": "Bo"})])


@pytest.mark.usefixtures("ada")
def test_an_address_stands_in_no_url(log_in: LogIn) -> None:
    olu = log_in("compliance officer")

    led = olu.post(CUSTOMERS, {"q": "Ada@example.com"}).headers["Location"]
    text = olu.get(led).content.decode()

    assert led == f"{CUSTOMERS}?q={email_hash('ada@example.com')}"
    assert f'href="/portal/customers/{ADA}"' in text
    assert f'href="/portal/customers/{BO}"' not in text


@pytest.mark.usefixtures("ada")
def test_a_whole_id_opens_its_page_and_a_part_lists_customers(log_in: LogIn) -> None:
    olu = log_in("compliance officer")

    assert olu.post(CUSTOMERS, {"q": "ada"}).headers["Location"] == f"/portal/customers/{ADA}"
    assert olu.post(CUSTOMERS, {"q": "nobody"}).headers["Location"] == f"{CUSTOMERS}?q=nobody"
    text = olu.get(CUSTOMERS, {"q": "nobody"}).content.decode()
    nobody = f"/portal/customers/{subject_pseudonym('user:nobody')}"
    assert f'Events of exactly this id may exist all the same: <a href="{nobody}">open nobody</a>' in text


@pytest.mark.usefixtures("ada")
def test_the_list_says_when_a_customer_was_seen_and_what_they_allow(log_in: LogIn) -> None:
    happened(5, "Product Viewed")
    happened(90, "Product Viewed")

    text = log_in("compliance officer").get(CUSTOMERS).content.decode()

    latest = last_seen([ADA, BO])
    assert list(latest) == [ADA]
    assert f"{latest[ADA]:%Y-%m-%d %H:%M}" in text
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
        f"/portal/customers/{ADA}",
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
    apply_traits([StatedTraits(subject_pseudonym("user:c1"), 1, "m3", {"last_name": "Lovelace"})])

    masked, whole = (
        log_in(role).get(CUSTOMERS, {"q": "lovelace"}).content.decode() for role in ("marketer", "compliance officer")
    )

    assert f"/portal/customers/{subject_pseudonym('user:c1')}" not in masked
    assert f"/portal/customers/{subject_pseudonym('user:c1')}" in whole


@pytest.mark.usefixtures("ada")
def test_served_lists_in_a_row_are_one_line_in_the_order_of_time(log_in: LogIn) -> None:
    for minutes_ago in (10, 9, 8):
        happened(minutes_ago, "Recommendation Served")
    happened(7, "Product Clicked")
    happened(6, "Recommendation Served")

    page = log_in("merchandiser").get(f"/portal/customers/{ADA}")

    lines = page.context["timeline"]
    assert [line.summary if line.is_served else line.first.event.name for line in lines] == [
        "1 list served",
        "Product Clicked",
        "3 lists served, 1 click after",
    ]
    assert page.content.decode().count("<summary>3 lists served, 1 click after</summary>") == 1


@pytest.mark.usefixtures("ada")
def test_a_served_list_says_where_how_what_and_links_its_replay(log_in: LogIn) -> None:
    answer = str(uuid7())
    put_product("P1", data={"title": "Oak lamp", "price": "9"}, actor="staff:1")
    served = {"recommendation_id": answer, "placement": "home", "personalized": True, "model_version": "2026.1",
              "products": [{"product_id": "P1"}, {"product_id": "gone"}]}  # fmt: skip
    happened(3, "Recommendation Served", properties=served)
    happened(2, "Recommendation Served", properties={**served, "placement": "cart", "personalized": False})

    text = log_in("merchandiser").get(f"/portal/customers/{ADA}").content.decode()

    assert "<summary>2 lists served (cart, home)</summary>" in text
    assert all(word in text for word in ("personalized<br>", "the same for everybody", "model 2026.1", "2 products"))
    assert ("<li>Oak lamp</li>" in text, "<li>gone</li>" in text) == (True, True)
    assert f'<a href="/portal/replay?answer={answer}">Compute again</a>' in text
    assert "No lists served" not in text


@pytest.mark.usefixtures("ada")
def test_lists_of_one_moment_have_one_time_and_none_is_said_so(log_in: LogIn) -> None:
    browser = log_in("merchandiser")
    happened(9, "Product Viewed")
    assert "No lists served." in browser.get(f"/portal/customers/{ADA}").content.decode()
    for minutes_ago in (3, 2):
        happened(minutes_ago, "Recommendation Served")
    Event.objects.filter(name="Recommendation Served").update(at=clock.now())

    text = browser.get(f"/portal/customers/{ADA}").content.decode()

    assert "2 lists served" in text
    assert '<span class="soft">from ' not in text


@pytest.mark.usefixtures("ada")
def test_the_page_begins_with_last_seen_and_consent_in_words(log_in: LogIn) -> None:
    happened(90, "Product Viewed")
    keep_ids(newly_sealed(["ada"]))
    decide_for(ADA, decisions={"analytics": True}, actor="staff:1", source="portal")

    page = log_in("compliance officer").get(f"/portal/customers/{ADA}")
    text = page.content.decode()

    assert f"<dt>Last seen</dt><dd>{clock.now() - timedelta(minutes=90):%Y-%m-%d %H:%M} UTC</dd>" in text
    assert text.index("<h2>Allowed</h2>") < text.index("<h2>Profile</h2>")
    assert ("not asked" in text, "not_asked" in text) == (True, False)
    assert "Consent proof of 1 decision: 1 of the account, 0 of devices" in text
    assert "<td>account ada</td>" in text
    assert whose("anonymous:7c1f") == "device 7c1f"


def test_the_officers_home_leads_to_audit_log_and_proof_and_has_no_metrics(log_in: LogIn) -> None:
    ModelVersion.objects.create(
        version="1", state=ModelState.CHAMPION, directory="d", artifact_hash="0" * 64, metrics={"ndcg@10": 0.4}
    )

    home, scientist = (
        log_in(role).get("/admin/").content.decode() for role in ("compliance officer", "data scientist")
    )

    assert '<a href="/admin/audit/auditevent/">Audit log</a>' in home
    assert ">Look up consent proof</a>" in home
    assert ("0.4000" in home, "0.4000" in scientist) == (False, True)


@pytest.mark.parametrize("before", ["x", "9" * 30, "-1", "²"])
def test_a_broken_key_lists_the_latest(log_in: LogIn, before: str) -> None:
    assert log_in("merchandiser").get(CUSTOMERS, {"before": before}).status_code == 200
