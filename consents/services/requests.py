"""The privacy desk: a request comes in, its identity check, and what staff decide about it.

The work in the stores is done by `consents.services.fulfilment`.
"""

import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from hashlib import sha256
from typing import Any, Final

from celery import current_app
from django.conf import settings
from django.db import transaction

from audit.services import record
from common import clock
from common.errors import Conflict, InvalidInput, NotFound
from consents import mail, selectors
from consents.deadlines import NO_EXTENSION, OPT_OUTS, deadlines
from consents.models import IdentityMethod, Kind, PrivacyRequest, Regime, RequestStatus
from consents.request_content import RequestContent, unseal
from consents.rules import normalize_region
from consents.services.reach import reach_of
from consents.suppression_mark import mark_of
from customers.personal import email_hash
from customers.selectors import identity_of, is_email_of

CATEGORY: Final = "privacy"
LINK_TASK: Final = "consents.send_link"
LINK_DAYS: Final = 7
CLOSING_FIELDS: Final = (
    "status", "closed_at", "sealed_content", "token_hash", "token_expires_at", "next_attempt_at", "receipt",
    "receipt_sha256",
)  # fmt: skip
MOST_CORRECTIONS: Final = 50
IDENTITY_MISSING: Final = "First it must be proven that the shopper asks."
DEVICE_LINKED: Final = "The device belongs to an account by now, so it must be proven anew who asks."
STRANGE_CONTACT: Final = (
    "The shop never saw this contact with the person, so a link sent there would prove nothing. "
    "Check the identity in another way, and record how."
)


def open_request(
    subject: str,
    *,
    kind: str,
    regime: str,
    actor: str,
    contact: str = "",
    corrections: Mapping[str, Any] | None = None,
    purposes: Sequence[str] = (),
    proof: IdentityMethod | None = None,
) -> PrivacyRequest:
    """Take a request in, also where the subject is unknown or has another one; each needs its own identity check.

    `proof` says how the request itself proves who asks; it counts only where it reaches whom the request is about
    (`reach_of`). The deadline counts from now. Raises InvalidInput.
    """
    _check(kind, corrections or {}, purposes)
    now = clock.now()
    if proof and reach_of(subject, proof=proof, now=now, kind=kind) is None:
        proof = None
    dates = deadlines(kind, regime, now, region=_region())
    content = RequestContent(subject, contact, dict(corrections or {}), list(purposes))
    with transaction.atomic():
        request = PrivacyRequest.objects.create(
            kind=kind,
            regime=regime,
            status=RequestStatus.OPEN if proof else RequestStatus.IDENTITY_CHECK,
            received_at=now,
            due_on=dates.due_on,
            acknowledge_by=dates.acknowledge_by,
            opened_by=actor,
            subject_mark=mark_of(subject),
            sealed_content=content.seal(),
            identity_method=proof or "",
            identity_at=now if proof else None,
        )
        data = {"kind": kind, "regime": regime, "due_on": dates.due_on.isoformat(), "identity": proof or "unproven"}
        _record(request, "opened", actor, data=data, detail={"contact": contact} if contact else None)
    if not proof:
        queue_link(request.pk)
    return request


def new_link(request_id: Any, *, actor: str) -> str:
    """Return the secret of a new one-time link, which replaces an earlier one.

    Raises Conflict where the contact is none that the shop knew of the person: whoever has it may be anybody.
    """
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        request, content = _locked(request_id)
        if request.status != RequestStatus.IDENTITY_CHECK:
            raise Conflict("Who asks is proven already.")
        if not is_contact_of_person(content):
            raise Conflict(STRANGE_CONTACT)
        request.token_hash = _hash(token)
        request.token_expires_at = clock.now() + timedelta(days=LINK_DAYS)
        request.save(update_fields=["token_hash", "token_expires_at"])
        _record(request, "link_made", actor)
    return token


def queue_link(request_id: Any) -> None:
    """Have a worker send the link after the commit, where there is a mail server; else staff hand it over."""
    if mail.is_possible():
        transaction.on_commit(partial(current_app.send_task, LINK_TASK, args=[str(request_id)]))


def send_link(request_id: Any) -> None:
    """Send a new one-time link to a contact that the shop knew; to any other nothing is sent. Raises mail errors."""
    content = content_of(request_or_404(request_id))
    try:
        token = new_link(request_id, actor="system:privacy")
    except Conflict:
        return
    mail.send_link(content.contact, token, days=LINK_DAYS)


def is_contact_of_person(content: RequestContent) -> bool:
    """Return whether the contact is an e-mail address that the shop knew of the person before.

    Of a person with an account, the account must have it: what a device said about itself proves nothing there.
    """
    identity = identity_of(content.subject, now=clock.now())
    owners = [f"user:{one}" for one in identity.user_ids] or [content.subject]
    return "@" in content.contact and is_email_of(owners, email_hash(content.contact))


def is_live_link(token: str) -> bool:
    """Return whether the secret opens an identity check; nothing else is told about it."""
    return bool(_of_token(token).exists())


@transaction.atomic
def confirm_identity(token: str) -> bool:
    """Take the one-time link as proof; return whether it was one. It works once."""
    request = _of_token(token).select_for_update().first()
    if request is None:
        return False
    request.token_hash, request.token_expires_at = "", None
    _prove(request, IdentityMethod.LINK, actor="shopper")
    return True


@transaction.atomic
def prove_by_staff(request_id: Any, *, how: str, actor: str) -> None:
    """Record that staff checked who asks, and how. Raises Conflict, InvalidInput."""
    request, _ = _locked(request_id)
    if request.status != RequestStatus.IDENTITY_CHECK:
        raise Conflict("Who asks is proven already.")
    _prove(request, IdentityMethod.STAFF, actor=actor, detail={"how": _reason(how, "how")})


def _prove(request: PrivacyRequest, method: IdentityMethod, *, actor: str, detail: Any = None) -> None:
    request.status, request.identity_method, request.identity_at = RequestStatus.OPEN, method, clock.now()
    request.save()
    _record(request, "identity_proven", actor, data={"method": str(method)}, detail=detail)


@transaction.atomic
def acknowledge(request_id: Any, *, actor: str) -> None:
    """Record that its receipt was confirmed to the shopper. Raises Conflict."""
    request, _ = _locked(request_id)
    if request.acknowledged_at is None:
        request.acknowledged_at = clock.now()
        request.save(update_fields=["acknowledged_at"])
        _record(request, "acknowledged", actor)


@transaction.atomic
def extend(request_id: Any, *, reason: str, actor: str) -> PrivacyRequest:
    """Extend the deadline, once, by the law's longest time; the shopper must have been told the reason.

    Raises Conflict after the deadline, for a second extension and for opt-outs, which have none.
    """
    request, _ = _locked(request_id)
    if request.extended_at is not None:
        raise Conflict("The deadline was extended before; that is possible once.")
    if clock.now().date() > request.due_on:
        raise Conflict("The deadline is over: the notice of an extension must come before it.")
    if request.regime == Regime.CCPA and request.kind in OPT_OUTS:
        raise Conflict(NO_EXTENSION)
    dates = deadlines(request.kind, request.regime, request.received_at, region=_region(), is_extended=True)
    request.due_on, request.extended_at = dates.due_on, clock.now()
    request.save(update_fields=["due_on", "extended_at"])
    detail = {"reason": _reason(reason, "reason")}
    _record(request, "extended", actor, data={"due_on": dates.due_on.isoformat()}, detail=detail)
    return request


@transaction.atomic
def refuse(request_id: Any, *, reason: str, actor: str) -> None:
    """Close a request without doing what it asks. Raises Conflict while it is being worked on, InvalidInput."""
    request, _ = _locked(request_id)
    if request.status == RequestStatus.IN_PROGRESS:
        raise Conflict("It is being worked on already.")
    _record(request, "refused", actor, detail={"reason": _reason(reason, "reason")})
    close(request, RequestStatus.REFUSED)


def close(request: PrivacyRequest, status: RequestStatus) -> None:
    """Close the request with its receipt, and forget who it was about; its mark stays.

    Other fields are left as they are stored: a worker's copy may be older than what staff wrote since.
    """
    request.status, request.closed_at, request.sealed_content = status, clock.now(), None
    request.token_hash, request.token_expires_at, request.next_attempt_at = "", None, None
    request.save(update_fields=CLOSING_FIELDS)


def content_of(request: PrivacyRequest) -> RequestContent:
    """Return the personal part of an open request. Raises Conflict for a closed one, which has none."""
    if request.sealed_content is None:
        raise Conflict("The request is closed.")
    return unseal(request.sealed_content)


def content_for_export(request: PrivacyRequest, *, format: str, actor: str) -> RequestContent:
    """Return whom an export is about, and record it. Raises Conflict where it is not proven who asks."""
    content = content_of(request)
    if request.identity_at is None:
        raise Conflict(IDENTITY_MISSING)
    if not add_reached(request, content):
        drop_proof(request)
        raise Conflict(DEVICE_LINKED)
    _record(request, "exported", actor, data={"format": format})
    return content


def add_reached(request: PrivacyRequest, content: RequestContent) -> bool:
    """Add the ids that the proof reaches now, all of the person while there is none; return whether it still counts."""
    person = reach_of(content.subject, proof=request.identity_method, now=clock.now(), kind=request.kind)
    if person is not None:
        content.add(person)
    return person is not None


def drop_proof(request: PrivacyRequest) -> None:
    """Ask anew who asks: the device came to an account after it had proven itself."""
    request.status, request.identity_method, request.identity_at = RequestStatus.IDENTITY_CHECK, "", None
    request.next_attempt_at = None
    request.save(update_fields=["status", "identity_method", "identity_at", "next_attempt_at"])
    _record(request, "identity_lost", "system:privacy")


def request_or_404(request_id: Any) -> PrivacyRequest:
    """Return the request. Raises NotFound."""
    request = PrivacyRequest.objects.filter(pk=request_id).first()
    if request is None:
        raise NotFound("There is no such request.")
    return request


def _locked(request_id: Any) -> tuple[PrivacyRequest, RequestContent]:
    request = PrivacyRequest.objects.select_for_update().filter(pk=request_id).first()
    if request is None:
        raise NotFound("There is no such request.")
    return request, content_of(request)


def _of_token(token: str) -> Any:
    return PrivacyRequest.objects.filter(
        token_hash=_hash(token), token_expires_at__gt=clock.now(), status=RequestStatus.IDENTITY_CHECK
    )


def _hash(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _region() -> str:
    return normalize_region(settings.CONSENT_DEFAULT_REGION) or ""


def _reason(text: str, field: str) -> str:
    if not text.strip():
        raise InvalidInput.of(field, "must say it in words")
    return text.strip()


def _check(kind: str, corrections: Mapping[str, Any], purposes: Sequence[str]) -> None:
    if kind == Kind.RECTIFICATION and not 0 < len(corrections) <= MOST_CORRECTIONS:
        raise InvalidInput.of("corrections", f"must name 1 to {MOST_CORRECTIONS} attributes with their right values")
    if kind != Kind.RECTIFICATION and corrections:
        raise InvalidInput.of("corrections", "belong to a rectification")
    if kind != Kind.OBJECTION and purposes:
        raise InvalidInput.of("purposes", "belong to an objection")
    optional = {name for name, terms in selectors.terms().items() if not terms.essential}
    if unknown := sorted(set(purposes) - optional):
        raise InvalidInput.of("purposes", f"{unknown[0]} is not a purpose; there are {', '.join(sorted(optional))}")


def _record(request: PrivacyRequest, verb: str, actor: str, *, data: Any = None, detail: Any = None) -> None:
    record(
        category=CATEGORY,
        action=f"privacyrequest.{verb}",
        actor=actor,
        object=f"privacyrequest:{request.pk}",
        subject=content_of(request).subject,
        data=data,
        detail=detail,
    )
