"""How placements do: impressions, clicks, carts, attributed orders and revenue by day, beside the period before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import sqrt
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit.selectors import entries
from common import clock
from common.money import plain
from events.performance import Day, Totals, days_of, positions_of, total, totals_of_placements
from events.services.performance import WINDOW_DAYS
from modelops.selectors import plots
from personalization.selectors.placements import active_placements
from portal.permissions import staff_page
from portal.sections import Section, answer

SEE: Final = "personalization.view_placement"
PERIODS: Final = ((7, "7 days"), (28, "28 days"), (90, "90 days"))
MOST_CHANGES: Final = 20
TEMPLATE: Final = "portal/performance.html"


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the period, the same of the period before, and the change in percent (None: nothing before)."""

    title: str
    value: str
    before: str
    change: int | None
    line: str
    """The values of the days as points of an SVG of 100 by 24."""


class PeriodForm(forms.Form):
    """How many days are shown."""

    days = forms.TypedChoiceField(choices=PERIODS, coerce=int)


@require_safe
@staff_page(SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """List the placements with what they brought."""
    days, first, last = _period(request)
    names = {key: config.name for key, config in active_placements().items()}
    sums = totals_of_placements(first=first, last=last)
    earlier = totals_of_placements(first=first - timedelta(days=days), last=first - timedelta(days=1))
    keys = sorted({*names, *sums}, key=lambda key: (-sums.get(key, Totals()).answers, key))
    rows = []
    for key in keys:
        own, before = (period.get(key, Totals()) for period in (sums, earlier))
        change = _percent(own.clicks, before.clicks)
        rows.append((names.get(key, key), *_cells(own), "–" if change is None else f"{change:+} %"))
    columns = ("Placement", "Answers", "Click rate", "Clicks", "Carts", "Orders", "Revenue", "Clicks, change")
    links = [f"{reverse('portal:performance-placement', args=[key])}?days={days}" for key in keys]
    note = f"{_span(first, last)}. The change is against the {days} days before."
    section = Section("placements", "Placements", note, columns, rows, links=links)
    return answer(request, TEMPLATE, [section], title="How placements do", subtitle="Performance", **_choices(days))


@require_safe
@staff_page(SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Show one placement."""
    days, first, last = _period(request)
    placements = active_placements()
    now = days_of(key, first=first, last=last)
    if key not in placements and not any(one.all.answers for one in now):
        raise Http404
    before = days_of(key, first=first - timedelta(days=days), last=first - timedelta(days=1))
    sections = [_by_day(now, before), _by_kind(now), _by_position(key, first, last), _changes(key, first)]
    name = placements[key].name if key in placements else key
    return answer(
        request,
        TEMPLATE,
        sections,
        title=name,
        subtitle="Performance",
        tiles=_tiles(now, before),
        key=key,
        span=_span(first, last),
        window=WINDOW_DAYS,
        **_choices(days),
    )


def _period(request: HttpRequest) -> tuple[int, date, date]:
    """Return the number of days, the first and the last, which is today in the shop's time zone."""
    form = PeriodForm({"days": request.GET.get("days", PERIODS[0][0])})
    days = form.cleaned_data["days"] if form.is_valid() else PERIODS[0][0]
    last = clock.now().astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date()
    return days, last - timedelta(days=days - 1), last


def _span(first: date, last: date) -> str:
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _choices(days: int) -> dict[str, Any]:
    return {"periods": PERIODS, "days": days, "zone": settings.SHOP_TIME_ZONE}


def _tiles(now: Sequence[Day], before: Sequence[Day]) -> list[Tile]:
    sums, earlier = total(now), total(before)

    def tile(title: str, name: str) -> Tile:
        value, old = getattr(sums, name), getattr(earlier, name)
        series = [float(getattr(one.all, name) or 0) for one in now]
        return Tile(title, _formatted(name, value), _formatted(name, old), _percent(value, old), _line(series))

    return [
        tile("Answers", "answers"),
        tile("Click rate", "click_rate"),
        tile("Put into a cart", "carts"),
        tile("Products ordered", "orders"),
        tile("Revenue", "revenue"),
    ]


def _formatted(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if name == "click_rate":
        return f"{value:.1%}"
    return _money(value) if name == "revenue" else f"{value:,}"


def _money(value: Any) -> str:
    return f"{plain(value, settings.SHOP_CURRENCY)} {settings.SHOP_CURRENCY}"


def _percent(value: Any, before: Any) -> int | None:
    """Return the change in percent, None where there was nothing before."""
    return round(100 * (float(value or 0) / float(before) - 1)) if before else None


def _line(values: Sequence[float]) -> str:
    most, last = max(values, default=0) or 1, max(1, len(values) - 1)
    return " ".join(f"{100 * at / last:.1f},{23 - 22 * value / most:.1f}" for at, value in enumerate(values))


def _cells(sums: Totals) -> tuple[str, ...]:
    return (
        f"{sums.answers:,}",
        _formatted("click_rate", sums.click_rate),
        f"{sums.clicks:,}",
        f"{sums.carts:,}",
        f"{sums.orders:,}",
        _money(sums.revenue),
    )


def _by_day(now: Sequence[Day], before: Sequence[Day]) -> Section:
    series = [
        ("click rate", [_rate(one) for one in now]),
        ("the period before", [_rate(one) for one in before]),
    ]
    figure = plots.lines([f"{one.day:%m-%d}" for one in now], series, x="day", y="clicks for 100 answers")
    columns = ("Day", "Answers", "Click rate", "Clicks", "Carts", "Orders", "Revenue", "Personalized")
    rows = [(f"{one.day}", *_cells(one.all), _share(one.personalized.answers, one.all.answers)) for one in now]
    note = "Days of the shop. What became of an answer counts on the day when it happened."
    return Section("days", "By day", note, columns, rows[::-1], figure)


def _rate(one: Day) -> float | None:
    rate = one.all.click_rate
    return None if rate is None else round(100 * rate, 2)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _by_kind(now: Sequence[Day]) -> Section:
    personalized, others = Totals(), Totals()
    for one in now:
        personalized += one.personalized
        others += one.others
    rows = [("Personalized", *_cells(personalized)), ("The same for everybody", *_cells(others))]
    note = (
        "Strangers and shoppers without consent get what everybody gets, and so does who asks while a part is down. "
        "They are other shoppers: the difference is no proof."
    )
    columns = ("Answers", "Number", "Click rate", "Clicks", "Carts", "Orders", "Revenue")
    return Section("kinds", "Personalized or not", note, columns, rows)


def _by_position(key: str, first: date, last: date) -> Section:
    positions = positions_of(key, first=first, last=last)
    rows = [
        (position, f"{impressions:,}", clicks, f"{clicks / impressions:.2%}")
        for position, impressions, clicks in positions
    ]
    figure = None
    if positions:
        rates = [_with_interval(clicks, n) for _, n, clicks in positions]
        figure = plots.bars([str(position) for position, _, _ in positions], rates, title="clicks for 100 impressions")
    note = "Where a click was, as the storefront says; clicks without a position are left out."
    return Section("positions", "By position", note, ("Position", "Impressions", "Clicks", "Click rate"), rows, figure)


def _with_interval(clicks: int, impressions: int) -> plots.Interval:
    """Return the rate in percent with its 95 % interval (Wilson 1927)."""
    n, z = impressions, 1.96
    rate = min(1.0, clicks / n)
    middle, spread = rate + z * z / (2 * n), z * sqrt((rate * (1 - rate) + z * z / (4 * n)) / n)
    low, high = ((middle + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return 100 * rate, 100 * min(low, rate), 100 * max(high, rate)


def _changes(key: str, first: date) -> Section:
    since = datetime.combine(first, datetime.min.time(), ZoneInfo(settings.SHOP_TIME_ZONE))
    recent = [*entries(object=f"placement:{key}", limit=MOST_CHANGES), *entries(category="rule", limit=MOST_CHANGES)]
    rows = sorted(
        ((one.at, one.action, str(one.data.get("name", one.object))) for one in recent if one.at >= since), reverse=True
    )
    cells = [(f"{at:%Y-%m-%d %H:%M}", action, what) for at, action, what in rows[:MOST_CHANGES]]
    note = "Changes of this placement and of rules: they may explain a step in the chart."
    return Section("changes", "What was changed", note, ("When (UTC)", "Action", "What"), cells)
