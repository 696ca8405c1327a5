"""The officer's page of what consent said on a date: what it refuses, and that any id leads to its person."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from common import clock
from common.pseudonyms import pseudonym, subject_pseudonym
from consents.services import decide_for
from customers.models import CustomerLink
from tests.staff import staff

pytestmark = pytest.mark.django_db
LIST = "admin:consents_consentevent_changelist"


@pytest.fixture
def officer() -> Client:
    return staff("cora", "compliance officer")


def open_page(officer: Client, **query: str) -> tuple[int, str]:
    response = officer.get(reverse("admin:consents_consentevent_on_date"), query)
    return response.status_code, response.content.decode()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"subject": ""}, "Name a shopper"),
        ({"subject": "user:"}, "must be user:ID"),
        ({"subject": "a\x00b"}, "Null characters"),
        ({"subject": "user:ada", "at": "yesterday"}, "Write the time as"),
        ({"subject": "user:ada", "at": "2999-01-01"}, "in the future"),
    ],
)
def test_wrong_fields_are_named(officer: Client, query: dict[str, str], words: str) -> None:
    status, body = open_page(officer, **query)

    assert status == 422
    assert words in body


def test_the_page_and_its_link_open(officer: Client) -> None:
    assert open_page(officer)[0] == 200
    assert open_page(officer, subject="nobody")[0] == 200
    address = reverse("admin:consents_consentevent_on_date")
    assert address in officer.get(reverse(LIST)).content.decode()
    assert officer.post(address).status_code == 405


def test_a_day_alone_means_its_end(officer: Client) -> None:
    yesterday, today = (f"{clock.now() - timedelta(days=days):%Y-%m-%d}" for days in (1, 0))
    assert f"{yesterday} 23:59:59" in open_page(officer, subject="ada", at=yesterday)[1]
    assert f"{yesterday} 00:00:00" in open_page(officer, subject="ada", at=f"{yesterday} 00:00")[1]
    assert open_page(officer, subject="ada", at=today)[0] == 200


def test_any_id_of_a_person_leads_to_all_proofs(officer: Client) -> None:
    for subject in ("user:ada", "anonymous:phone", "anonymous:stranger"):
        decide_for(subject_pseudonym(subject), decisions={"analytics": True}, actor="test")
    at = clock.now() - timedelta(days=1)
    CustomerLink.objects.create(
        kind="claim", from_id=pseudonym("phone"), user_id=pseudonym("ada"), at=at, message_id="m1"
    )

    ids = {subject_pseudonym("user:ada"), subject_pseudonym("anonymous:phone")}
    for term in ("ada", "phone", "user:ada", "anonymous:phone"):
        listed = officer.get(reverse(LIST), {"q": term}).context["cl"].result_list
        assert {row.raw_id for row in listed} == ids, term
    assert officer.get(reverse(LIST), {"q": "a\x00"}).status_code == 200
