"""The explorer of segments: who is in one, what differs, size over time, flows, and a map; also as CSV."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from portal import segment_figures
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.sections import Section, answer
from profiles.segments.online.features import plain_value
from profiles.selectors import segment_explorer as explorer
from profiles.selectors.segments import newest_members

SEE: Final = "profiles.view_segment"
OUTSIDE: Final = "outside"
PAGE_SIZE: Final = 50
MOST_EXPORTED: Final = 10_000
MASK: Final = "hidden"


@require_safe
@staff_page(SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """List the segments with their sizes over time and the flows between them."""
    rows = explorer.segment_rows()
    names = {row.key: row.name for row in rows}
    active = [row.key for row in rows if row.active][: segment_figures.MOST_LINES]
    sections = [
        Section(
            "segments",
            "Segments",
            "Size now, and against the same hour a day ago.",
            ("Segment", "Found by", "Members", "In a day", "Who they are", "State"),
            [
                (row.name, row.kind, row.members, _signed(row.growth), row.description, "on" if row.active else "off")
                for row in rows
            ],
            links=[reverse("portal:segment", args=[row.key]) for row in rows],
        ),
        _sizes(active, names),
        _flows(explorer.flows(), names),
    ]
    return _answer(request, "Segments", sections, fit=explorer.latest_fit(), jobs=explorer.latest_jobs())


@require_safe
@staff_page(SEE)
def map_page(request: HttpRequest) -> HttpResponse:
    """Show a sample of shoppers as points: neighbors have similar traits."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for point in explorer.segment_map():
        points[point.segment].append((point.x, point.y))
    ordered = dict(sorted(points.items(), key=lambda item: -len(item[1])))
    section = Section(
        "map",
        "Map of shoppers",
        f"Up to {explorer.MAP_SAMPLE} random shoppers. Neighbors have similar traits; the axes are the two directions "
        "in which traits differ most.",
        ("Segment", "x", "y"),
        [(name or "no segment", round(x, 2), round(y, 2)) for name, places in ordered.items() for x, y in places],
        segment_figures.shopper_map(ordered) if ordered else None,
    )
    return _answer(request, "Map of shoppers", [section])


@require_safe
@staff_page(SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Show one segment."""
    rows = explorer.segment_rows()
    row = next((one for one in rows if one.key == key), None)
    if row is None:
        raise Http404
    names = {one.key: one.name for one in rows}
    sections = [
        _differences(key),
        _members(request, key, limit=MOST_EXPORTED if request.GET.get("csv") == "members" else PAGE_SIZE),
        _sizes([key], names),
        _flows(explorer.flows(segment_key=key), names),
    ]
    return _answer(request, row.name, sections, row=row)


def _members(request: HttpRequest, key: str, *, limit: int) -> Section:
    """Return the newest members; their ids only for roles that may look at a named shopper."""
    members = newest_members(key, limit=limit)
    is_named = may(request.user, NAMED_SHOPPERS)
    cells = [(subject if is_named else MASK, f"{at:%Y-%m-%d %H:%M}") for subject, at in members]
    links = [reverse("portal:customer", args=[subject]) for subject, _ in members] if is_named else ()
    note = f"The newest {limit:,}." if is_named else "Your role sees no ids of shoppers."
    return Section("members", "Who is in it", note, ("Shopper", "Since (UTC)"), cells, links=links)


def _differences(key: str) -> Section:
    rows = explorer.segment_differences(key)
    cells = [
        (
            one.feature.title,
            f"{plain_value(one.feature, one.mean):.2f}",
            f"{plain_value(one.feature, one.overall):.2f}",
            f"{one.deviations:+.2f}",
        )
        for one in rows
    ]
    figure = segment_figures.differences([(one.feature.title, one.deviations) for one in rows]) if rows else None
    note = f"Means of up to {explorer.SAMPLE} members and of as many of all shoppers; the largest difference first."
    columns = ("Trait", "Members", "All", "Standard deviations")
    return Section("differences", "What makes it different", note, columns, cells, figure)


def _sizes(segment_keys: Sequence[str], names: dict[str, str]) -> Section:
    series = explorer.sizes_over_time(segment_keys)
    cells = [
        (names.get(key, key), f"{hour:%Y-%m-%d %H:%M}", members)
        for key, points in series.items()
        for hour, members in reversed(points)
    ]
    figure = segment_figures.sizes(series, names) if series else None
    note = "Counted every hour; older than two days, the last count of each day."
    return Section("sizes", "Size over time", note, ("Segment", "Hour (UTC)", "Members"), cells, figure)


def _flows(rows: Sequence[tuple[str, str, int]], names: dict[str, str]) -> Section:
    cells = [(names.get(a, a) or OUTSIDE, names.get(b, b) or OUTSIDE, people) for a, b, people in rows]
    figure = segment_figures.flows(cells) if cells else None
    note = f"People who left one segment for another in {explorer.DAYS} days, by events and by time."
    return Section("flows", "Flows", note, ("From", "To", "People"), cells, figure)


def _signed(growth: int | None) -> str:
    return "not counted" if growth is None else f"{growth:+,}"


def _answer(request: HttpRequest, title: str, sections: Sequence[Section], **more: Any) -> HttpResponse:
    may_change = may(request.user, "profiles.change_segment")
    return answer(
        request, "portal/segments.html", sections, title=title, subtitle="Segments", may_change=may_change, **more
    )
