"""A shopper's own page: who may see it, what a stranger learns, what it does, and what is there after an erasure."""

import io
import json
import smtplib
import traceback
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core import mail as outbox
from django.test import Client
from pytest_django import Settings

from access.identity import sign_user
from access.selectors import forget_keys, resolve_key
from access.services import create_key
from audit.selectors import entries, entries_about
from audit.signing import create_key as create_audit_key
from catalog.services import put_product
from common import clock, redis
from common.ids import uuid7
from common.pseudonyms import pseudonym, pseudonym_or_none, subject_pseudonym
from consents import tasks
from consents.models import ConsentEvent, PolicyText, PrivacyRequest
from consents.selectors import person, verdicts
from consents.services import decide_for, fulfilment, own_links
from customers.models import CustomerLink
from customers.selectors import identity_of
from customers.services import StatedTraits, apply_traits
from events.models import Event
from experiments.models import Arm, Exposure
from experiments.services.designs import create_experiment
from modelops.models import ModelVersion
from personalization.reason_words import OF_SHOPPER, REASON_WORDS
from personalization.serving.reasons import CODES
from portal.your_data import visit
from portal.your_data.reasons import explained_lists
from profiles import keys
from profiles.services.segments import create_segment

pytestmark = pytest.mark.django_db
ADA = subject_pseudonym("user:ada")
HOME, ENTER = "/privacy/me", "/privacy/me/enter"


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with mock.patch("celery.current_app.send_task"):
        yield


@pytest.fixture
def key(db: None) -> str:
    """The key of the shop's pages, which may be used from one origin."""
    forget_keys()
    create_audit_key()
    return create_key(kind="pk", name="pages", origins=["https://shop.example"])[1]


def hash_of(key: str, user_id: str) -> str:
    return sign_user(resolve_key(key).identity_secret, user_id=user_id)


def enter(key: str, **fields: str) -> tuple[Client, Any]:
    """Come from the shop's page as its form does."""
    client = Client()
    headers = {"Origin": "https://shop.example", "Referer": "https://shop.example/"}
    return client, client.post(ENTER, {"key": key, **fields}, headers=headers)


def ada(key: str) -> Client:
    client, response = enter(key, user_id="ada", user_hash=hash_of(key, "ada"))
    assert (response.status_code, response["Location"]) == (303, HOME)
    return client


def event(name: str, *, user_id: str | None = "ada", anonymous_id: str | None = None, **properties: Any) -> None:
    now = clock.now()
    Event.objects.create(
        id=uuid7(), message_id=str(uuid7()), kind="track", name=name, at=now, received_at=now,
        user_id=pseudonym_or_none(user_id), anonymous_id=pseudonym_or_none(anonymous_id), properties=properties,
        allowed=["analytics", "personalization", "train_models"], shard=0, log_offset=Event.objects.count() + 1,
    )  # fmt: skip


@pytest.fixture
def known(key: str) -> None:
    """Ada with a name, events, a list, an arm, and a live model; Bo, who shares nothing with her."""
    apply_traits([StatedTraits(ADA, clock.epoch_us(), "m1", {"first_name": "Ada", "city": "London"})])
    apply_traits([StatedTraits(subject_pseudonym("user:bo"), clock.epoch_us(), "m2", {"first_name": "Boris"})])
    put_product("P1", data={"title": "Oak chair", "price": "9.90"}, actor="system:test")
    event("Product Viewed", product_id="P1")
    event("Product Viewed", user_id="bo", product_id="secret-lamp")
    products = [{"product_id": "P1", "position": 1, "reason": "because_viewed"}]
    event("Recommendation Served", recommendation_id="r1", placement="home", personalized=True, products=products)
    arms = [
        {"key": "control", "name": "As it is", "weight": 0.5},
        {"key": "blue", "name": "Blue button", "weight": 0.5},
    ]
    create_experiment("button", data={"name": "The button", "arms": arms}, actor="staff:1")
    blue = Arm.objects.get(key="blue")
    Exposure.objects.create(experiment=blue.experiment, epoch=1, unit=ADA, arm="blue", first_at=clock.now())
    ModelVersion.objects.create(
        version="2026-12-01.1", directory="d", artifact_hash="0" * 64, state="champion", promoted_at=clock.now()
    )


def test_the_page_says_all_that_is_known_and_why(key: str, known: None) -> None:
    page = ada(key).get(HOME)

    text = page.content.decode()
    for words in (
        "London", "Your account", "What you did in the shop", "Oak chair", "Because of something you looked at",
        "The button", "Blue button", "Model 2026-12-01.1", "could learn from 1 of your events", "verify_receipt.py",
    ):  # fmt: skip
        assert words in text, words
    assert "Boris" not in text
    assert "secret-lamp" not in text
    assert page["Cache-Control"] == "private, no-store"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "ada" not in page.client.cookies[visit.COOKIE].value


@pytest.mark.parametrize("user_id", ["ada", "nobody"])
@pytest.mark.parametrize("user_hash", ["", "0" * 64, "ü", None])
def test_a_wrong_proof_learns_nothing(key: str, known: None, user_id: str, user_hash: str | None) -> None:
    proof = hash_of(key, "bo") if user_hash is None else user_hash
    client, response = enter(key, user_id=user_id, user_hash=proof, anonymous_id="phone")

    assert response.status_code == 403
    assert b"We do not know who you are" in response.content
    assert client.get(HOME).status_code == 403
    assert client.post("/privacy/me/download").status_code == 403
    assert client.post("/privacy/me/erase").status_code == 403
    assert not PrivacyRequest.objects.exists()


def test_another_page_or_key_opens_nothing(key: str, known: None) -> None:
    proof = {"user_id": "ada", "user_hash": hash_of(key, "ada")}
    foreign = Client().post(ENTER, {"key": key, **proof}, headers={"Origin": "https://evil.example"})
    _, unknown = enter("pk_nonsense", **proof)
    _, secret = enter(create_key(kind="sk", name="server", scopes=["privacy:write"])[1], **proof)
    _, empty = enter(key)

    assert [one.status_code for one in (foreign, unknown, secret, empty)] == [403] * 4
    assert len({one.content for one in (foreign, unknown, secret, empty)}) == 1


def test_a_forged_or_old_cookie_opens_nothing(key: str, known: None, monkeypatch: pytest.MonkeyPatch) -> None:
    client = ada(key)
    cookie = client.cookies[visit.COOKIE].value
    for wrong in ("", "x", "AAAA", cookie[:-4] + "AAAA"):
        client.cookies[visit.COOKIE] = wrong
        assert client.get(HOME).status_code == 403
    client.cookies[visit.COOKIE] = cookie
    assert client.get(HOME).status_code == 200

    later = clock.real_now() + timedelta(seconds=visit.SECONDS + 1)
    monkeypatch.setattr(clock, "real_now", lambda: later)

    assert client.get(HOME).status_code == 403


def test_a_device_shows_its_own_and_never_an_accounts(key: str, known: None) -> None:
    event("Product Viewed", user_id=None, anonymous_id="phone", product_id="P1")
    client, _ = enter(key, anonymous_id="phone")
    assert b"Oak chair" in client.get(HOME).content or b"P1" in client.get(HOME).content

    CustomerLink.objects.create(
        kind="claim", from_id=pseudonym("phone"), user_id=pseudonym("ada"), at=clock.now(), message_id="m3"
    )

    page = client.get(HOME).content.decode()
    assert "Log in at the shop" in page
    assert "London" not in page
    assert client.post("/privacy/me/download").status_code == 403
    assert client.get("/privacy/me/erase").status_code == 403
    assert not PrivacyRequest.objects.exists()


def test_a_device_that_was_also_somebody_elses_shows_the_own_time_alone(key: str, known: None) -> None:
    for user_id, message_id in (("bo", "m3"), ("ada", "m4")):
        CustomerLink.objects.create(
            kind="claim", from_id=pseudonym("tablet"), user_id=pseudonym(user_id), at=clock.now(), message_id=message_id
        )
        event("Product Viewed", user_id=None, anonymous_id="tablet", product_id=f"of-{user_id}")

    page = ada(key).get(HOME).content.decode()

    assert "of-ada" in page
    assert "of-bo" not in page
    assert "1 of your devices also belonged to another account" in page


def test_consent_is_withdrawn_and_given_with_proof(key: str, known: None) -> None:
    decide_for(ADA, decisions={"personalization": True, "analytics": True}, actor="test", source="banner")
    client = ada(key)
    PolicyText.objects.create(version="7", body="We say what we do.")
    page = client.get(HOME).content.decode()
    assert "We say what we do." in page
    assert 'name="policy_version" value="7"' in page

    done = client.post("/privacy/me/consent", {"purpose": "personalization", "answer": "withdraw"}, follow=True)
    assert "is off from now on" in done.content.decode()
    assert json.loads(done.context["choices"]) == {"personalization": False, "analytics": True}, "what was answered"
    allowed = verdicts(person(ADA), region=None)
    assert (allowed["personalization"].allowed, allowed["analytics"].allowed) == (False, True)
    assert entries(action="consent.decided")[0].actor == "shopper"

    for version, answer in (("7", "allow"), ("8\x00", "withdraw"), ("7", "allow")):
        body = {"purpose": "personalization", "answer": answer, "policy_version": version}
        client.post("/privacy/me/consent", body)
    rows = ConsentEvent.objects.filter(purpose="personalization").order_by("-at")[:3]
    assert [one.policy_version for one in rows] == ["7", "", "7"], "a version that nobody published is not named"
    assert verdicts(person(ADA), region=None)["personalization"].allowed
    client.post("/privacy/me/consent", {"purpose": "all", "answer": "withdraw"})
    assert {name for name, one in verdicts(person(ADA), region=None).items() if one.allowed} == {"essential"}


@pytest.mark.parametrize(
    "body",
    [{}, {"purpose": "personalization"}, {"purpose": "essential", "answer": "withdraw"},
     {"purpose": "x\x00", "answer": "allow"}],
)  # fmt: skip
def test_rubbish_decides_nothing(key: str, known: None, body: dict[str, str]) -> None:
    response = ada(key).post("/privacy/me/consent", body)

    assert response.status_code == 400
    assert b"purpose: must be" in response.content or b"answer: must be" in response.content
    assert not entries(action="consent.decided")


def test_a_browser_that_says_no_is_not_offered_a_yes(key: str, known: None) -> None:
    page = ada(key).get(HOME, headers={"Sec-GPC": "1"}).content.decode()

    assert "We honor it" in page
    assert 'value="allow"' not in page


def test_the_download_has_all_with_a_receipt(key: str, known: None) -> None:
    response = ada(key).post("/privacy/me/download")

    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        names, data = archive.namelist(), json.loads(archive.read("data.json"))
    assert {"receipt.note", "verify_receipt.py", "customers-customers.csv", "events-events.csv"} <= set(names)
    assert data["customers customers"][0]["attributes"]["first_name"] == "Ada"
    assert "Boris" not in json.dumps(data)
    assert entries(action="own_data.downloaded")


def test_a_shopper_leaves_and_later_nothing_is_shown(key: str, known: None) -> None:
    client = ada(key)
    assert "cannot be undone" in client.get("/privacy/me/erase").content.decode()

    begun = client.post("/privacy/me/erase", follow=True)
    row = PrivacyRequest.objects.get()
    assert (row.kind, row.identity_method, row.status) == ("erasure", "login", "in_progress")
    assert "are being erased" in begun.content.decode()
    assert client.get(HOME).status_code == 403, "the page forgot who asked"
    for _ in range(2):
        PrivacyRequest.objects.update(next_attempt_at=clock.now())
        fulfilment.work_on(row.pk)

    done = client.get("/privacy/me/erased").content.decode()
    assert "Your data are erased" in done
    assert "Orders stay for tax" in done
    with zipfile.ZipFile(io.BytesIO(client.post("/privacy/me/receipt").content)) as archive:
        assert json.loads(archive.read("receipt.json"))["status"] == "completed"
    again = ada(key)
    page = again.get(HOME).content.decode()
    assert "Nothing. No store holds anything about you." in page
    assert "London" not in page
    assert again.post("/privacy/me/download").status_code == 200
    assert not entries_about(ADA), "not even the second visit left a trace"


def test_leaving_the_page_removes_the_cookie(key: str, known: None) -> None:
    client = ada(key)

    assert b"Closed" in client.post("/privacy/me/leave").content
    assert client.get(HOME).status_code == 403


def test_too_many_requests_wait(key: str, known: None, settings: Settings) -> None:
    settings.OWN_DATA_RATE = "2/minute"
    client = ada(key)
    assert client.get(HOME).status_code == 200

    refused = client.get(HOME)

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0


def test_a_form_of_another_site_changes_nothing(key: str, known: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = ada(key).cookies

    assert strict.post("/privacy/me/consent", {"purpose": "all", "answer": "withdraw"}).status_code == 403
    assert strict.post("/privacy/me/erase").status_code == 403
    assert not PrivacyRequest.objects.exists()


def test_every_reason_has_its_words() -> None:
    assert REASON_WORDS.keys() == set(CODES)
    assert set(CODES) > OF_SHOPPER


def test_a_list_that_nothing_of_the_shopper_chose_says_so_with_its_reason_once(db: None) -> None:
    for placement, codes in (("trending", ("trending", "trending")), ("home", ("trending", "because_viewed"))):
        products = [{"product_id": f"P{place}", "reason": code} for place, code in enumerate(codes)]
        event("Recommendation Served", placement=placement, personalized=True, products=products)

    home, trending = explained_lists(identity_of(ADA, now=clock.now()))

    assert (home.is_chosen, home.shared_reason) == (True, "")
    assert [reason for _, reason in home.products] == ["Trending now", "Because of something you looked at"]
    assert (trending.is_chosen, trending.shared_reason) == (False, "Trending now")
    assert [reason for _, reason in trending.products] == ["", ""]


@pytest.fixture
def mails(settings: Settings) -> Iterator[list[Any]]:
    """A shop that can send mail: what it sent. Its worker does everything at once."""
    settings.EMAIL_HOST, settings.PUBLIC_URL = "smtp.example", "https://vitrine.example"
    with mock.patch("celery.current_app.send_task", lambda name, args: tasks.send_own_link(*args)):
        yield outbox.outbox


def link_in(message: Any) -> str:
    (line,) = [one for one in message.body.splitlines() if "/privacy/me/link/" in one]
    return str(line).removeprefix("https://vitrine.example")


def test_a_mailed_link_opens_the_page_once(key: str, known: None, mails: list[Any]) -> None:
    apply_traits([StatedTraits(ADA, clock.epoch_us(), "m5", {"email": "Ada@example.com"}, True)])
    client = Client()

    answer = client.post("/privacy/me/link", {"email": "ada@Example.com"})
    again = client.post("/privacy/me/link", {"email": "ada@example.com"})
    nobody = client.post("/privacy/me/link", {"email": "eve@example.com"})

    assert answer.content == again.content == nobody.content
    assert [one.to for one in mails] == [["ada@Example.com"]], "an address gets one mail in ten minutes"
    link = link_in(mails[0])
    assert "ada" not in link
    assert client.get(link).status_code == 200
    assert client.get(HOME).status_code == 403, "a program that follows links opens nothing"
    assert "London" in client.post(link, follow=True).content.decode()
    stranger = Client()
    assert [stranger.get(link).status_code, stranger.post(link).status_code] == [403, 403]
    assert stranger.get(HOME).status_code == 403


def test_a_mail_server_that_was_away_is_asked_again_and_its_error_names_no_address(key: str, known: None) -> None:
    apply_traits([StatedTraits(ADA, clock.epoch_us(), "m5", {"email": "ada@example.com"}, True)])
    sealed_address = ""

    def keep(name: str, args: list[str]) -> None:
        nonlocal sealed_address
        (sealed_address,) = args

    with mock.patch("celery.current_app.send_task", keep):
        own_links.queue_own_link("ada@example.com")
    refusal = smtplib.SMTPRecipientsRefused({"ada@example.com": (450, b"ada@example.com: try later")})
    with mock.patch("consents.mail.send_mail", side_effect=refusal), pytest.raises(OSError) as error:
        own_links.send_own_link(sealed_address)

    assert "ada" not in "".join(traceback.format_exception(error.value))
    own_links.send_own_link(sealed_address)
    own_links.send_own_link(sealed_address)
    assert [one.to for one in outbox.outbox] == [["ada@example.com"]]


def test_an_old_or_invented_link_opens_nothing(
    key: str, known: None, mails: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    link = f"/privacy/me/link/{own_links.new_link(ADA)}"
    later = clock.real_now() + timedelta(seconds=own_links.LINK_SECONDS + 1)
    monkeypatch.setattr(clock, "real_now", lambda: later)
    client = Client()

    wrong = [client.post(address) for address in (link, "/privacy/me/link/x", "/privacy/me/link/AAAA")]

    assert [one.status_code for one in wrong] == [403] * 3
    assert client.get(HOME).status_code == 403


@pytest.mark.parametrize("address", ["", "ada", "a b@example.com", "x@" + "y" * 400])
def test_no_mail_goes_to_what_is_no_address(key: str, mails: list[Any], address: str) -> None:
    answer = Client().post("/privacy/me/link", {"email": address})

    assert (answer.status_code, b"email: must be an e-mail address" in answer.content) == (400, True)
    assert mails == []


def test_a_segment_says_why(key: str, known: None) -> None:
    decide_for(ADA, decisions={"personalization": True}, actor="test", source="banner")
    create_segment(
        key="big", name="Big spenders", rule={"trait": "rfm.monetary", "is": "at_least", "value": 200}, actor="staff:1"
    )
    redis.client().hset(f"{keys.SEGMENTS}{ADA}", "big", str(clock.epoch_us()))

    page = ada(key).get(HOME).content.decode()

    assert "Big spenders" in page
    assert "at least 200" in page
