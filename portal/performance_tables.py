"""Tiles and tables of performance pages: what answers brought, beside the period before."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.conf import settings
from django.urls import reverse

from audit.staff import names_of
from catalog.selectors import titles_of
from common.intervals import wilson
from common.money import plain
from events.performance import Day, Totals, positions_of, products_of_placement, products_sold, total
from modelops.selectors import plots
from personalization.selectors.changes import Change
from portal.sections import Section

FEWEST_IMPRESSIONS: Final = 100
"""Below, rates of positions are chance, and are not drawn."""
BEST: Final = 20
"""How many products a placement's page names."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One number of the period, the same of the period before, and the change in percent (None: nothing before)."""

    title: str
    value: str
    before: str
    change: int | None
    line: str
    """The values of the days as points of an SVG of 100 by 24."""


def tiles(now: Sequence[Day], before: Sequence[Day], *, answers: str = "Answers") -> list[Tile]:
    """Return the numbers of a period with their change. `answers` is the word for what is counted first."""
    sums, earlier = total(now), total(before)

    def tile(title: str, name: str) -> Tile:
        value, old = getattr(sums, name), getattr(earlier, name)
        series = [float(getattr(one.all, name) or 0) for one in now]
        return Tile(title, _formatted(name, value), _formatted(name, old), percent(value, old), _line(series))

    return [
        tile(answers, "answers"),
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


def percent(value: Any, before: Any) -> int | None:
    """Return the change in percent, None where there was nothing before."""
    return round(100 * (float(value or 0) / float(before) - 1)) if before else None


def _line(values: Sequence[float]) -> str:
    most, last = max(values, default=0) or 1, max(1, len(values) - 1)
    return " ".join(f"{100 * at / last:.1f},{23 - 22 * value / most:.1f}" for at, value in enumerate(values))


def cells(sums: Totals) -> tuple[str, ...]:
    """Return answers, click rate, clicks, carts, orders and revenue as text."""
    return (
        f"{sums.answers:,}",
        _formatted("click_rate", sums.click_rate),
        f"{sums.clicks:,}",
        f"{sums.carts:,}",
        f"{sums.orders:,}",
        _money(sums.revenue),
    )


def by_day(now: Sequence[Day], before: Sequence[Day], changes: Sequence[Change] = ()) -> Section:
    """Return the days as a chart beside the period before, with marks where something was changed, and as a table."""
    series = [
        ("click rate", [_rate(one) for one in now]),
        ("the period before", [_rate(one) for one in before]),
    ]
    figure = plots.lines([f"{one.day:%m-%d}" for one in now], series, x="day", y="clicks for 100 answers")
    figure["layout"]["xaxis"] |= {"nticks": 4, "tickangle": 0}  # else days run together on a phone
    _mark(figure, changes)
    columns = ("Day", "Answers", "Click rate", "Clicks", "Carts", "Orders", "Revenue", "Personalized")
    rows = [(f"{one.day}", *cells(one.all), _share(one.personalized.answers, one.all.answers)) for one in now]
    note = "Days of the shop. What became of an answer counts on the day when it happened."
    if changes:
        note += " A mark ▼2 stands over a day with two changes; they are listed under What was changed."
    return Section("days", "By day", note, columns, rows[::-1], figure)


def _rate(one: Day) -> float | None:
    rate = one.all.click_rate
    return None if rate is None else round(100 * rate, 2)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def by_kind(now: Sequence[Day]) -> Section:
    """Return personalized answers beside the others."""
    personalized, others = Totals(), Totals()
    for one in now:
        personalized += one.personalized
        others += one.others
    rows = [("Personalized", *cells(personalized)), ("The same for everybody", *cells(others))]
    note = (
        "Strangers and shoppers without consent get what everybody gets, and so does who asks while a part is down. "
        "They are other shoppers: the difference is no proof."
    )
    columns = ("Answers", "Number", "Click rate", "Clicks", "Carts", "Orders", "Revenue")
    return Section("kinds", "Personalized or not", note, columns, rows)


def by_position(key: str, first: date, last: date) -> Section:
    """Return the click rate of each position of a placement."""
    positions = positions_of(key, first=first, last=last)
    rows = [
        (position, f"{impressions:,}", clicks, f"{clicks / impressions:.2%}")
        for position, impressions, clicks in positions
    ]
    figure = None
    if sum(impressions for _, impressions, _ in positions) >= FEWEST_IMPRESSIONS:
        rates = [_with_interval(clicks, n) for _, n, clicks in positions]
        figure = plots.bars([str(position) for position, _, _ in positions], rates, title="clicks for 100 impressions")
        figure["layout"]["xaxis"] = {"title": {"text": "position"}, "type": "category"}
    note = "Where a click was, as the storefront says; clicks without a position are left out. "
    note += (
        "The thin line on a bar is its 95 % interval: chance alone may move the rate that far."
        if figure
        else f"A chart follows from {FEWEST_IMPRESSIONS} impressions on."
    )
    return Section("positions", "By position", note, ("Position", "Impressions", "Clicks", "Click rate"), rows, figure)


def _with_interval(clicks: int, impressions: int) -> plots.Interval:
    """Return the rate in percent with its 95 % interval (Wilson 1927)."""
    low, high = wilson(clicks, impressions)
    return 100 * min(1.0, clicks / impressions), 100 * low, 100 * high


def best_products(key: str, first: date, last: date) -> Section:
    """Return the products that sold most through a placement, or were shown, each with a link to its own page."""
    sums = products_of_placement(key, first=first, last=last, most=BEST)
    titles = titles_of(sums)
    rows = [(titles.get(name, name), *cells(own)) for name, own in sums.items()]
    links = [reverse("portal:performance-product", args=[name]) for name in sums]
    note = f"The {BEST} that brought most revenue through this placement, then those clicked most, then shown most."
    columns = ("Product", "Shown", "Click rate", "Clicks", "Carts", "Orders", "Revenue")
    return Section("products", "Products", note, columns, rows, links=links)


@dataclass(frozen=True, slots=True)
class Sold:
    """A product that was ordered through recommendations; the revenue with its currency."""

    product_id: str
    title: str
    orders: int
    revenue: str


def best_sellers(first: date, last: date, *, most: int) -> list[Sold]:
    """Return the products that sold most through all placements."""
    rows = products_sold(first=first, last=last, most=most)
    titles = titles_of(name for name, _, _ in rows)
    return [Sold(name, titles.get(name, name), n, _money(revenue)) for name, n, revenue in rows]


def by_placement(sums: Mapping[str, Totals], names: Mapping[str, str], *, days: int) -> Section:
    """Return where a product was shown, and what each placement brought."""
    keys = sorted(sums, key=lambda key: (-sums[key].answers, key))
    rows = [(names.get(key, key), *cells(sums[key])) for key in keys]
    links = [f"{reverse('portal:performance-placement', args=[key])}?days={days}" for key in keys]
    columns = ("Placement", "Shown", "Click rate", "Clicks", "Carts", "Orders", "Revenue")
    return Section("placements", "By placement", "Where the product was shown.", columns, rows, links=links)


def changed(changes: Sequence[Change]) -> Section:
    """Return the changes that the marks of the chart stand for, the latest first."""
    names = names_of(one.actor for one in changes if one.actor)
    rows = [
        (one.what, f"{_local(one.at):%Y-%m-%d %H:%M}", names.get(one.actor, "its dates")) for one in reversed(changes)
    ]
    links = [
        reverse("admin:personalization_rule_change", args=[one.rule_id]) if one.rule_id else ""
        for one in reversed(changes)
    ]
    note = "Changes of the placement and of rules that apply to it. They may explain a step in the chart."
    return Section("changes", "What was changed", note, ("What", "When", "By"), rows, links=links)


def _mark(figure: plots.Figure, changes: Sequence[Change]) -> None:
    """Mark each day with changes; the mark says how many there were, and which when it is pointed at."""
    days: dict[str, Counter[str]] = {}
    for one in changes:
        days.setdefault(f"{_local(one.at):%m-%d}", Counter())[one.what] += 1
    texts = [
        (day, "<br>".join(f"{what} ({n} times)" if n > 1 else what for what, n in whats.items()))
        for day, whats in days.items()
    ]
    plots.annotate(figure, texts)
    for mark, whats in zip(figure["layout"]["annotations"], days.values(), strict=True):
        mark["text"] = f"▼{whats.total()}"


def _local(at: datetime) -> datetime:
    return at.astimezone(ZoneInfo(settings.SHOP_TIME_ZONE))
