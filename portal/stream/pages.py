"""The pages of the event stream, for operators and storefront developers."""

from typing import Any, Final

import plotly
import redis
from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_GET, require_POST

from access.selectors import key_titles
from audit.staff import actor_of
from common import clock
from customers.masked_admin import PERSONAL_DATA
from events.services.resend import resend_alike
from events.stream import minutes
from events.types.registry import EVENT_TYPES
from portal.failed_today import midnight
from portal.permissions import NAMED_SHOPPERS, WATCH, may, staff_page
from portal.setup_blocks import event_blocks, here
from portal.stream.failures import failures
from portal.stream.filters import CHOICES, Filters, cursor_in, first_lines, next_lines
from portal.stream.hour import arrived, sections, summary
from portal.stream.line_view import LineView, Viewer

OTHER_SENDERS: Final = ("server", "consents", "no key")
"""Senders of lines besides keys: our own server, the consent API, and who sent none."""


@staff_page(WATCH)
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Show the stream, the last hour, and what was rejected or refused today."""
    filters, viewer = Filters.of(request.GET), viewer_of(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Event stream",
        "filters": filters,
        "keys": sorted({*viewer.titles.values(), *OTHER_SENDERS}),
        "verdicts": CHOICES,
        "names": sorted(EVENT_TYPES),
        "sees_ids": viewer.sees_ids,
        "plotly": reverse("admin:personalization_plotly", args=[plotly.__version__]),
    }
    try:
        cursor, views = first_lines(filters, viewer)
        hour = minutes.last_hour()
        figures = sections(hour)
        context |= {
            "cursor": cursor,
            "views": views,
            "blocks": () if views or filters.query else event_blocks(here()),
            "share": share_of(hour),
            "arrived": arrived(hour),
            "sections": figures,
            "figures": {one.slug: one.figure for one in figures},
            "failures": failures(clock.now(), viewer),
        }
    except redis.RedisError:
        context["is_down"] = True
    return render(request, "portal/stream.html", context)


@staff_page(WATCH)
@require_GET
def poll(request: HttpRequest) -> JsonResponse:
    """Answer with the lines after the cursor as HTML, the newest first. 503 while Redis does not answer."""
    filters, viewer = Filters.of(request.GET), viewer_of(request)
    cursor, views = next_lines(filters, viewer, cursor=cursor_in(request.GET))
    return JsonResponse({"cursor": cursor, "html": html_of(views), "share": share_of(minutes.last_hour(recent=2))})


@staff_page(WATCH)
@require_GET
def figures(request: HttpRequest) -> JsonResponse:
    """Answer with the figures and tables of the last hour. 503 while Redis does not answer."""
    hour = minutes.last_hour()
    hour_sections = sections(hour)
    return JsonResponse(
        {
            "figures": {one.slug: one.figure for one in hour_sections},
            "tables": {one.slug: one.table for one in hour_sections},
            "arrived": f"{arrived(hour)}.",
        }
    )


@staff_page(WATCH)
@require_POST
def send_again(request: HttpRequest) -> HttpResponse:
    """Send a group of today's rejected events through the collection API again."""
    group = {name: request.POST.get(name, "") for name in ("reason", "field", "source")}
    accepted, rejected = resend_alike(**group, since=midnight(clock.now()), actor=actor_of(request))
    if accepted:
        messages.success(request, f"{accepted} accepted.")
    if rejected:
        messages.warning(request, refused_once_more(rejected, may_look=may(request.user, "events.view_setaside")))
    if not accepted and not rejected:
        messages.info(request, "None of these is left to be sent again.")
    return HttpResponseRedirect(reverse("portal:stream") + "#failures")


def refused_once_more(count: int, *, may_look: bool) -> str:
    """Return the message about events that were refused again, with the list of those for who may see it."""
    if not may_look:
        return f"{count} refused once more."
    link = reverse("admin:events_setaside_changelist") + "?sent=refused"
    return format_html('{} refused once more: <a href="{}">see why</a>.', count, link)


def viewer_of(request: HttpRequest) -> Viewer:
    """Return what the person of the request may see."""
    return Viewer(
        sees_ids=may(request.user, NAMED_SHOPPERS),
        sees_names=may(request.user, PERSONAL_DATA),
        titles=key_titles(),
        secret=f"stream {settings.SECRET_KEY}",
    )


def share_of(hour: dict[int, dict[str, int]]) -> str:
    """Return how much of what came in lately stands in the stream."""
    recent = summary(hour)
    return f"{recent.lines_shown:,} of {recent.lines:,} shown since the last full minute"


def html_of(views: list[LineView]) -> str:
    """Return the lines as items of the page's list."""
    return "".join(render_to_string("portal/stream_line.html", {"view": view}) for view in views)
