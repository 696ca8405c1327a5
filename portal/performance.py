"""How placements and products do: impressions, clicks, carts, attributed orders and revenue by day."""

from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from catalog.selectors import titles_of
from common import clock
from events.performance import (
    Totals,
    counted_since,
    days_of,
    days_of_product,
    placements_of_product,
    totals_of_placements,
)
from events.services.performance import WINDOW_DAYS
from personalization.selectors.changes import changes_of
from personalization.selectors.placements import active_placements
from portal.performance_tables import (
    Sold,
    Tile,
    best_products,
    best_sellers,
    by_day,
    by_kind,
    by_placement,
    by_position,
    cells,
    changed,
    percent,
    tiles,
)
from portal.permissions import staff_page
from portal.sections import Section, answer

SEE: Final = "personalization.view_placement"
PERIODS: Final = ((7, "7 days"), (28, "28 days"), (90, "90 days"))
TEMPLATE: Final = "portal/performance.html"


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
        change = percent(own.clicks, before.clicks)
        rows.append((names.get(key, key), *cells(own), "–" if change is None else f"{change:+} %"))
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
    changes = changes_of(key, since=_start_of(first))
    sections = [
        by_day(now, before, changes),
        best_products(key, first, last),
        by_kind(now),
        by_position(key, first, last),
        changed(changes),
    ]
    name = placements[key].name if key in placements else key
    return _answer(request, sections, days, first, last, title=name, key=key, tiles=tiles(now, before))


@require_safe
@staff_page(SEE)
def product(request: HttpRequest, product_id: str) -> HttpResponse:
    """Show one product, in all placements."""
    days, first, last = _period(request)
    titles = titles_of([product_id])
    now = days_of_product(product_id, first=first, last=last)
    if product_id not in titles and not any(one.all.answers for one in now):
        raise Http404
    before = days_of_product(product_id, first=first - timedelta(days=days), last=first - timedelta(days=1))
    names = {key: config.name for key, config in active_placements().items()}
    sums = placements_of_product(product_id, first=first, last=last)
    sections = [by_day(now, before), by_placement(sums, names, days=days), by_kind(now)]
    title = titles.get(product_id, product_id)
    return _answer(request, sections, days, first, last, title=title, tiles=tiles(now, before, answers="Shown"))


def _answer(
    request: HttpRequest, sections: list[Section], days: int, first: date, last: date, *, title: str, **more: Any
) -> HttpResponse:
    more |= {"span": _span(first, last), "window": WINDOW_DAYS, **_choices(days)}
    return answer(request, TEMPLATE, sections, title=title, subtitle="Performance", **more)


def this_week() -> list[Tile]:
    """Return the numbers of all placements together of the last seven days, beside those before."""
    last = _today()
    now = days_of(None, first=last - timedelta(days=6), last=last)
    return tiles(now, days_of(None, first=last - timedelta(days=13), last=last - timedelta(days=7)))


def this_week_products(most: int) -> list[Sold]:
    """Return the products that sold most through recommendations in the last seven days."""
    last = _today()
    return best_sellers(last - timedelta(days=6), last, most=most)


def _today() -> date:
    return clock.now().astimezone(ZoneInfo(settings.SHOP_TIME_ZONE)).date()


def _period(request: HttpRequest) -> tuple[int, date, date]:
    """Return the number of days, the first and the last, which is today in the shop's time zone."""
    form = PeriodForm({"days": request.GET.get("days", PERIODS[0][0])})
    days = form.cleaned_data["days"] if form.is_valid() else PERIODS[0][0]
    last = _today()
    return days, last - timedelta(days=days - 1), last


def _span(first: date, last: date) -> str:
    return f"{first:%Y-%m-%d} to {last:%Y-%m-%d}"


def _choices(days: int) -> dict[str, Any]:
    zone = ZoneInfo(settings.SHOP_TIME_ZONE)
    since = counted_since(zone)
    return {
        "periods": PERIODS,
        "days": days,
        "zone": settings.SHOP_TIME_ZONE,
        "since": f"{since.astimezone(zone):%Y-%m-%d %H:%M}" if since else "",
    }


def _start_of(day: date) -> datetime:
    """Return the moment at which a day of the shop begins."""
    return datetime.combine(day, datetime.min.time(), ZoneInfo(settings.SHOP_TIME_ZONE))
