"""A proof reaches whom it proves: a device no account, and an account a shared device in its own time alone."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from unittest import mock

import pytest

from common import clock
from common.errors import Conflict
from common.ids import uuid7
from consents.models import ErasureMark, IdentityMethod, PrivacyRequest
from consents.selectors.exports import export_tables
from consents.services import fulfilment, requests
from consents.services.reach import reach_of
from consents.suppression_mark import mark_of
from customers.models import CustomerLink
from customers.services import StatedTraits, apply_traits
from events.models import Event

pytestmark = pytest.mark.django_db
OLU, DEVICE = "staff:7", "anonymous:tablet"
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_broker() -> Iterator[None]:
    with mock.patch("celery.current_app.send_task"):
        yield


def claim(user_id: str, at: datetime) -> None:
    CustomerLink.objects.create(kind="claim", from_id="tablet", user_id=user_id, at=at, message_id=str(uuid7()))


def viewed(product_id: str, at: datetime, *, user_id: str | None = None) -> None:
    Event.objects.create(
        id=uuid7(), message_id=str(uuid7()), kind="track", name="Product Viewed", at=at, received_at=at,
        user_id=user_id, anonymous_id="tablet", properties={"product_id": product_id},
        allowed=["personalization"], shard=0, log_offset=Event.objects.count() + 1,
    )  # fmt: skip


def products() -> list[str]:
    return [one["product_id"] for one in Event.objects.order_by("at").values_list("properties", flat=True)]


def opened(subject: str, kind: str, proof: IdentityMethod, **more: object) -> PrivacyRequest:
    return requests.open_request(subject, kind=kind, regime="gdpr", actor="pk_1", proof=proof, **more)  # type: ignore[arg-type]


def work(request: PrivacyRequest) -> PrivacyRequest:
    for _ in range(3):
        PrivacyRequest.objects.filter(pk=request.pk).exclude(next_attempt_at=None).update(next_attempt_at=clock.now())
        fulfilment.work_on(request.pk)
    return PrivacyRequest.objects.get(pk=request.pk)


@pytest.mark.parametrize("kind", ["access", "erasure", "portability", "rectification"])
def test_a_device_of_an_account_must_prove_the_account(kind: str) -> None:
    claim("ada", clock.now() - HOUR)
    corrections = {"corrections": {"email": "attacker@example.com"}} if kind == "rectification" else {}

    request = opened(DEVICE, kind, IdentityMethod.DEVICE, **corrections)

    assert (request.status, request.identity_method) == ("identity_check", "")
    with pytest.raises(Conflict, match="proven"):
        fulfilment.fulfil(request.pk, actor=OLU)
    with pytest.raises(Conflict, match="proven"):
        requests.content_for_export(request, format="json", actor=OLU)


def test_a_device_may_object_for_itself_alone() -> None:
    claim("ada", clock.now() - HOUR)

    person = reach_of(DEVICE, proof="device", now=clock.now(), kind="objection")

    assert opened(DEVICE, "objection", IdentityMethod.DEVICE).status == "open"
    assert person is not None
    assert person.subjects == (DEVICE,)


def test_a_device_that_comes_to_an_account_later_loses_its_proof() -> None:
    export = opened(DEVICE, "access", IdentityMethod.DEVICE)
    change = opened(DEVICE, "rectification", IdentityMethod.DEVICE, corrections={"city": "Ulm"})
    begun = opened(DEVICE, "rectification", IdentityMethod.DEVICE, corrections={"city": "Ulm"})
    fulfilment.fulfil(begun.pk, actor=OLU)
    claim("ada", clock.now())

    with pytest.raises(Conflict, match="belongs to an account by now"):
        requests.content_for_export(export, format="json", actor=OLU)
    with pytest.raises(Conflict, match="belongs to an account by now"):
        fulfilment.fulfil(change.pk, actor=OLU)
    assert work(begun).status == "identity_check"
    assert set(PrivacyRequest.objects.values_list("status", "identity_method")) == {("identity_check", "")}


def test_what_a_device_says_of_its_address_proves_nothing_about_the_account() -> None:
    apply_traits([StatedTraits(DEVICE, clock.epoch_us(), "m1", {"email": "attacker@example.com"}, True)])
    claim("ada", clock.now())

    request = requests.open_request(
        "user:ada", kind="access", regime="gdpr", actor="pk_1", contact="attacker@example.com"
    )

    with pytest.raises(Conflict, match="never saw this contact"):
        requests.new_link(request.pk, actor=OLU)


def test_of_a_shared_device_each_has_their_own_time_alone() -> None:
    now = clock.now()
    claim("ada", now - 4 * HOUR)
    claim("bo", now - 2 * HOUR)
    viewed("of-ada", now - 3 * HOUR)
    viewed("of-bo", now - HOUR)
    viewed("of-bo-logged-in", now, user_id="bo")
    person = reach_of("user:ada", proof="login", now=now)
    assert person is not None
    assert (person.subjects, list(person.shared)) == (("user:ada",), [DEVICE])
    exported = export_tables(person)["events events"]
    assert [row["properties"]["product_id"] for row in exported] == ["of-ada"]

    request = opened("user:ada", "erasure", IdentityMethod.LOGIN)
    fulfilment.fulfil(request.pk, actor=OLU)

    assert work(request).status == "completed"
    assert products() == ["of-bo", "of-bo-logged-in"]
    assert list(CustomerLink.objects.values_list("user_id", flat=True)) == ["bo"]
    assert not ErasureMark.objects.filter(mark=mark_of(DEVICE)).exists()  # what comes from it is of Bo now
