"""The data scientist's pages: how versions do over time and live, and one version against the live one."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from common import clock
from common.errors import NotFound
from events.performance import Totals, personalized_days
from modelops.selectors import desk, plots, report
from modelops.selectors.group_table import group_table
from modelops.selectors.live_spans import live_spans
from modelops.selectors.registry import live_version
from modelops.selectors.tracking import run_page
from modelops.selectors.verdict import reference_in_words, verdict_of
from portal.permissions import staff_page
from portal.sections import Section, answer

SEE: Final = "modelops.view_modelversion"
TEMPLATE: Final = "portal/model_desk.html"
DAYS: Final = 28
MIN_ANSWERS: Final = 100
"""Fewer answers have no click rate: each click would move it by more than a percent."""
Z: Final = 1.96
"""The half width of a 95 % interval in standard errors."""


@require_safe
@staff_page(SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """Show the live version, the metric of the latest versions, and the live click rate since the promotion."""
    versions, live = desk.latest_versions(), live_version()
    links = [reverse("portal:model-comparison", args=[version.pk]) for version in versions]
    sections = [
        _as_page_section(desk.verdicts(versions), links),
        _as_page_section(desk.accuracy_by_version(versions)),
        *_live_rates(),
    ]
    return answer(
        request,
        TEMPLATE,
        sections,
        title="Models",
        subtitle="Models",
        version=live,
        verdict=verdict_of(live) if live else None,
        waiting=desk.waiting_versions(versions, live),
        tracking=run_page(live),
    )


@require_safe
@staff_page(SEE)
def comparison(request: HttpRequest, version_id: int) -> HttpResponse:
    """Show one version against the live one."""
    try:
        version = desk.version_by_key(version_id)
    except NotFound as error:
        raise Http404 from error
    live = live_version()
    is_live = live is not None and live.pk == version.pk
    tables = [desk.on_same_shoppers(version), group_table(version)]
    if not is_live:
        tables.append(desk.on_own_windows(version, live))
    reference = reference_in_words(version.gate)
    if is_live and reference == "live":
        reference = "the version that was live before"
    return answer(
        request,
        TEMPLATE,
        [_as_page_section(one) for one in tables if one.rows],
        title=f"{version.version} against {reference if is_live else 'live'}",
        subtitle="Models",
        version=version,
        verdict=verdict_of(version),
        others=desk.other_versions(version),
        tracking=run_page(version),
    )


def _as_page_section(one: report.Section, links: Sequence[str] = ()) -> Section:
    """Return a section of the report as one of a portal's page."""
    columns: Iterable[str] = map(str, one.columns)
    return Section(one.slug, one.title, one.note, tuple(columns), one.rows, one.figure, links)


def _live_rates() -> list[Section]:
    """Return the click rate of the live days of each version, and by day."""
    zone = ZoneInfo(settings.SHOP_TIME_ZONE)
    today = clock.now().astimezone(zone).date()
    since = today - timedelta(days=DAYS - 1)
    days, spans = personalized_days(first=since, last=today), live_spans(since=since, today=today, zone=zone)
    by_version = [(one, _sum(days, one.first, one.last)) for one in spans]
    rows = [
        (one.version, f"{one.first}", f"{one.last}", f"{sums.answers:,}", f"{sums.clicks:,}", _rate_text(sums))
        for one, sums in by_version
    ]
    with_answers = [(one, sums) for one, sums in by_version if sums.answers >= MIN_ANSWERS]
    figure = plots.dots(
        [f"{one.version}, {one.first:%m-%d}" for one, _ in with_answers],
        [("clicks for 100 answers", [_rate(sums) for _, sums in with_answers])],
        title="clicks for 100 answers",
    )
    note = (
        f"Personalized answers of all placements in the last {DAYS} days. Answers are counted by day and not by "
        "version: a day counts for the version that went live on it last. Other days have other shoppers, so this is "
        f"no proof; an experiment is. Below {MIN_ANSWERS} answers there is no rate yet."
    )
    columns = ("Version", "From", "To", "Answers", "Clicks", "Click rate, 95 % interval")
    live = Section(
        "live-versions", "Click rate while live", note, columns, rows[::-1], figure if with_answers else None
    )
    return [live, _by_day(days, {day: one.version for one in spans for day in _days(one.first, one.last)})]


def _by_day(days: dict[date, Totals], version_of: dict[date, str]) -> Section:
    days_with_version = sorted(day for day in days if day in version_of)
    x_days = [day for day in days_with_version if days[day].answers >= MIN_ANSWERS]
    rows = [
        (f"{day}", version_of[day], f"{days[day].answers:,}", f"{days[day].clicks:,}", _rate_text(days[day]))
        for day in days_with_version
    ]
    names = list(dict.fromkeys(version_of[day] for day in x_days))
    series = [(name, [_percent(days[day]) if version_of[day] == name else None for day in x_days]) for name in names]
    figure = plots.lines([f"{day:%m-%d}" for day in x_days], series, x="day", y="clicks for 100 answers")
    columns = ("Day", "Live", "Answers", "Clicks", "Click rate, 95 % interval")
    note = f"Days of the shop ({settings.SHOP_TIME_ZONE}). A line for each version that was live."
    return Section("live-days", "Click rate by day", note, columns, rows[::-1], figure if len(x_days) > 1 else None)


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def _sum(days: dict[date, Totals], first: date, last: date) -> Totals:
    sums = Totals()
    for day in _days(first, last):
        sums += days.get(day, Totals())
    return sums


def _percent(sums: Totals) -> float | None:
    return None if sums.click_rate is None else round(100 * sums.click_rate, 3)


def _rate(sums: Totals) -> plots.Interval:
    """Return clicks for 100 answers with a 95 % interval, for clicks that come one by one."""
    value, spread = 100 * sums.clicks / sums.answers, 100 * Z * sqrt(max(sums.clicks, 1)) / sums.answers
    return value, max(0.0, value - spread), value + spread


def _rate_text(sums: Totals) -> str:
    if sums.answers < MIN_ANSWERS:
        return "too few answers yet" if sums.answers else "–"
    value, low, high = _rate(sums)
    return f"{value:.2f} % [{low:.2f}, {high:.2f}]"
