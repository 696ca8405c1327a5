"""A waiver needs two persons, a reason and an expiry; it lets a refused version go live, audited."""

from contextlib import suppress
from datetime import timedelta
from threading import Barrier, BrokenBarrierError, Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from access.accounts import note_change
from audit.selectors import entries, read_detail
from common import clock
from common.errors import Conflict, Forbidden, InvalidInput
from modelops.models import ModelState, ModelVersion, ModelWaiver
from modelops.selectors.registry import waiver_waits
from modelops.services import registry
from modelops.services.registry import promote, register, roll_back
from modelops.services.waivers import approve_waiver, close_waiver, request_waiver
from tests.modelops.releases import judged_version, passed_version
from tests.recsys.furniture import model
from tests.recsys.planted import (
    case,
    harmless,
    slow,
    usual,
)
from tests.staff import person, staff

ROLLED_BACK = "model.rolled_back"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


@pytest.fixture
def ada(stocked_shop: None) -> Any:
    return person("ada", "add_modelwaiver", "approve_modelwaiver")


@pytest.fixture
def bo(stocked_shop: None) -> Any:
    return person("bo", "approve_modelwaiver")


@pytest.fixture
def failed_version(stocked_shop: None) -> ModelVersion:
    return judged_version(model(("popular",)), case(slow(usual()), usual()))


def request(version: ModelVersion, by: Any, *, days: int = 7) -> ModelWaiver:
    return request_waiver(version.version, by=by, reason="The new search needs it.", days=days)


def test_waiver_by_two_persons_is_audited(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    waiver = request(failed_version, ada)
    approve_waiver(waiver.pk, by=bo)

    assert promote(failed_version.version, actor=f"staff:{ada.pk}").state == ModelState.CHAMPION

    by_action = {event.action: event for event in entries(object=f"model_version:{failed_version.version}")}
    assert by_action["waiver.requested"].actor == f"staff:{ada.pk}"
    assert read_detail(by_action["waiver.requested"].id) == {"reason": "The new search needs it."}
    assert by_action["waiver.approved"].actor == f"staff:{bo.pk}"
    promoted = by_action["model.promoted"].data
    assert (promoted["waiver"], promoted["failed"]) == (waiver.pk, ["latency"])
    assert (promoted["requested_by"], promoted["approved_by"]) == (f"staff:{ada.pk}", f"staff:{bo.pk}")
    with pytest.raises(Conflict, match="needs no waiver"):  # it is live
        request(failed_version, ada)


def test_waiver_page_names_persons_without_links(failed_version: ModelVersion, ada: Any) -> None:
    waiver = request(failed_version, ada)
    door = reverse("admin:modelops_modelwaiver_change", args=[waiver.pk])

    page = staff("dee", "data scientist").get(door).content.decode()

    assert ("ada" in page, "/access/user/" in page) == (True, False)


def test_requester_cannot_approve(failed_version: ModelVersion, ada: Any) -> None:
    waiver = request(failed_version, ada)

    with pytest.raises(Conflict, match="two persons"):
        approve_waiver(waiver.pk, by=ada)
    with pytest.raises(Conflict, match="two persons"):
        promote(failed_version.version, actor=f"staff:{ada.pk}")
    failed_version.refresh_from_db()
    assert failed_version.state == ModelState.REFUSED


def test_whoever_sets_up_an_account_takes_no_second_part(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    manager, role = staff("mona", "account manager"), Group.objects.get(name="compliance officer")
    cy, waiver = person("cy"), request(failed_version, ada)
    word = {"password1": "new horse battery", "password2": "new horse battery", "usable_password": "true"}

    form = {"username": "cy", "is_active": "on", "is_staff": "on", "groups": role.pk}
    given = manager.post(reverse("admin:access_user_change", args=[cy.pk]), form)
    password = manager.post(reverse("admin:auth_user_password_change", args=[bo.pk]), word)

    assert (given.status_code, password.status_code) == (302, 302)
    for one in (type(cy).objects.get(pk=cy.pk), type(bo).objects.get(pk=bo.pk)):
        assert one.has_perm("modelops.approve_modelwaiver")
        with pytest.raises(Forbidden, match="second person must confirm"):
            approve_waiver(waiver.pk, by=one)
    assert not [
        event for event in entries(object=f"model_version:{failed_version.version}") if "approved" in event.action
    ]


def test_an_unconfirmed_account_asks_for_no_waiver(failed_version: ModelVersion, ada: Any) -> None:
    note_change(ada.pk, actor="staff:99")
    ada.refresh_from_db()

    with pytest.raises(Forbidden, match="second person must confirm"):
        request(failed_version, ada)


def test_only_one_waiver_can_be_pending(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    waiver = request(failed_version, ada)

    with pytest.raises(Conflict, match="requested already"):
        request(failed_version, ada)
    approve_waiver(waiver.pk, by=bo)
    with pytest.raises(Conflict, match="approved already"):
        approve_waiver(waiver.pk, by=bo)
    request(failed_version, ada)


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_make_one_waiver(
    failed_version: ModelVersion, ada: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, answers = Barrier(2), list[int | None]()

    def together(*version: Any, **kwargs: Any) -> bool:
        waits = waiver_waits(*version, **kwargs)
        with suppress(BrokenBarrierError):
            both.wait(0.5)
        return waits

    def ask() -> None:
        try:
            answers.append(request(failed_version, ada).pk)
        except Conflict:
            answers.append(None)
        connection.close()

    monkeypatch.setattr("modelops.services.waivers.waiver_waits", together)
    clicks = [Thread(target=ask) for _ in range(2)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join()

    assert sorted(answers, key=str) == [ModelWaiver.objects.get().pk, None]


def test_approver_and_requester_can_close_a_waiver(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    declined = request(failed_version, ada)

    with pytest.raises(Forbidden):
        close_waiver(declined.pk, by=person("cy", "add_modelwaiver"))
    close_waiver(declined.pk, by=bo)
    with pytest.raises(Conflict, match="was closed"):
        approve_waiver(declined.pk, by=bo)
    taken_back = request(failed_version, ada)  # the one before stands in nobody's way
    close_waiver(taken_back.pk, by=ada)
    with pytest.raises(Conflict, match="was closed"):
        close_waiver(taken_back.pk, by=bo)

    closed = [
        event for event in entries(object=f"model_version:{failed_version.version}") if event.action == "waiver.closed"
    ]
    assert {(event.actor, event.data["waiver"]) for event in closed} == {
        (f"staff:{bo.pk}", declined.pk),
        (f"staff:{ada.pk}", taken_back.pk),
    }


def test_requester_can_close_without_approve_permission(failed_version: ModelVersion) -> None:
    dee = person("dee", "add_modelwaiver")
    waiver = request(failed_version, dee)

    close_waiver(waiver.pk, by=dee)

    assert ModelWaiver.objects.get().closed_by == dee


def test_closed_waiver_permits_no_promotion(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    waiver = request(failed_version, ada)
    approve_waiver(waiver.pk, by=bo)
    close_waiver(waiver.pk, by=ada)

    with pytest.raises(Conflict, match="two persons"):
        promote(failed_version.version, actor=f"staff:{ada.pk}")


@pytest.mark.parametrize("lead", ["promote", "roll_back"])
@pytest.mark.django_db(transaction=True)
def test_closing_waits_for_a_running_promotion(
    lead: str, failed_version: ModelVersion, ada: Any, bo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiver = request(failed_version, ada)
    approve_waiver(waiver.pk, by=bo)
    if lead == "roll_back":
        promote(failed_version.version, actor="staff:1")
        promote(passed_version(model(("popular",))), actor="staff:1")
    check = registry._check_artifact

    def close() -> None:
        close_waiver(waiver.pk, by=ada)
        connection.close()

    closing = Thread(target=close)

    def slowly(row: ModelVersion) -> None:
        closing.start()
        until_it_waits(closing)
        check(row)

    monkeypatch.setattr(registry, "_check_artifact", slowly)
    live = promote(failed_version.version, actor="staff:1") if lead == "promote" else roll_back(actor="staff:1")
    closing.join()

    newest, before, *_ = entries(object=f"model_version:{failed_version.version}")
    led = {"promote": "model.promoted", "roll_back": ROLLED_BACK}[lead]
    assert (newest.action, before.action) == ("waiver.closed", led)
    assert live.version == failed_version.version


@pytest.mark.django_db(transaction=True)
def test_promotion_waits_for_a_running_close(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    waiver, errors = request(failed_version, ada), list[str]()
    approve_waiver(waiver.pk, by=bo)

    def late() -> None:
        try:
            promote(failed_version.version, actor="staff:1")
        except Conflict as error:
            errors.append(str(error.detail))
        connection.close()

    promoting = Thread(target=late)
    with transaction.atomic():
        close_waiver(waiver.pk, by=ada)
        promoting.start()
        until_it_waits(promoting)
    promoting.join()

    assert errors == [f"{failed_version.version} was refused: {failed_version.refusal}. A waiver takes two persons."]
    failed_version.refresh_from_db()
    assert failed_version.state == ModelState.REFUSED


def until_it_waits(other: Thread) -> None:
    """Return once the other thread waits for this transaction's locks, or has ended."""
    waits = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))"
    with connection.cursor() as cursor:
        is_waiting = False
        while other.is_alive() and not is_waiting:
            cursor.execute(waits)
            ((is_waiting,),) = cursor.fetchall()


def test_database_enforces_two_persons_and_thirty_days(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    waiver = request(failed_version, ada)
    now = clock.now()
    forbidden: list[dict[str, Any]] = [
        {"approved_by": ada, "approved_at": now},
        {"approved_by": bo},
        {"closed_by": bo},
        {"expires_at": now + timedelta(days=31)},
        {"reason": ""},
    ]

    for change in forbidden:
        with pytest.raises(IntegrityError), transaction.atomic():
            ModelWaiver.objects.filter(pk=waiver.pk).update(**change)


def test_expired_waiver_permits_no_promotion(
    failed_version: ModelVersion, ada: Any, bo: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiver = request(failed_version, ada, days=1)
    approve_waiver(waiver.pk, by=bo)

    monkeypatch.setattr(clock, "now", lambda: waiver.expires_at + timedelta(seconds=1))
    with pytest.raises(Conflict, match="refused"):
        promote(failed_version.version, actor=f"staff:{bo.pk}")
    with pytest.raises(Conflict, match="has run out"):
        close_waiver(waiver.pk, by=ada)


def test_of_two_valid_waivers_the_last_to_expire_is_used(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    long = request(failed_version, ada, days=20)
    approve_waiver(long.pk, by=bo)
    approve_waiver(request(failed_version, ada, days=2).pk, by=bo)

    promote(failed_version.version, actor=f"staff:{ada.pk}")

    page = staff("dee", "data scientist").get("/admin/").content.decode()
    assert f"live by a waiver until {long.expires_at:%Y-%m-%d %H:%M} UTC" in page
    promoted = next(
        one for one in entries(object=f"model_version:{failed_version.version}") if one.action == "model.promoted"
    )
    assert promoted.data["waiver"] == long.pk


def test_request_and_approval_need_permissions(failed_version: ModelVersion, ada: Any, bo: Any) -> None:
    with pytest.raises(Forbidden):
        request(failed_version, bo)
    with pytest.raises(Forbidden):
        approve_waiver(request(failed_version, ada).pk, by=person("cy"))


def test_waiver_needs_reason_days_and_failed_gate(failed_version: ModelVersion, ada: Any) -> None:
    passed = passed_version(model(("popular",)))
    unjudged = register(model(("popular",)), report={}, actor="system:training")

    with pytest.raises(InvalidInput, match="^reason: "):
        request_waiver(failed_version.version, by=ada, reason=" ", days=7)
    for days in (0, 31):
        with pytest.raises(InvalidInput, match="^days: .*30 days"):
            request(failed_version, ada, days=days)
    for version in (passed, unjudged.version):
        with pytest.raises(Conflict, match="needs no waiver"):
            request_waiver(version, by=ada, reason="x", days=7)
    assert not ModelWaiver.objects.exists()
    assert request(failed_version, ada, days=30).expires_at > clock.now() + timedelta(days=29)


def test_pruned_version_gets_no_waiver(failed_version: ModelVersion, ada: Any) -> None:
    ModelVersion.objects.filter(pk=failed_version.pk).update(pruned_at=clock.now())

    with pytest.raises(Conflict, match="cannot go live any more"):
        request(failed_version, ada)
    assert not ModelWaiver.objects.exists()


def test_roll_back_skips_version_with_closed_waiver(ada: Any, bo: Any) -> None:
    first = judged_version(model(("popular",)), harmless())
    promote(first.version, actor="staff:1")
    failed_version = judged_version(model(("popular",)), case(slow(usual()), usual()))
    waiver = request(failed_version, ada)
    approve_waiver(waiver.pk, by=bo)
    promote(failed_version.version, actor="staff:1")
    third = judged_version(model(("popular",)), harmless())
    promote(third.version, actor="staff:1")

    close_waiver(waiver.pk, by=ada)

    assert roll_back(actor="staff:1").version == first.version


def test_roll_back_uses_the_existing_waiver(ada: Any, bo: Any) -> None:
    first = judged_version(model(("popular",)), case(slow(usual()), usual()))
    approve_waiver(request(first, ada).pk, by=bo)
    promote(first.version, actor="staff:1")
    second = judged_version(model(("popular",)), harmless())
    promote(second.version, actor="staff:1")

    assert roll_back(actor="staff:1").version == first.version
    errors = next(entry for entry in entries(object=f"model_version:{first.version}") if entry.action == ROLLED_BACK)
    assert (errors.data["failed"], errors.data["approved_by"]) == (["latency"], f"staff:{bo.pk}")
