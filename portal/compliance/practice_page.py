"""The practice audit as a page, and the button that runs it now."""

from typing import Final

from celery import current_app
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from audit.staff import actor_of
from consents.selectors.practice import OBJECT, TITLES, latest_audit
from portal.compliance.record_page import SEE
from portal.links import link_of
from portal.permissions import may, staff_page
from portal.theme import staff_context

RUN: Final = "consents.fulfil_privacyrequest"
TASK: Final = "consents.audit_practice"
QUEUED: Final = "A worker compares now what the shop promises with what it does. Load the page again in a moment."


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the findings of the latest audit; POST has a worker make a new one."""
    if request.method == "POST":
        if not may(request.user, RUN):
            raise PermissionDenied(RUN)
        current_app.send_task(TASK, kwargs={"actor": actor_of(request)})
        messages.success(request, QUEUED)
        return HttpResponseRedirect(reverse("portal:practice"))
    latest = latest_audit()
    checks = [
        (title, [(one, link_of(one.page)) for one in latest.of(name)] if latest else [])
        for name, title in TITLES.items()
    ]
    context = {
        **staff_context(request, title="Practice audit", subtitle="Practice audit"),
        "latest": latest,
        "checks": checks,
        "may_run": may(request.user, RUN),
        "history": f"{reverse('admin:audit_auditevent_changelist')}?q={OBJECT}",
    }
    return render(request, "portal/practice.html", context)
