"""The data scientist's pages: how versions do over time and live, and one version against the live one."""

from collections.abc import Sequence
from datetime import date, timedelta
from math import sqrt
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_safe

from common import clock
from events.performance import Totals, personalized_days
from modelops.models import ModelVersion
from modelops.selectors import plots
from modelops.selectors.comparison import TITLES, with_titles
from modelops.selectors.live_spans import live_spans
from modelops.selectors.registry import live_version
from modelops.selectors.report.section import METRIC, number
from modelops.selectors.tracking import tracking_page
from modelops.selectors.verdict import interval_text, percent, reference_in_words, relative, verdict_of
from portal.permissions import staff_page
from portal.sections import Section, answer

SEE: Final = "modelops.view_modelversion"
MOST_VERSIONS: Final = 20
DAYS: Final = 28
Z: Final = 1.96
"""The half width of a 95 % interval in standard errors."""


@require_safe
@staff_page(SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """Show the live version, the metric of the latest versions, and the live click rate since the promotion."""
    versions = list(ModelVersion.objects.defer("increment")[:MOST_VERSIONS])
    live = live_version()
    sections = [_verdicts(versions), _over_versions(versions), *_live_rates()]
    return answer(
        request,
        "portal/model_desk.html",
        sections,
        title="Models",
        subtitle="Models",
        version=live,
        verdict=verdict_of(live) if live else None,
        waiting=_waiting(versions, live),
        tracking=tracking_page(),
    )


@require_safe
@staff_page(SEE)
def comparison(request: HttpRequest, version_id: int) -> HttpResponse:
    """Show one version against the live one."""
    version = get_object_or_404(ModelVersion, pk=version_id)
    live = live_version()
    sections = [one for one in (_same_shoppers(version), _own_windows(version, live)) if one.rows]
    return answer(
        request,
        "portal/model_desk.html",
        sections,
        title=f"{version.version} against live",
        subtitle="Models",
        version=version,
        verdict=verdict_of(version),
        others=ModelVersion.objects.exclude(pk=version.pk).only("version", "state")[:MOST_VERSIONS],
        tracking=tracking_page(),
    )


def _waiting(versions: Sequence[ModelVersion], live: ModelVersion | None) -> list[ModelVersion]:
    """Return challengers that passed and are newer than the live version: Promote is theirs."""
    since = live.created_at if live else None
    return [
        one for one in versions if one.state == "candidate" and one.passed and (not since or one.created_at > since)
    ]


def _verdicts(versions: Sequence[ModelVersion]) -> Section:
    rows, links = [], []
    for version in versions:
        verdict = verdict_of(version)
        state = version.get_state_display()
        rows.append((version.version, state, verdict.status, verdict.sentence, f"{version.created_at:%Y-%m-%d}"))
        links.append(reverse("portal:model-comparison", args=[version.pk]))
    note = f"The latest {MOST_VERSIONS} versions. The gate asked each and its reference about the same shoppers."
    return Section("verdicts", "Verdicts", note, ("Version", "State", "Gate", "Verdict", "Trained"), rows, links=links)


def _over_versions(versions: Sequence[ModelVersion]) -> Section:
    """Return NDCG@10 of each version with its interval, the earliest first."""
    points = [(version, _interval(version, METRIC)) for version in reversed(versions)]
    measured = [(version, interval) for version, interval in points if interval is not None]
    rows = [
        (version.version, version.get_state_display(), *(number(end) for end in interval))
        for version, interval in measured
    ]
    names = [version.version for version, _ in measured]
    figure = plots.dots(names, [("NDCG@10", [interval for _, interval in measured])], title="NDCG@10, held out")
    note = "Each on its own held-out window, so that a step may also come from other shoppers or another season."
    columns = ("Version", "State", "NDCG@10", "95 % from", "95 % to")
    return Section("over-versions", "Accuracy by version", note, columns, rows, figure if len(measured) > 1 else None)


def _interval(version: ModelVersion, metric: str) -> plots.Interval | None:
    one = version.report.get("test", {}).get(version.stage, {}).get("together", {}).get(metric, {})
    if one.get("value") is None:
        return None
    value, low, high = (one["value"] if one.get(end) is None else one[end] for end in ("value", "low", "high"))
    return float(value), float(low), float(high)


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
    shown = [(one, sums) for one, sums in by_version if sums.answers]
    figure = plots.dots(
        [f"{one.version}, {one.first:%m-%d}" for one, _ in shown],
        [("clicks for 100 answers", [_rate(sums) for _, sums in shown])],
        title="clicks for 100 answers",
    )
    note = (
        f"Personalized answers of all placements in the last {DAYS} days. Answers are counted by day and not by "
        "version: a day counts for the version that went live on it last. Other days have other shoppers, so this is "
        "no proof; an experiment is."
    )
    columns = ("Version", "From", "To", "Answers", "Clicks", "Click rate, 95 % interval")
    live = Section("live-versions", "Click rate while live", note, columns, rows[::-1], figure if len(shown) else None)
    return [live, _by_day(days, {day: one.version for one in spans for day in _days(one.first, one.last)})]


def _by_day(days: dict[date, Totals], version_of: dict[date, str]) -> Section:
    known = sorted(day for day in days if day in version_of)
    rows = [
        (f"{day}", version_of[day], f"{days[day].answers:,}", f"{days[day].clicks:,}", _rate_text(days[day]))
        for day in known
    ]
    names = list(dict.fromkeys(version_of[day] for day in known))
    series = [(name, [_percent(days[day]) if version_of[day] == name else None for day in known]) for name in names]
    figure = plots.lines([f"{day:%m-%d}" for day in known], series, x="day", y="clicks for 100 answers")
    columns = ("Day", "Live", "Answers", "Clicks", "Click rate, 95 % interval")
    note = f"Days of the shop ({settings.SHOP_TIME_ZONE}). A line for each version that was live."
    return Section("live-days", "Click rate by day", note, columns, rows[::-1], figure if len(known) > 1 else None)


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
    if not sums.answers:
        return "–"
    value, low, high = _rate(sums)
    return f"{value:.2f} % [{low:.2f}, {high:.2f}]"


def _same_shoppers(version: ModelVersion) -> Section:
    """Return each metric of version and reference on the gate's shoppers, with the paired difference."""
    reference = reference_in_words(version.gate)
    pairs = version.gate.get("comparisons", ())
    rows = []
    for one in pairs:
        shares = relative(one)
        difference = f"{interval_text(one['difference'])}"
        by = "–" if shares is None else f"{percent(shares[0])} [{percent(shares[1])}, {percent(shares[2])}]"
        title = TITLES.get(one["metric"], one["metric"])
        rows.append((title, interval_text(one["reference"]), interval_text(one["challenger"]), difference, by))
    names = [TITLES.get(one["metric"], one["metric"]) for one in pairs]
    series = [(label, [_ends(one[side]) for one in pairs]) for label, side in
              ((reference, "reference"), (version.version, "challenger"))]  # fmt: skip
    shoppers = f"{pairs[0]['difference']['n']:,} " if pairs else ""
    note = (
        f"Both answered the same {shoppers}held-out shoppers. The reference is "
        + ("the plan of the version that was live then, fitted on the same past" if reference == "live" else reference)
        + ". The interval of the difference is paired: one that holds no 0 shows a difference beyond chance."
    )
    columns = ("Metric", reference.capitalize(), version.version, "Difference", "In percent")
    figure = plots.dots(names, series, title="mean over shoppers") if rows else None
    return Section("same-shoppers", "On the same shoppers", note, columns, rows, figure)


def _ends(interval: dict[str, Any]) -> plots.Interval:
    return interval["value"], interval["low"], interval["high"]


def _own_windows(version: ModelVersion, live: ModelVersion | None) -> Section:
    """Return all metrics of both versions as they were reported, with the plain difference."""
    rows = []
    for name, title in with_titles(version.metrics):
        own, other = version.metrics[name], live.metrics.get(name) if live else None
        difference = "–" if other is None else f"{own - other:+.4f}".replace("-", "−")
        rows.append((title, number(other), number(own), difference))
    note = (
        "As each training reported them, on its own held-out window: other shoppers and other days, so there is no "
        "paired interval. Higher is better, except for RMSE."
    )
    name = f"{live.version}, live" if live else "None is live"
    return Section("own-windows", "Each on its own window", note, ("Metric", name, version.version, "Difference"), rows)
