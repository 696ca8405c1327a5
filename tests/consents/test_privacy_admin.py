"""The privacy desk in the admin: who sees whom, what is refused, and what a shopper gets as files."""

import io
import json
import zipfile
from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse

from audit.selectors import entries
from audit.signing import create_key
from common import clock
from common.pseudonyms import subject_pseudonym
from consents.models import IdentityMethod, PrivacyRequest
from consents.services.requests import open_request
from customers.services import StatedTraits, apply_traits
from customers.shop_ids import keep_ids, newly_sealed
from tests.staff import LogIn

SUBJECT = subject_pseudonym("user:lovelace")
pytestmark = pytest.mark.django_db
LIST = "/admin/consents/privacyrequest/"


@pytest.fixture(autouse=True)
def sent() -> Iterator[Any]:
    with mock.patch("celery.current_app.send_task") as send:
        yield send


@pytest.fixture
def request_of_ada() -> PrivacyRequest:
    stated = {"email": "lovelace@example.com", "motto": "=1+1"}
    keep_ids(newly_sealed(["lovelace"]))
    with transaction.atomic():
        apply_traits([StatedTraits(SUBJECT, clock.epoch_us(), "m1", stated)])
    return open_request(SUBJECT, kind="portability", regime="gdpr", actor="sk_1", contact="a@example.com")


def page_of(row: PrivacyRequest) -> str:
    return reverse("admin:consents_privacyrequest_change", args=[row.pk])


def test_an_operator_sees_deadlines_and_nobodys_name(log_in: LogIn, request_of_ada: PrivacyRequest) -> None:
    operator = log_in("operator")

    page = operator.get(page_of(request_of_ada)).content.decode()

    assert "lovelace" not in page
    assert "a@example.com" not in page
    assert request_of_ada.due_on.isoformat() in page
    assert operator.post(page_of(request_of_ada), {"step": "prove", "how": "x"}).status_code == 403


def test_nothing_is_exported_before_it_is_proven_who_asks(log_in: LogIn, request_of_ada: PrivacyRequest) -> None:
    officer = log_in("compliance officer")

    refused = officer.post(page_of(request_of_ada), {"step": "zip"}, follow=True)

    assert "First it must be proven" in refused.content.decode()
    assert not entries(action="privacyrequest.exported")


def test_the_export_is_json_and_a_csv_that_no_spreadsheet_runs(log_in: LogIn, request_of_ada: PrivacyRequest) -> None:
    PrivacyRequest.objects.update(status="open", identity_at=clock.now(), identity_method=IdentityMethod.STAFF)
    create_key()

    response = log_in("compliance officer").post(page_of(request_of_ada), {"step": "zip"})

    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        data = json.loads(archive.read("data.json"))
        table = archive.read("customers-customers.csv").decode()
        assert "customers-customers.csv" in archive.read("receipt.note").decode()
    assert data["customers customers"][0]["attributes"]["email"] == "lovelace@example.com"
    assert table.splitlines()[0] == "raw_id,attributes,email_hash,created_at"
    assert "user:lovelace" in table
    assert entries(action="privacyrequest.exported")[0].data == {"format": "zip"}


def test_a_search_finds_a_shoppers_requests_by_id_even_after_they_were_closed(
    log_in: LogIn, request_of_ada: PrivacyRequest
) -> None:
    officer = log_in("compliance officer")
    officer.post(page_of(request_of_ada), {"step": "refuse", "reason": "nobody answered"})

    def hits(words: str) -> int:
        return len(officer.get(LIST, {"q": words}).context["cl"].result_list)

    assert [hits(words) for words in ("lovelace", "user:lovelace", request_of_ada.short_id, "user:bo")] == [1, 1, 1, 0]
    assert officer.get(LIST, {"due": "open"}).context["cl"].result_count == 0


def test_an_erasure_needs_the_tick(log_in: LogIn) -> None:
    row = open_request(SUBJECT, kind="erasure", regime="gdpr", actor="sk_1", proof=IdentityMethod.LOGIN)

    refused = log_in("compliance officer").post(page_of(row), {"step": "fulfil"}, follow=True)

    assert "Tick that the data may be erased" in refused.content.decode()
    assert PrivacyRequest.objects.get().status == "open"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"subject": "user: "}, "must be user:ID"),
        ({"kind": "rectification"}, "Needed for a rectification"),
        ({"kind": "rectification", "corrections": "Bremen"}, "Write each line as name = value."),
        ({"corrections": "city = Bremen"}, "Needed for a rectification"),
    ],
)
def test_a_bad_intake_is_refused(log_in: LogIn, fields: dict[str, str], problem: str) -> None:
    officer: Client = log_in("compliance officer")
    body = {"subject": "user:ada", "kind": "access", "regime": "gdpr", "contact": "", "corrections": "", **fields}

    assert problem in officer.post(f"{LIST}add/", body).content.decode()
    assert not PrivacyRequest.objects.exists()


def test_an_intake_with_corrections_is_taken(log_in: LogIn) -> None:
    body = {"subject": "ada", "kind": "rectification", "regime": "gdpr", "corrections": "city = Bonn\nfax ="}

    response = log_in("compliance officer").post(f"{LIST}add/", body)

    row = PrivacyRequest.objects.get()
    assert response["Location"] == page_of(row)
    assert row.opened_by.startswith("staff:")
