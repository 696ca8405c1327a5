"""What consent said on a date, over all ids of a person, and a shopper's signed receipt of it."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from redis import RedisError
from rest_framework.test import APIClient

from access.services import create_key
from audit import signing
from common import clock, redis
from common.clock import to_microseconds
from common.pseudonyms import pseudonym, subject_pseudonym
from consents import recording, verify_consent
from consents.cache import link
from consents.models import PolicyText, Purpose
from consents.recording import DecisionRecord
from consents.selectors.history import Answer, consent_on
from consents.services import decide_for
from consents.state import GPC
from customers.models import CustomerLink
from customers.shop_ids import keep_ids, newly_sealed

RECEIPTS, HISTORY = "/api/v1/consent-receipts/", "/api/v1/consent-history/"
NOW = clock.now()


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def decided(raw_id: str, purpose: str, given: bool, at: datetime, *, policy: str = "", region: str = "") -> None:
    """Record a decision of the past."""
    one = DecisionRecord(
        raw_id, purpose, given, to_microseconds(at), f"m-{raw_id}-{purpose}-{at:%d%H}", "banner", policy, region
    )
    with transaction.atomic():
        recording.write([one], versions={purpose: 1})


def claimed(device: str, user: str, at: datetime) -> None:
    CustomerLink.objects.create(kind="claim", from_id=device, user_id=user, at=at, message_id=f"{device}-{user}")


def answer(subject: str, purpose: str, at: datetime) -> Answer:
    return next(one for one in consent_on(subject, at=at).answers if one.purpose == purpose)


def client(**key: Any) -> APIClient:
    api = APIClient(raise_request_exception=False)
    api.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(**key)[1]}")
    return api


@pytest.fixture
def server(db: None) -> APIClient:
    return client(kind="sk", name="server", scopes=["consents:read"])


@pytest.mark.django_db
def test_each_date_has_the_answer_of_its_time() -> None:
    text = PolicyText.objects.create(version="3", body="We look at what you look at.")
    decided("user:ada", "personalization", True, days_ago(20), policy="3")
    decided("user:ada", "personalization", False, days_ago(10))
    decided("user:ada", "personalization", True, days_ago(2))

    verdicts = {days: answer("user:ada", "personalization", days_ago(days)) for days in (30, 15, 5, 1)}

    reasons = {days: (one.verdict.allowed, one.verdict.reason) for days, one in verdicts.items()}
    assert reasons == {30: (False, "not_asked"), 15: (True, "given"), 5: (False, "refused"), 1: (True, "given")}
    first = verdicts[15]
    assert first.proof is not None
    assert (first.proof.at, first.proof.policy_sha256) == (days_ago(20), text.sha256)
    assert first.policy is not None
    assert first.policy["body"] == "We look at what you look at."
    assert verdicts[30].proof is None


@pytest.mark.django_db
def test_a_refusal_on_another_device_holds_once_it_was_linked() -> None:
    decided("user:ada", "analytics", True, days_ago(20))
    decided("anonymous:phone", "analytics", False, days_ago(15))
    claimed("phone", "ada", days_ago(10))

    before, after = (consent_on("user:ada", at=days_ago(days)) for days in (12, 5))

    assert (before.raw_ids, before.later_ids) == (("user:ada",), ("anonymous:phone",))
    assert after.raw_ids == ("user:ada", "anonymous:phone")
    assert answer("user:ada", "analytics", days_ago(12)).verdict.allowed
    refused = answer("user:ada", "analytics", days_ago(5))
    assert (refused.verdict.reason, refused.proof and refused.proof.raw_id) == ("refused", "anonymous:phone")
    assert answer("anonymous:phone", "analytics", days_ago(5)).verdict.reason == "refused"


@pytest.mark.django_db
def test_any_id_leads_to_all_ids_of_the_person() -> None:
    claimed("phone", "ada", days_ago(10))
    claimed("laptop", "ada", days_ago(9))
    link(redis.client(), "user:ada", "anonymous:till", to_microseconds(days_ago(8)))
    everybody = {"user:ada", "anonymous:phone", "anonymous:laptop", "anonymous:till"}

    assert set(consent_on("anonymous:phone", at=NOW).raw_ids) >= everybody - {"anonymous:till"}
    assert set(consent_on("user:ada", at=NOW).raw_ids) == everybody
    with mock.patch("consents.selectors.person", side_effect=RedisError):
        assert set(consent_on("user:ada", at=NOW).raw_ids) == everybody - {"anonymous:till"}


@pytest.mark.django_db
def test_a_remembered_signal_and_the_versions_of_purposes_are_those_of_the_date() -> None:
    Purpose.objects.create(name="ads_share", version=2, title="Ads", description="New.", sale_or_share=True)
    decided("user:ada", GPC, True, days_ago(3), region="US-CA")

    then, now = consent_on("user:ada", at=days_ago(4)), consent_on("user:ada", at=clock.now())

    assert (then.gpc, now.gpc, now.region) == (False, True, "US-CA")
    assert answer("user:ada", "ads_share", days_ago(4)).version == 1
    today = answer("user:ada", "ads_share", clock.now())
    assert (today.version, today.verdict.reason) == (2, "gpc")
    assert today.proof is not None
    assert today.proof.purpose == GPC


def test_the_server_asks_what_held_on_a_date(server: APIClient) -> None:
    keep_ids(newly_sealed(["ada"]))
    decided(subject_pseudonym("user:ada"), "analytics", True, days_ago(5))

    body = server.get(f"{HISTORY}user:ada", {"at": days_ago(4).isoformat()}).json()

    analytics = next(one for one in body["answers"] if one["purpose"] == "analytics")
    assert (analytics["allowed"], analytics["raw_id"], analytics["source"]) == (True, "user:ada", "banner")
    assert (body["raw_ids"], body["mode"]) == (["user:ada"], "opt_in")
    assert server.get(f"{HISTORY}user:nobody").json()["raw_ids"] == ["user:nobody"]


@pytest.mark.parametrize("at", ["yesterday", "2999-01-01T00:00:00Z", "0"])
def test_a_wrong_time_is_named(server: APIClient, at: str) -> None:
    answer = server.get(f"{HISTORY}user:ada", {"at": at})

    assert answer.status_code == 400
    assert "at" in json.dumps(answer.json()["errors"])


def test_a_page_may_not_read_histories(db: None) -> None:
    assert client(kind="pk", name="page").get(f"{HISTORY}anonymous:a1").status_code == 403


@pytest.fixture
def page(db: None, tmp_path: Path, settings: Any) -> APIClient:
    """A browser of the shop; the audit log has a key of its own."""
    settings.AUDIT_KEY_FILE = tmp_path / "key"
    signing.create_key()
    return client(kind="pk", name="page")


def verified(receipt: dict[str, Any], folder: Path, *, key: str | None = None) -> int:
    """Return the exit code of the program that verifies receipts."""
    file = folder / "receipt.json"
    file.write_text(json.dumps(receipt, indent=1))
    return verify_consent.main([str(file), *(["--key", key] if key else [])])


def test_a_receipt_is_verified_by_the_program_alone(page: APIClient, tmp_path: Path) -> None:
    text = PolicyText.objects.create(version="3", body="Größe zählt.")
    given = {"personalization": True, "train_models": False}
    decide_for(subject_pseudonym("anonymous:ä1"), decisions=given, actor="test", source="banner", policy_version="3")

    signed = page.get(f"{RECEIPTS}anonymous:ä1").json()

    lines = {one["purpose"]: one for one in signed["receipt"]["purposes"]}
    assert (lines["personalization"]["allowed"], lines["train_models"]["reason"]) == (True, "refused")
    assert lines["personalization"]["policy_sha256"] == text.sha256
    assert (lines["analytics"]["reason"], lines["analytics"]["event_id"]) == ("not_asked", None)
    key = str(signing.signer().verifier)
    assert verified(signed, tmp_path) == verified(signed, tmp_path, key=key) == 0
    lines["train_models"]["allowed"] = True
    assert verified(signed, tmp_path, key=key) == 1


@pytest.mark.parametrize("receipt", [[], {}, {"receipt": 3, "note": "", "key": "x"}, {"receipt": {}, "key": "a+b+c"}])
def test_rubbish_is_no_receipt(page: APIClient, tmp_path: Path, receipt: Any) -> None:
    assert verified(receipt, tmp_path) == 2


def test_another_shop_s_key_verifies_nothing(page: APIClient, tmp_path: Path, settings: Any) -> None:
    signed = page.get(f"{RECEIPTS}anonymous:a1").json()
    settings.AUDIT_KEY_FILE = tmp_path / "other"
    signing.create_key()

    assert verified(signed, tmp_path, key=str(signing.signer().verifier)) == 1


def test_a_receipt_of_an_account_needs_its_hash_and_names_no_other_id(page: APIClient) -> None:
    assert page.get(f"{RECEIPTS}user:ada").status_code == 403
    ada, device = subject_pseudonym("user:ada"), subject_pseudonym("anonymous:a1")
    decided(ada, "analytics", False, days_ago(3))
    decide_for(ada, decisions={"analytics": False}, actor="test")
    link(redis.client(), ada, device, to_microseconds(days_ago(8)))

    signed = page.get(f"{RECEIPTS}anonymous:a1").json()

    analytics = next(one for one in signed["receipt"]["purposes"] if one["purpose"] == "analytics")
    assert analytics["reason"] == "refused"
    words = json.dumps({**signed["receipt"], "purposes": [{**analytics, "event_id": ""}]})
    assert not any(id in words for id in ("ada", pseudonym("ada"), device))


def test_without_a_key_the_receipt_waits(page: APIClient, settings: Any, tmp_path: Path) -> None:
    settings.AUDIT_KEY_FILE = tmp_path / "none"

    answer = page.get(f"{RECEIPTS}anonymous:a1")

    assert answer.status_code == 503
    assert answer["Retry-After"]
