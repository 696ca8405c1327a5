"""What placements and products brought, by day: reads of the counts in `events.services.performance`."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.db.models import Count, Min, Q, QuerySet, Sum

from events.models import Impressions, Outcome, ProductImpressions, ServedAnswer

AT_POSITIONS = Q(position__gt=0)


@dataclass(slots=True)
class Totals:
    """How many answers there were, the products in them, and what became of those. Revenue in the shop's currency.

    `clicks`, `carts` and `orders` count products of answers; a product that one answer showed counts once each.
    """

    answers: int = 0
    impressions: int = 0
    clicks: int = 0
    carts: int = 0
    orders: int = 0
    revenue: Decimal = Decimal(0)

    @property
    def click_rate(self) -> float | None:
        """Clicks for each answer; None without an answer."""
        return self.clicks / self.answers if self.answers else None

    def add(self, kind: str, count: int, revenue: Decimal) -> None:
        """Add outcomes of one kind: `click`, `cart` or `order`."""
        setattr(self, f"{kind}s", getattr(self, f"{kind}s") + count)
        self.revenue += revenue

    def __add__(self, other: "Totals") -> "Totals":
        """Return the sum of both."""
        return Totals(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class Day:
    """One day of a placement: personalized answers, and those that every shopper would have got."""

    day: date
    personalized: Totals
    others: Totals

    def of(self, *, personalized: bool) -> Totals:
        """Return the numbers of one kind of answers."""
        return self.personalized if personalized else self.others

    @property
    def all(self) -> Totals:
        """Both together."""
        return self.personalized + self.others


def days_of(placement: str | None, *, first: date, last: date) -> list[Day]:
    """Return every day of a placement, or of all together, with zeros where nothing happened."""
    days = _empty_days(first, last)
    within = {"day__gte": first, "day__lte": last} | ({"placement": placement} if placement else {})
    impressions = Impressions.objects.filter(**within).values_list("day", "personalized")
    for day, personalized, answers, products in impressions.annotate(
        answers=Sum("n", filter=Q(position=0)), impressions=Sum("n", filter=AT_POSITIONS)
    ):
        own = days[day].of(personalized=personalized)
        own.answers, own.impressions = answers or 0, products or 0
    return _with_outcomes(days, Outcome.objects.filter(**within).exclude(placement=""))


def days_of_product(product_id: str, *, first: date, last: date) -> list[Day]:
    """Return every day of a product, in all placements. Each answer shows it once: answers are impressions."""
    days = _empty_days(first, last)
    within = {"product_id": product_id, "day__gte": first, "day__lte": last}
    impressions = ProductImpressions.objects.filter(**within).values_list("day", "personalized")
    for day, personalized, count in impressions.annotate(count=Sum("n")):
        own = days[day].of(personalized=personalized)
        own.answers = own.impressions = count
    return _with_outcomes(days, Outcome.objects.filter(**within).exclude(placement=""))


def _empty_days(first: date, last: date) -> dict[date, Day]:
    days = (first + timedelta(days=at) for at in range((last - first).days + 1))
    return {day: Day(day, Totals(), Totals()) for day in days}


def _with_outcomes(days: dict[date, Day], outcomes: QuerySet[Outcome]) -> list[Day]:
    rows = outcomes.values_list("day", "personalized", "kind")
    for day, personalized, kind, count, revenue in rows.annotate(n=Count("id"), revenue=Sum("revenue")):
        days[day].of(personalized=personalized).add(kind, count, revenue)
    return list(days.values())


def total(days: Iterable[Day]) -> Totals:
    """Return the sum of days."""
    result = Totals()
    for one in days:
        result += one.all
    return result


def positions_of(placement: str, *, first: date, last: date) -> list[tuple[int, int, int]]:
    """Return position, impressions and clicks of each position that was shown."""
    within = {"placement": placement, "day__gte": first, "day__lte": last}
    impressions = Impressions.objects.filter(AT_POSITIONS, **within).values_list("position").annotate(n=Sum("n"))
    outcomes = Outcome.objects.filter(AT_POSITIONS, kind="click", **within)
    clicks = dict(outcomes.values_list("position").annotate(n=Count("id")))
    return [(position, n, clicks.get(position, 0)) for position, n in impressions.order_by("position")]


def totals_of_placements(*, first: date, last: date) -> dict[str, Totals]:
    """Return the sums of each placement that answered in that time."""
    within = {"day__gte": first, "day__lte": last}
    impressions = Impressions.objects.filter(**within).values_list("placement")
    totals = {
        placement: Totals(answers=answers or 0, impressions=products or 0)
        for placement, answers, products in impressions.annotate(
            answers=Sum("n", filter=Q(position=0)), products=Sum("n", filter=AT_POSITIONS)
        )
    }
    return _added(totals, Outcome.objects.filter(**within).exclude(placement=""), "placement")


def placements_of_product(product_id: str, *, first: date, last: date) -> dict[str, Totals]:
    """Return the sums of a product in each placement that showed it in that time."""
    within = {"product_id": product_id, "day__gte": first, "day__lte": last}
    impressions = ProductImpressions.objects.filter(**within).values_list("placement").annotate(count=Sum("n"))
    totals = {placement: Totals(answers=count, impressions=count) for placement, count in impressions}
    return _added(totals, Outcome.objects.filter(**within).exclude(placement=""), "placement")


def products_of_placement(placement: str, *, first: date, last: date, most: int) -> dict[str, Totals]:
    """Return the sums of the products that sold most through a placement, were clicked most, then shown most."""
    within = {"placement": placement, "day__gte": first, "day__lte": last}
    outcomes = Outcome.objects.filter(**within)
    by_product = outcomes.values_list("product_id", flat=True)
    orders = by_product.filter(kind="order").annotate(revenue=Sum("revenue"), n=Count("id"))
    products = list(orders.order_by("-revenue", "-n", "product_id")[:most])
    if len(products) < most:  # clicks are many: they are counted only where they decide
        clicks = by_product.filter(kind="click").exclude(product_id__in=products).annotate(n=Count("id"))
        products += clicks.order_by("-n", "product_id")[: most - len(products)]
    if len(products) < most:
        impressions_of_rest = ProductImpressions.objects.filter(**within).exclude(product_id__in=products)
        counts_of_rest = impressions_of_rest.values_list("product_id", flat=True).annotate(count=Sum("n"))
        products += counts_of_rest.order_by("-count", "product_id")[: most - len(products)]
    impressions = ProductImpressions.objects.filter(product_id__in=products, **within).values_list("product_id")
    counts = dict(impressions.annotate(count=Sum("n")))
    totals = {name: Totals(answers=counts.get(name, 0), impressions=counts.get(name, 0)) for name in products}
    return _added(totals, outcomes.filter(product_id__in=products), "product_id")


def _added(totals: dict[str, Totals], outcomes: QuerySet[Outcome], key: str) -> dict[str, Totals]:
    """Add outcomes to the sums of their key: placement or product."""
    rows = outcomes.values_list(key, "kind")
    for name, kind, count, revenue in rows.annotate(n=Count("id"), revenue=Sum("revenue")):
        totals.setdefault(name, Totals()).add(kind, count, revenue)
    return totals


def products_sold(*, first: date, last: date, most: int) -> list[tuple[str, int, Decimal]]:
    """Return id, number of orders and revenue of the products that sold most through all placements together."""
    placements = list(Impressions.objects.filter(position=0).values_list("placement", flat=True).distinct())
    within = {"kind": "order", "placement__in": placements, "day__gte": first, "day__lte": last}
    sold = Outcome.objects.filter(**within).values_list("product_id")  # the index begins with the placement
    return list(sold.annotate(n=Count("id"), revenue=Sum("revenue")).order_by("-revenue", "-n", "product_id")[:most])


def personalized_days(*, first: date, last: date) -> dict[date, Totals]:
    """Return answers and clicks of the personalized answers of all placements, for each day with any."""
    within = {"personalized": True, "day__gte": first, "day__lte": last}
    answers = Impressions.objects.filter(position=0, **within).values_list("day").annotate(n=Sum("n"))
    days = {day: Totals(answers=n) for day, n in answers}
    placements = list(Impressions.objects.filter(position=0, **within).values_list("placement", flat=True).distinct())
    clicks = Outcome.objects.filter(kind="click", placement__in=placements, **within)  # the index begins with it
    for day, n in clicks.values_list("day").annotate(n=Count("id")):
        days.setdefault(day, Totals()).clicks = n
    return days


def counted_since(zone: ZoneInfo) -> datetime | None:
    """Return the moment of the first counted answer, None before; without its record, the begin of its day."""
    day = Impressions.objects.aggregate(first=Min("day"))["first"]
    if day is None:
        return None
    start = datetime.combine(day, time.min, zone)
    answers = ServedAnswer.objects.filter(at__gte=start, at__lt=start + timedelta(days=1))
    first: datetime | None = answers.aggregate(first=Min("at"))["first"]
    return first or start


def has_answers() -> bool:
    """Return whether any answer was counted."""
    return Impressions.objects.exists()
