"""Sign-ins, sign-outs and failures on the audit log.

Django announces these only through signals, so this room listens to them.
"""

from typing import Any

from django.contrib.auth import signals
from django.dispatch import receiver
from django.http import HttpRequest

from access.models import User
from access.throttles import address_of
from audit.services import record


@receiver(signals.user_logged_in)
def signed_in(sender: Any, request: HttpRequest, user: User, **more: Any) -> None:
    """Record a sign-in."""
    _record("user.signed_in", f"staff:{user.pk}", f"user:{user.pk}", _origin(request))


@receiver(signals.user_logged_out)
def signed_out(sender: Any, request: HttpRequest, user: User | None, **more: Any) -> None:
    """Record a sign-out."""
    if user is not None:
        _record("user.signed_out", f"staff:{user.pk}", f"user:{user.pk}", _origin(request))


@receiver(signals.user_login_failed)
def sign_in_refused(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **more: Any) -> None:
    """Record a refused sign-in. The name is kept in the erasable detail, because anything may be typed there."""
    name = str(credentials.get("username", ""))[:150]
    _record("user.sign_in_refused", "visitor:admin", "user:unknown", {"username": name, **_origin(request)})


def _origin(request: HttpRequest | None) -> dict[str, str]:
    if request is None:
        return {}
    return {"ip": address_of(request), "user_agent": request.headers.get("User-Agent", "")[:500]}


def _record(action: str, actor: str, about: str, detail: dict[str, str]) -> None:
    record(category="access", action=action, actor=actor, object=about, detail=detail)
