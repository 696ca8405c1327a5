"""Which collected fields something reads, and which nothing does: the officer's list for data minimization."""

from typing import Any, Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from common import clock
from events.allowed_fields import field_list
from events.collected_fields import CollectedField, FieldSample, collected_fields
from events.dropped_fields import dropped_fields
from events.field_list import PRODUCT
from events.types.base import KINDS, Kind
from portal.compliance.record_page import SEE
from portal.permissions import staff_page
from portal.sections import Section, answer

WHY: Final = {"unlisted": "no purpose needs it", "refused": "the shopper does not allow its purposes"}
MOST_DROPPED: Final = 200
PATHS: Final = {"products": PRODUCT}
COLUMNS: Final = ("Event", "Field", "Events with it", "Of its events")


@require_safe
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the fields of a sample: read by nothing, known and used by nothing, and read by what."""
    sample = collected_fields(now=clock.now())
    rows = _lines(sample)
    dropped, links = _dropped()
    sections = [
        Section(
            "dropped",
            "Dropped at the door",
            "Counted since seven days ago; no value was stored. What no purpose needs can be allowed: choose its name.",
            ("Field", "Why", "Events"),
            dropped,
            links=links if request.user.has_perm("events.add_allowedfield") else (),
        ),
        Section(
            "unread",
            "Read by nothing",
            "No purpose needs these: new events lose them, and those here are from before. Stop sending them, "
            "or allow them under Allowed fields.",
            COLUMNS,
            rows["unread"],
        ),
        Section(
            "standard",
            "Described by the event's type, and used by nothing yet",
            "A metric of your own may use them.",
            COLUMNS,
            rows["standard"],
        ),
        Section(
            "read",
            "Read",
            "What reads each field, and the purposes for which it is kept. A shopper must allow one of them.",
            (*COLUMNS, "Read by", "Kept for"),
            rows["read"],
        ),
    ]
    return answer(
        request, "portal/fields.html", sections, title="Collected fields", subtitle="Collected fields", sample=sample
    )


def _lines(sample: FieldSample) -> dict[str, list[tuple[Any, ...]]]:
    """Return the lines of the sample: on nobody's list, described and used by nothing yet, and read by what."""
    fields = field_list()
    lines: dict[str, list[tuple[Any, ...]]] = {"unread": [], "standard": [], "read": []}
    for one in sample.fields:
        allowances = fields.allowances(_kind(one), one.event, _path(one))
        readers = list(dict.fromkeys(each.reader for each in allowances if each.reader))
        if readers:
            purposes = sorted({purpose for each in allowances if each.reader for purpose in each.purposes})
            lines["read"].append((*_cells(one), ", ".join(readers), ", ".join(purposes)))
        else:
            lines["standard" if allowances else "unread"].append(_cells(one))
    return lines


def _dropped() -> tuple[list[tuple[str, str, str]], list[str]]:
    """Return path, reason and number of events of what was dropped, and where each of no purpose can be allowed."""
    counts = dropped_fields(now=clock.now())
    rows = [(path, WHY[why], f"{n:,}") for why in WHY for path, n in counts[why].most_common(MOST_DROPPED)]
    allow = reverse("admin:events_allowedfield_add")
    links = [f"{allow}?{urlencode({'path': path})}" if why == WHY["unlisted"] else "" for path, why, _ in rows]
    return rows, links


def _kind(one: CollectedField) -> Kind:
    if one.is_track:
        return "track"
    return one.event if one.event in KINDS else "page"


def _path(one: CollectedField) -> str:
    return f"{PATHS.get(one.part, f'{one.part}.')}{one.name}"


def _cells(one: CollectedField) -> tuple[Any, ...]:
    return (one.event or "all", _path(one), f"{one.n:,}", f"{one.n / max(1, one.total):.0%}")
