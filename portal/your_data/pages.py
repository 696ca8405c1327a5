"""The views of a shopper's own page. Who is not proven gets one page, whatever was wrong with the proof."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from http import HTTPStatus
from typing import Any, Final

import orjson
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.throttles import seconds_to_own_data
from audit.receipts import public_key
from audit.services import record
from common import clock, privacy
from common.errors import Conflict, InvalidInput, Throttled
from common.problems import error_page
from consents import gpc, mail
from consents.export_archive import export_archive, receipt_archive
from consents.region import region_of
from consents.selectors.exports import export_tables
from consents.selectors.purposes import newest_policy
from consents.services import own_links
from consents.services.own_erasure import ACTOR, erase_own_data, own_erasure
from consents.services.reach import reach_of
from customers.selectors import Identity, identity_of
from experiments.selectors.own_arms import own_arms
from portal.profile import live_profile
from portal.your_data import decisions, reasons, visit
from portal.your_data.tables import known_tables

POLICY: Final = "; ".join((
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "form-action 'self'",
    "base-uri 'none'", "frame-ancestors 'none'",
))  # fmt: skip
HOME: Final = "portal:your-data"
ERASED: Final = "portal:your-data-erased"
LOOKS_AGAIN: Final = timedelta(minutes=2)
"""How long the page of an erasure reloads by itself."""
View = Callable[..., HttpResponse]


def own_page(view: View) -> View:
    """Limit requests by address, and keep the answer out of caches, frames and search engines."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        wait = seconds_to_own_data(request)
        try:
            if wait:
                raise Throttled("Too many requests.", retry_after=int(wait))
            response = view(request, *args, **kwargs)
        except Throttled as error:
            detail = f"Too many requests came from here. Please try again in {error.retry_after} seconds."
            response = error_page(
                HTTPStatus.TOO_MANY_REQUESTS, "One moment, please", detail, retry_after=error.retry_after
            )
        except (InvalidInput, Conflict) as error:
            context = {"title": error.title, "detail": error.detail}
            response = render(request, "error.html", context, status=error.status)
        response["Content-Security-Policy"] = POLICY
        response["Cache-Control"] = "private, no-store"
        response["X-Robots-Tag"] = "noindex"
        gpc.vary(response)
        return response

    return guarded


def proven(view: View) -> View:
    """Pass the visit on; without one, show how to come here."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: str, **kwargs: str) -> HttpResponse:
        current = visit.visit_of(request)
        if current is None or not current.subject:
            return stranger(request)
        return view(request, current, *args, **kwargs)

    return guarded


def stranger(request: HttpRequest) -> HttpResponse:
    """Return the page for whoever is not proven: it tells nothing about anybody."""
    return _render(request, "stranger", status=403, may_mail=mail.is_possible())


@csrf_exempt
@require_POST
@own_page
def enter(request: HttpRequest) -> HttpResponse:
    """Take the proof that a form of the shop's page sends: a login, or the browser's own id."""
    current = visit.visit_from_shop(request)
    if current is None:
        response = stranger(request)
        visit.forget(response)
        return response
    response = redirect(HOME)
    response.status_code = 303
    visit.remember(response, current)
    return response


@require_POST
@own_page
def mail_link(request: HttpRequest) -> HttpResponse:
    """Mail a link to the address, if the shop knows it; the answer is the same where it does not."""
    if not mail.is_possible():
        return stranger(request)
    own_links.queue_own_link(request.POST.get("email", ""))
    return _render(request, "mailed", minutes=own_links.LINK_SECONDS // 60)


@require_http_methods(["GET", "HEAD", "POST"])
@own_page
def by_link(request: HttpRequest, secret: str) -> HttpResponse:
    """Open the page by a mailed link, after one click: programs that look into mails follow links, too."""
    if request.method != "POST":
        return _render(request, "link") if own_links.is_live_own_link(secret) else stranger(request)
    subject = own_links.use_own_link(secret)
    if subject is None:
        return stranger(request)
    response = redirect(HOME)
    visit.remember(response, visit.new_visit(subject, "link"))
    return response


@require_safe
@own_page
@proven
def home(request: HttpRequest, current: visit.Visit) -> HttpResponse:
    """Show everything. A device that belongs to an account shows its consent alone: the account must prove itself."""
    identity = identity_of(current.subject, now=clock.now())
    context: dict[str, Any] = {
        "visit": current,
        "is_device": current.proof == "device",
        "decisions": decisions.own_decisions(current.subject, request),
        "has_signal": gpc.signaled(request),
        "policy": newest_policy(),
    }
    person = _reach(current)
    if person is not None:
        context |= _about(identity, person)
    answers = {one.text["name"]: one.allowed for one in context["decisions"] if one.is_decided}
    context["choices"] = orjson.dumps(answers).decode()
    return _render(request, "page", is_locked=person is None, is_changed="changed" in request.GET, **context)


@require_POST
@own_page
@proven
def decide(request: HttpRequest, current: visit.Visit) -> HttpResponse:
    """Allow or withdraw one purpose, or all."""
    messages.success(request, decisions.decide(current.subject, request))
    return redirect(f"{reverse(HOME)}?changed=1#consent")


@require_POST
@own_page
@proven
def download(request: HttpRequest, current: visit.Visit) -> HttpResponse:
    """Send all data with a signed receipt."""
    person = _reach(current)
    if person is None:
        return stranger(request)
    tables = export_tables(person)
    content = export_archive(tables, at=clock.now())
    if tables:  # of whom nothing is known, the log learns nothing either
        record(
            category="privacy", action="own_data.downloaded", actor=ACTOR, object="own_data", subject=current.subject,
            data={"tables": len(tables)},
        )  # fmt: skip
    return _zip(content, "your-data.zip")


@require_http_methods(["GET", "HEAD", "POST"])
@own_page
@proven
def erase(request: HttpRequest, current: visit.Visit) -> HttpResponse:
    """Say what an erasure does; a POST begins it."""
    if _reach(current) is None:
        return stranger(request)
    if request.method != "POST":
        stays = [(store.name, store.note) for store in privacy.stores() if store.note]
        return _render(request, "erase", visit=current, stays=stays)
    request_id = erase_own_data(current.subject, proof=current.proof, region=region_of(request))
    response = redirect(ERASED)
    visit.remember(response, visit.new_visit("", current.proof, back=current.back, erasure=str(request_id)))
    return response


@require_safe
@own_page
def erased(request: HttpRequest) -> HttpResponse:
    """Say how far the erasure is, what went, and what stays."""
    current = visit.visit_of(request)
    erasure = own_erasure(current.erasure) if current and current.erasure else None
    if current is None or erasure is None:
        return stranger(request)
    stores = (erasure.receipt or {}).get("stores", ())
    notes = [(one["store"], one["note"]) for one in stores if one["note"]]
    is_fresh = erasure.closed_at is None and clock.now() - erasure.received_at < LOOKS_AGAIN
    return _render(request, "erased", visit=current, erasure=erasure, stores=stores, notes=notes, is_fresh=is_fresh)


@require_POST
@own_page
def receipt(request: HttpRequest) -> HttpResponse:
    """Send the signed receipt of a finished erasure."""
    current = visit.visit_of(request)
    erasure = own_erasure(current.erasure) if current and current.erasure else None
    if erasure is None or erasure.receipt is None:
        return stranger(request)
    return _zip(receipt_archive(erasure.receipt, at=clock.now()), "erasure-receipt.zip")


@require_POST
@own_page
def leave(request: HttpRequest) -> HttpResponse:
    """Close the page: its cookie goes."""
    current = visit.visit_of(request)
    response = _render(request, "left", visit=current)
    visit.forget(response)
    return response


def _about(identity: Identity, person: privacy.Person) -> dict[str, Any]:
    return {
        "identity": identity,
        "n_shared": len(person.shared),
        "tables": known_tables(person),
        "profile": live_profile(identity, now=clock.now()),
        "segments": reasons.segments_of(identity),
        "lists": reasons.explained_lists(identity),
        "arms": own_arms(person.subjects),
        "models": reasons.model_uses(identity),
        "key": _public_key(),
    }


def _reach(current: visit.Visit) -> privacy.Person | None:
    return reach_of(current.subject, proof=current.proof, now=clock.now())


def _public_key() -> str:
    try:
        return public_key()
    except ImproperlyConfigured:
        return ""


def _zip(content: bytes, name: str) -> HttpResponse:
    disposition = f'attachment; filename="{name}"'
    return HttpResponse(content, content_type="application/zip", headers={"Content-Disposition": disposition})


def _render(request: HttpRequest, name: str, *, status: int = 200, **context: Any) -> HttpResponse:
    return render(request, f"your_data/{name}.html", {"shop_name": settings.SHOP_NAME, **context}, status=status)
