"""Work on privacy requests, store by store, in a worker. A request is completed once every store is verified.

An attempt may be killed at any moment: the next one begins where its rows say. A request is leased while an attempt
works on it. Erasure takes two attempts at least: the second one finds what was on its way during the first.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from typing import Any, Final

from celery import current_app
from django.db import transaction
from django.db.models import F

from audit.services import record
from common import clock, privacy
from common.errors import Conflict
from consents import selectors
from consents.models import Kind, PrivacyRequest, RequestStatus, StoreState, StoreStep
from consents.receipts import digest_of, receipt_of
from consents.request_content import RequestContent
from consents.services import decide_for
from consents.services.requests import (
    CATEGORY,
    DEVICE_LINKED,
    IDENTITY_MISSING,
    add_reached,
    close,
    content_of,
    drop_proof,
    request_or_404,
)
from consents.services.suppression import keep_in_file, suppress

TASK: Final = "consents.work_on_request"
SETTLE_SECONDS: Final = 4
"""What was judged before the mark is in every store after this time: a request waits at most two seconds for Redis."""
LEASE: Final = timedelta(minutes=10)
FIRST_RETRY: Final = timedelta(minutes=1)
LONGEST_RETRY: Final = timedelta(hours=1)
LONGEST_ERROR: Final = 300
DECISIONS: Final = "consents"
WAS_ERASED: Final = (StoreState.ERASED, StoreState.VERIFIED)
log = logging.getLogger(__name__)


def search(request_id: Any) -> None:
    """Have a worker look what each store holds about the shopper. Raises Conflict, NotFound."""
    request = request_or_404(request_id)
    content_of(request)
    if request.status == RequestStatus.IN_PROGRESS:
        raise Conflict("It is being worked on already.")
    PrivacyRequest.objects.filter(pk=request.pk).update(searched_at=None)
    _due_in(request, 0)


def fulfil(request_id: Any, *, actor: str) -> None:
    """Have a worker do what the request asks; later events of a shopper to be erased are refused from now on.

    Raises Conflict where it is not proven who asks, or where it is being worked on, and redis errors.
    """
    with transaction.atomic():
        request = PrivacyRequest.objects.select_for_update().get(pk=request_or_404(request_id).pk)
        if request.status != RequestStatus.OPEN:
            raise Conflict(IDENTITY_MISSING if not request.identity_at else "It is being worked on, or closed.")
        content = content_of(request)
        if is_reached := add_reached(request, content):
            request.status, request.sealed_content = RequestStatus.IN_PROGRESS, content.seal()
            request.save()
            _record(request, f"{request.kind}.requested", actor=actor, subject=content.subject)
            _due_in(request, 0 if request.kind != Kind.ERASURE else SETTLE_SECONDS)
        else:
            drop_proof(request)
    if not is_reached:
        raise Conflict(DEVICE_LINKED)
    if request.kind == Kind.ERASURE:
        suppress(content.person.subjects)


def try_again(request_id: Any) -> None:
    """Have a worker try again now. Raises Conflict where nothing is to be done."""
    request = request_or_404(request_id)
    if request.status != RequestStatus.IN_PROGRESS:
        raise Conflict("Nothing waits for another attempt.")
    _due_in(request, 0)


def work_on_due() -> int:
    """Work on all requests that are due, as after a failure or a killed worker; return how many those were."""
    due = list(PrivacyRequest.objects.filter(next_attempt_at__lte=clock.now()).values_list("pk", flat=True))
    for request_id in due:
        work_on(request_id)
    return len(due)


def work_on(request_id: Any) -> None:
    """Make one attempt at a request, if it is due and nobody else works on it. A second message does no harm."""
    now = clock.now()
    due = PrivacyRequest.objects.filter(pk=request_id, closed_at=None, next_attempt_at__lte=now)
    if not due.update(next_attempt_at=now + LEASE, attempts=F("attempts") + 1):
        return
    request = PrivacyRequest.objects.get(pk=request_id)
    content = content_of(request)
    # An erasure that began goes on with the ids that it began with; everything else needs a proof that still counts.
    is_reached = add_reached(request, content) or request.kind == Kind.ERASURE
    if not is_reached and request.status == RequestStatus.IN_PROGRESS:
        drop_proof(request)
        return
    request.sealed_content = content.seal()
    # Staff may have refused it since it was read: what they closed has forgotten whom it was about.
    if not PrivacyRequest.objects.filter(pk=request.pk, closed_at=None).update(sealed_content=request.sealed_content):
        return
    if request.searched_at is None and not _search(request, content):
        _plan_next(request)
    elif request.status != RequestStatus.IN_PROGRESS:
        PrivacyRequest.objects.filter(pk=request.pk).update(next_attempt_at=None)
    else:
        _continue(request, content)


def _continue(request: PrivacyRequest, content: RequestContent) -> None:
    status = RequestStatus.COMPLETED if is_known(request) else RequestStatus.NO_DATA
    # Nothing is there to correct; but who may come yet can object, and the traces of the request itself are erased.
    if (status == RequestStatus.NO_DATA and request.kind == Kind.RECTIFICATION) or _WORK[Kind(request.kind)](
        request, content
    ):
        _finish(request, content, status)
    else:
        _plan_next(request)


def is_known(request: PrivacyRequest) -> bool:
    """Return whether any store holds something about the shopper, besides what the request itself left on a log."""
    logs = [store.name for store in privacy.stores() if store.is_log]
    steps = request.steps.exclude(store__in=logs)
    return any(holding["count"] for step in steps for holding in step.holdings)


def _search(request: PrivacyRequest, content: RequestContent) -> bool:
    """Write what each store holds; return whether all of them answered."""
    steps = [_step(request, store) for store in privacy.stores()]
    answers = [
        _attempt(step, content, partial(_note_holdings, step, store, content.person))
        for step, store in zip(steps, privacy.stores(), strict=True)
    ]
    if all(answers):
        request.searched_at = clock.now()
        request.save(update_fields=["searched_at"])
    return all(answers)


def _note_holdings(step: StoreStep, store: privacy.Store, person: privacy.Person) -> None:
    step.holdings = [asdict(holding) for holding in store.discover(person) if holding.count]
    step.state = StoreState.PENDING


def _erase(request: PrivacyRequest, content: RequestContent) -> bool:
    """Erase in every store and verify it; return whether nothing is left anywhere.

    The file has the marks first: a backup that is restored halfway must not bring the shopper back. The stores of proof
    come last, and only once all others are empty.
    """
    suppress(content.person.subjects)  # devices may have been linked meanwhile
    proofs, _ = StoreStep.objects.get_or_create(request=request, store=DECISIONS)
    if not _attempt(proofs, content, partial(keep_in_file, content.person.subjects)):
        return False
    stores = privacy.stores()
    # What is written from a first store is erased again whenever that one was.
    again = any(_step(request, store).state not in WAS_ERASED for store in stores if store.first)
    others = [_erase_in(request, store, content, again=again) for store in stores if not store.last]
    if not all(others):
        return False
    last = [_erase_in(request, store, content) for store in stores if store.last]
    return all(last)


def _erase_in(request: PrivacyRequest, store: privacy.Store, content: RequestContent, *, again: bool = False) -> bool:
    step = _step(request, store)
    step.state = StoreState.PENDING if again else step.state
    _attempt(step, content, partial(_erase_and_verify, step, store, content.person))
    return step.state == StoreState.VERIFIED


def _erase_and_verify(step: StoreStep, store: privacy.Store, person: privacy.Person) -> None:
    remaining, was_erased = store.verify(person), step.state in WAS_ERASED
    if remaining or not was_erased:
        step.erased += store.erase(person)
        remaining, was_erased = store.verify(person), store.last
    step.remaining = remaining
    if remaining:
        raise RuntimeError(f"{remaining} records are still there")
    step.state = StoreState.VERIFIED if was_erased else StoreState.ERASED


def _rectify(request: PrivacyRequest, content: RequestContent) -> bool:
    answers = [
        _attempt(_step(request, store), content, partial(store.rectify, content.person, content.corrections))
        for store in privacy.stores()
        if store.rectify
    ]
    return all(answers)


def _stop_using(request: PrivacyRequest, content: RequestContent) -> bool:
    """Refuse the purposes on all ids of the shopper, as a decision of their own."""
    terms = selectors.terms()
    optional = [name for name, one in terms.items() if not one.essential]
    sales = [name for name in optional if terms[name].sale_or_share]
    purposes = content.purposes or (sales if _is_opt_out(request) else optional)
    step, _ = StoreStep.objects.get_or_create(request=request, store=DECISIONS)
    return _attempt(step, content, partial(_refuse_purposes, content, purposes))


def _is_opt_out(request: PrivacyRequest) -> bool:
    return request.regime == "ccpa" and request.kind == Kind.OBJECTION


def _refuse_purposes(content: RequestContent, purposes: list[str]) -> None:
    for raw_id in content.person.subjects:
        decide_for(raw_id, decisions=dict.fromkeys(purposes, False), actor="system:privacy", source="privacy request")


def _answer(request: PrivacyRequest, content: RequestContent) -> bool:
    """Note that the shopper has the data: staff say so after they handed the files over."""
    return True


_WORK: Final[dict[Kind, Callable[[PrivacyRequest, RequestContent], bool]]] = {
    Kind.ACCESS: _answer,
    Kind.PORTABILITY: _answer,
    Kind.ERASURE: _erase,
    Kind.RECTIFICATION: _rectify,
    Kind.RESTRICTION: _stop_using,
    Kind.OBJECTION: _stop_using,
}


def _attempt(step: StoreStep, content: RequestContent, work: Callable[[], None]) -> bool:
    """Run one store's work and save its step; return whether it succeeded. Work that sets no state leaves it pending.

    Whatever a store raises is that store's failure: it is shown and tried again, and the others go on.
    """
    step.error, step.at = "", clock.now()
    step.state = StoreState.PENDING if step.state == StoreState.FAILED else step.state
    try:
        work()
    except Exception as error:  # noqa: BLE001
        message = content.without_ids(f"{type(error).__name__}: {error}")[:LONGEST_ERROR]
        step.state, step.error = StoreState.FAILED, message
        log.warning(
            "privacy.store_failed request=%s store=%s error=%s", step.request_id, step.store, type(error).__name__
        )
        _record(step.request, "privacyrequest.store_failed", data={"store": step.store, "error": type(error).__name__})
    step.save()
    return step.state != StoreState.FAILED


def _finish(request: PrivacyRequest, content: RequestContent, status: RequestStatus) -> None:
    with transaction.atomic():
        # Staff may have extended it during the attempt.
        request.refresh_from_db(fields=["due_on"], from_queryset=PrivacyRequest.objects.select_for_update())
        request.receipt = receipt_of(request, content, status=status, at=clock.now())
        request.receipt_sha256 = digest_of(request.receipt)
        close(request, status)
        # Of an erased shopper no id is named any more: it would make new keys.
        subject = None if request.kind == Kind.ERASURE else content.subject
        counts = {step.store: step.erased for step in request.steps.all()}
        data = {"status": str(status), "erased": counts, "receipt_sha256": request.receipt_sha256}
        _record(request, f"{request.kind}.completed", subject=subject, data=data)
        if request.kind == Kind.ERASURE and status == RequestStatus.COMPLETED:
            transaction.on_commit(privacy.follow_erasure)


def _plan_next(request: PrivacyRequest) -> None:
    """Set the next attempt: soon if the last one only waits to be verified, later and later after failures."""
    if request.steps.filter(state=StoreState.FAILED).exists():
        _due_in(request, min(FIRST_RETRY * 2 ** min(request.attempts - 1, 10), LONGEST_RETRY).total_seconds())
    else:
        _due_in(request, SETTLE_SECONDS)


def _due_in(request: PrivacyRequest, seconds: float) -> None:
    """Make the request due after some seconds. The minutely task works on it should the message get lost."""
    due_at = clock.now() + timedelta(seconds=seconds)
    PrivacyRequest.objects.filter(pk=request.pk, closed_at=None).update(next_attempt_at=due_at)
    send = partial(current_app.send_task, TASK, args=[str(request.pk)], countdown=seconds)
    transaction.on_commit(send)


def _step(request: PrivacyRequest, store: privacy.Store) -> StoreStep:
    return StoreStep.objects.get_or_create(request=request, store=store.name)[0]


def _record(
    request: PrivacyRequest, action: str, *, actor: str = "system:privacy", subject: str | None = None, data: Any = None
) -> None:
    record(
        category=CATEGORY,
        action=action,
        actor=actor,
        object=f"privacyrequest:{request.pk}",
        subject=subject,
        data=data,
    )
