"""The privacy desk: intake, identity, and work in stores of which one may fail."""

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import transaction

from audit.selectors import entries, entries_about
from common import clock, privacy, redis
from common.errors import Conflict, InvalidInput
from consents import cache
from consents.models import ErasureMark, IdentityMethod, PrivacyRequest, RequestStatus, StoreStep
from consents.personal_places import REQUESTS
from consents.receipts import digest_of
from consents.selectors import person, states
from consents.services import decide_for, fulfilment, requests
from consents.services.retention import forget_old_requests
from consents.services.suppression import repair_marks
from consents.suppression_mark import mark_of
from customers.models import Customer
from customers.selectors import identity_of
from customers.services import StatedTraits, apply_traits

pytestmark = pytest.mark.django_db
OLU = "staff:7"


@pytest.fixture(autouse=True)
def sent() -> Iterator[Any]:
    """No broker: the tests make the attempts themselves."""
    with mock.patch("celery.current_app.send_task") as send:
        yield send


@pytest.fixture
def ada() -> str:
    """A shopper with an e-mail address and decisions."""
    with transaction.atomic():
        apply_traits(
            [
                StatedTraits(
                    "user:lovelace", clock.epoch_us(), "m1", {"email": "lovelace@example.com", "city": "Ulm"}, True
                )
            ]
        )
    decide_for("user:lovelace", decisions={"personalization": True, "analytics": True}, actor="test")
    return "user:lovelace"


def opened(subject: str, kind: str, *, proof: IdentityMethod | None = IdentityMethod.LOGIN, **more: Any) -> Any:
    return requests.open_request(subject, kind=kind, regime="gdpr", actor="sk_1", proof=proof, **more)


def work(request: Any, attempts: int = 3) -> PrivacyRequest:
    """Make attempts until the request is closed, as a worker does over time."""
    for _ in range(attempts):
        PrivacyRequest.objects.filter(pk=request.pk).exclude(next_attempt_at=None).update(next_attempt_at=clock.now())
        fulfilment.work_on(request.pk)
    return PrivacyRequest.objects.get(pk=request.pk)


def done(request: Any, attempts: int = 3) -> PrivacyRequest:
    fulfilment.fulfil(request.pk, actor=OLU)
    return work(request, attempts)


def failing(name: str) -> Any:
    """Have one store fail with a message that names the shopper."""
    stores = tuple(
        privacy.Store(
            store.name,
            erase=mock.Mock(side_effect=OSError("user lovelace: connection refused")),
            export=store.export,
            discover=store.discover,
        )
        if store.name == name
        else store
        for store in privacy.stores()
    )
    return mock.patch("common.privacy.stores", return_value=stores)


def test_an_erasure_is_completed_with_a_receipt_that_names_nobody(ada: str) -> None:
    request = opened(ada, "erasure", contact="lovelace@example.com")

    closed = done(request)

    assert closed.status == "completed"
    assert closed.sealed_content is None
    receipt = closed.receipt or {}
    by_store = {one["store"]: one for one in receipt["stores"]}
    assert set(by_store) == {store.name for store in privacy.stores()}
    assert by_store["customers"]["tables"] == [
        {
            "table": "customers",
            "fields": ["raw_id", "attributes", "search_tokens", "email_hash", "proven_email_hash"],
            "count": 1,
        }
    ]
    assert by_store["consents"]["erased"] == 5, "two proofs, two states, the cache"
    assert {one["remaining"] for one in by_store.values()} == {0}
    assert "lovelace" not in str(receipt)
    assert closed.receipt_sha256 == digest_of(receipt)
    assert not Customer.objects.exists()


def test_everything_is_on_record_and_no_id_in_the_clear(ada: str) -> None:
    request = opened(ada, "erasure", contact="lovelace@example.com")
    assert [one.action for one in entries_about(ada)] == ["consent.decided", "privacyrequest.opened"]

    closed = done(request)

    rows = entries(object=f"privacyrequest:{request.pk}")[::-1]
    assert [one.action for one in rows] == ["privacyrequest.opened", "erasure.requested", "erasure.completed"]
    assert rows[2].data["receipt_sha256"] == closed.receipt_sha256
    assert not any(b"lovelace" in one.body for one in rows)
    assert entries_about(ada) == []


def test_one_failed_store_keeps_the_request_open_and_says_so(ada: str) -> None:
    request = opened(ada, "erasure")

    with failing("customers"):
        still_open = done(request)

    assert still_open.status == "in_progress"
    assert still_open.closed_at is None
    assert still_open.receipt is None
    step = StoreStep.objects.get(request=request, store="customers")
    assert (step.state, step.error) == ("failed", "OSError: user …: connection refused")
    assert still_open.next_attempt_at is not None
    assert still_open.next_attempt_at > clock.now()
    assert entries(action="privacyrequest.store_failed")[0].data == {"store": "customers", "error": "OSError"}
    states_of_steps = dict(StoreStep.objects.filter(request=request).values_list("store", "state"))
    assert states_of_steps["events"] == "verified", "the others went on"
    assert {states_of_steps["audit"], states_of_steps["consents"]} == {"pending"}, "the proof goes last"

    assert work(request).status == "completed"


def test_what_is_still_there_is_a_failure(ada: str) -> None:
    request = opened(ada, "erasure")

    with mock.patch("common.privacy.stores", return_value=(_forgetful(),)):
        still_open = done(request)

    assert still_open.status == "in_progress"
    step = StoreStep.objects.get(request=request, store="shelf")
    assert (step.state, step.error, step.remaining) == ("failed", "RuntimeError: 1 records are still there", 1)


def _forgetful() -> privacy.Store:
    return privacy.Store(
        "shelf", erase=lambda _: 0, export=lambda _: {}, discover=lambda _: [privacy.Holding("rows", ("id",), 1)]
    )


def test_an_unknown_subject_ends_as_no_data(ada: str) -> None:
    for kind in ("access", "erasure", "portability"):
        assert done(opened("user:nobody", kind)).status == "no_data"
    assert done(opened("user:nobody", "rectification", corrections={"city": "Bonn"})).status == "no_data"
    assert not Customer.objects.filter(raw_id="user:nobody").exists()


def test_a_store_that_cannot_be_searched_is_no_proof_of_no_data(ada: str) -> None:
    request = opened("user:nobody", "access")
    broken = privacy.Store("shelf", erase=lambda _: 0, export=lambda _: {}, discover=mock.Mock(side_effect=OSError))

    with mock.patch("common.privacy.stores", return_value=(broken,)):
        assert done(request).status == "in_progress"

    assert work(request).status == "no_data"


def test_nothing_is_done_before_it_is_proven_who_asks_not_even_for_a_duplicate(ada: str) -> None:
    opened(ada, "access")
    duplicate = opened(ada, "access", proof=None)

    for step in (
        lambda: fulfilment.fulfil(duplicate.pk, actor=OLU),
        lambda: requests.content_for_export(duplicate, format="json", actor=OLU),
    ):
        with pytest.raises(Conflict, match="proven"):
            step()
    assert PrivacyRequest.objects.get(pk=duplicate.pk).status == "identity_check"


def test_a_one_time_link_proves_it_once_and_only_to_a_contact_that_the_shop_knew(ada: str) -> None:
    request = opened(ada, "erasure", proof=None, contact="Lovelace@example.com ")
    eve = opened(ada, "access", proof=None, contact="eve@example.com")

    token = requests.new_link(request.pk, actor=OLU)

    assert requests.is_live_link(token)
    assert not requests.confirm_identity("x" + token)
    assert requests.confirm_identity(token)
    assert not requests.confirm_identity(token)
    proven = PrivacyRequest.objects.get(pk=request.pk)
    assert (proven.status, proven.identity_method) == ("open", "link")
    with pytest.raises(Conflict, match="never saw this contact"):
        requests.new_link(eve.pk, actor=OLU)
    with pytest.raises(Conflict, match="never saw this contact"):
        requests.new_link(opened("user:nobody", "access", proof=None, contact="eve@example.com").pk, actor=OLU)


def test_an_old_link_and_a_replaced_one_are_dead(ada: str) -> None:
    request = opened(ada, "erasure", proof=None, contact="lovelace@example.com")
    first = requests.new_link(request.pk, actor=OLU)
    second = requests.new_link(request.pk, actor=OLU)

    assert not requests.confirm_identity(first)
    PrivacyRequest.objects.update(token_expires_at=clock.now())
    assert not requests.confirm_identity(second)


def test_staff_may_check_in_another_way_and_say_how(ada: str) -> None:
    request = opened(ada, "access", proof=None)

    with pytest.raises(InvalidInput):
        requests.prove_by_staff(request.pk, how=" ", actor=OLU)
    requests.prove_by_staff(request.pk, how="called back", actor=OLU)

    assert PrivacyRequest.objects.get(pk=request.pk).identity_method == "staff"
    assert entries(action="privacyrequest.identity_proven")[0].actor == OLU


@pytest.mark.django_db(transaction=True)  # as in a worker
def test_a_correction_reaches_the_customer(ada: str) -> None:
    request = opened(ada, "rectification", corrections={"city": "Bonn", "email": None})

    assert done(request).status == "completed"

    assert identity_of(ada, now=clock.now()).attributes == {"city": "Bonn"}
    with pytest.raises(InvalidInput, match="corrections"):
        opened(ada, "rectification")


@pytest.mark.parametrize(
    ("kind", "regime", "purposes", "refused"),
    [
        ("restriction", "gdpr", [], {"analytics", "personalization", "train_models", "ads_share"}),
        ("objection", "gdpr", ["train_models"], {"train_models"}),
        ("objection", "ccpa", [], {"ads_share"}),
    ],
)
def test_who_objects_is_refused_from_then_on(
    ada: str, kind: str, regime: str, purposes: list[str], refused: set[str]
) -> None:
    request = requests.open_request(
        ada, kind=kind, regime=regime, actor="sk_1", proof=IdentityMethod.LOGIN, purposes=purposes
    )

    assert done(request).status == "completed"

    decisions = person(ada).states[ada].decisions
    assert {name for name, one in decisions.items() if not one.given} >= refused
    assert Customer.objects.exists(), "stored data stay"
    if purposes or regime == "ccpa":
        assert {name for name, one in decisions.items() if not one.given} == refused


def test_a_deadline_is_extended_once_and_before_it_is_over(ada: str) -> None:
    request = opened(ada, "access")
    before = request.due_on

    assert (requests.extend(request.pk, reason="many orders", actor=OLU).due_on - before).days in range(57, 65)
    with pytest.raises(Conflict, match="once"):
        requests.extend(request.pk, reason="more", actor=OLU)
    late = opened(ada, "access")
    PrivacyRequest.objects.filter(pk=late.pk).update(due_on=clock.now().date().replace(year=2020))
    with pytest.raises(Conflict, match="over"):
        requests.extend(late.pk, reason="forgot", actor=OLU)
    opt_out = requests.open_request(ada, kind="objection", regime="ccpa", actor="sk_1")
    with pytest.raises(Conflict, match="no extension"):
        requests.extend(opt_out.pk, reason="busy", actor=OLU)


def test_what_staff_write_during_an_attempt_stays(ada: str, monkeypatch: pytest.MonkeyPatch) -> None:
    extended, refused = opened(ada, "access"), opened(ada, "access")
    fulfilment.fulfil(extended.pk, actor=OLU)
    reach = requests.add_reached
    waiting = [refused.pk]

    def refuse_first(request: PrivacyRequest, *arguments: Any) -> bool:
        if request.pk in waiting:
            requests.refuse(waiting.pop(), reason="a joke", actor=OLU)
        return reach(request, *arguments)

    monkeypatch.setattr(fulfilment, "add_reached", refuse_first)
    PrivacyRequest.objects.filter(pk=refused.pk).update(next_attempt_at=clock.now())
    fulfilment.work_on(refused.pk)
    refused.refresh_from_db()
    assert (refused.status, refused.sealed_content, waiting) == ("refused", None, [])

    stale = PrivacyRequest.objects.get(pk=extended.pk)
    due_on = requests.extend(extended.pk, reason="many orders", actor=OLU).due_on
    fulfilment._finish(stale, requests.content_of(stale), RequestStatus.COMPLETED)
    extended.refresh_from_db()
    assert (extended.due_on, extended.receipt["due_on"]) == (due_on, due_on.isoformat())
    assert extended.extended_at is not None


def test_a_refused_request_is_closed_and_forgets_whose_it_was(ada: str) -> None:
    request = opened(ada, "erasure", proof=None)

    requests.refuse(request.pk, reason="identity not proven in a month", actor=OLU)

    closed = PrivacyRequest.objects.get(pk=request.pk)
    assert (closed.status, closed.sealed_content) == ("refused", None)
    assert closed.subject_mark == mark_of(ada)
    with pytest.raises(Conflict):
        fulfilment.fulfil(request.pk, actor=OLU)


def test_two_workers_never_work_on_one_request(ada: str) -> None:
    request = opened(ada, "erasure")
    fulfilment.fulfil(request.pk, actor=OLU)
    PrivacyRequest.objects.update(next_attempt_at=clock.now())

    fulfilment.work_on(request.pk)
    attempts = PrivacyRequest.objects.get(pk=request.pk).attempts
    fulfilment.work_on(request.pk)

    assert attempts == PrivacyRequest.objects.get(pk=request.pk).attempts == 1


def test_the_minutely_task_continues_what_is_due(ada: str) -> None:
    request = opened(ada, "erasure")
    fulfilment.fulfil(request.pk, actor=OLU)
    assert fulfilment.work_on_due() == 0, "later events are let settle first"
    for _ in range(2):
        PrivacyRequest.objects.update(next_attempt_at=clock.now())
        fulfilment.work_on_due()

    assert PrivacyRequest.objects.get(pk=request.pk).status == "completed"


def test_marks_are_in_both_stores_and_heal_each_other(ada: str) -> None:
    done(opened(ada, "erasure"))
    assert states([ada])[ada].erased_at is not None

    redis.client().delete(cache.ERASED)
    assert repair_marks() == 1
    assert states([ada])[ada].erased_at is not None
    ErasureMark.objects.all().delete()
    assert repair_marks() == 1
    assert ErasureMark.objects.get().mark == mark_of(ada)
    assert repair_marks() == 0


def test_requests_are_forgotten_two_years_after_their_answer(ada: str) -> None:
    request = done(opened("user:nobody", "access"))
    assert forget_old_requests() == 0

    PrivacyRequest.objects.filter(pk=request.pk).update(closed_at=clock.now() - REQUESTS)

    assert forget_old_requests() > 0
    assert not PrivacyRequest.objects.exists()
