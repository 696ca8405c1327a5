"""Who reads a customer's data leaves an audit event, and no cache keeps what was read."""

from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import reverse

from access.services import create_key
from audit import reads
from audit.models import AuditEvent
from audit.selectors import entries_about
from common import clock
from common.pseudonyms import pseudonym
from consents.services import decide_for
from customers.models import Customer
from customers.services import StatedTraits, apply_traits
from customers.shop_ids import keep_ids, newly_sealed
from tests.staff import LogIn

pytestmark = pytest.mark.django_db
USER = f"user:{pseudonym('ada')}"
PAGES: dict[str, tuple[str, str]] = {
    "list": ("/portal/customers", "customer.listed"),
    "list in the admin": (reverse("admin:customers_customer_changelist"), "customer.listed"),
    "customer": (f"/portal/customers/{USER}", "customer.read"),
    "row in the admin": ("", "customer.read"),
    "search of proofs": (reverse("admin:consents_consentevent_changelist") + "?q=user:ada", "consentproof.read"),
    "proof on a date": (reverse("admin:consents_consentevent_on_date") + "?subject=user:ada", "consentproof.read"),
}
API = {
    "/api/v1/customers": "customer.listed",
    "/api/v1/customers/user:ada": "customer.read",
    "/api/v1/customers/user:ada/segments": "customer.read",
    "/api/v1/consent-history/user:ada": "consentproof.read",
}


@pytest.fixture(autouse=True)
def ada() -> Iterator[None]:
    """A customer with a decision, of whom nobody read anything."""
    reads._remembered.clear()
    keep_ids(newly_sealed(["ada"]))
    apply_traits([StatedTraits(USER, clock.epoch_us(), "m1", {"city": "Bremen"})])
    decide_for(USER, decisions={"personalization": True}, actor="test")
    yield
    reads._remembered.clear()


def recorded(action: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(action=action))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_leaves_an_event_once_an_hour(name: str, log_in: LogIn, monkeypatch: pytest.MonkeyPatch) -> None:
    address, action = PAGES[name]
    address = address or reverse("admin:customers_customer_change", args=[Customer.objects.get().pk])
    client = log_in("compliance officer")

    answers = [client.get(address) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert "no-store" in answers[0]["Cache-Control"]
    (event,) = recorded(action)
    assert event.actor.startswith("staff:")
    assert action == "customer.listed" or event.id in [one.id for one in entries_about(USER)]
    monkeypatch.setattr(reads, "HOUR", 0.0)
    client.get(address)
    assert len(recorded(action)) == 2


@pytest.mark.parametrize("address", API)
def test_an_api_read_leaves_an_event(address: str) -> None:
    raw = create_key(kind="sk", name="server", scopes=["customers:read", "consents:read"])[1]

    answer = Client(headers={"Authorization": f"Bearer {raw}"}).get(address)

    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    (event,) = recorded(API[address])
    assert event.actor.startswith("key:")


def test_a_customer_that_does_not_exist_leaves_nothing(log_in: LogIn) -> None:
    client = log_in("compliance officer")

    client.get("/portal/customers/user:nobody")
    client.get(reverse("admin:consents_consentevent_changelist") + "?q=user:nobody")

    assert not recorded("customer.read")
    assert not recorded("consentproof.read")


def test_an_export_of_products_leaves_an_event(log_in: LogIn) -> None:
    client = log_in("merchandiser")

    for _ in range(2):
        assert client.post("/admin/catalog/product/export/", {"format": "0", "resource": "0"}).status_code == 200

    assert [event.object for event in recorded("product.exported")] == ["catalog:csv"] * 2


@pytest.mark.parametrize("address", ["/api/v1/audit/checkpoint", "/api/v1/experiments", "/healthz"])
def test_no_cache_keeps_an_answer_that_names_no_rule(address: str) -> None:
    raw = create_key(kind="sk", name="server", scopes=["audit:read", "experiments:read"])[1]

    answer = Client(headers={"Authorization": f"Bearer {raw}"}).get(address)

    assert "no-store" in answer["Cache-Control"]
