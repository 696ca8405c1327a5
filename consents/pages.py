"""The shopper's page of an identity check, behind a one-time link. It tells nobody whom it is about."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from consents.services.requests import confirm_identity, is_live_link


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for one click, and take it as the proof of identity. A link that is unknown, used or old gets one answer."""
    if request.method == "POST" and confirm_identity(token):
        return _page(request, "done")
    if request.method != "POST" and is_live_link(token):
        return _page(request, "ask")
    return _page(request, "dead", status=404)


def _page(request: HttpRequest, step: str, status: int = 200) -> HttpResponse:
    return render(request, "consents/confirm.html", {"step": step}, status=status)
