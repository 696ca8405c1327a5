"""What placements brought, by day and by position: reads of the counts in `events.services.performance`."""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, timedelta
from decimal import Decimal

from django.db.models import Count, Q, Sum

from events.models import Impressions, Outcome

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

    @property
    def all(self) -> Totals:
        """Both together."""
        return self.personalized + self.others


def days_of(placement: str, *, first: date, last: date) -> list[Day]:
    """Return every day from the first to the last, with zeros where nothing happened."""
    days = {first + timedelta(days=at): (Totals(), Totals()) for at in range((last - first).days + 1)}
    within = {"placement": placement, "day__gte": first, "day__lte": last}
    impressions = Impressions.objects.filter(**within).values_list("day", "personalized")
    for day, personalized, answers, products in impressions.annotate(
        answers=Sum("n", filter=Q(position=0)), impressions=Sum("n", filter=AT_POSITIONS)
    ):
        own = days[day][0 if personalized else 1]
        own.answers, own.impressions = answers or 0, products or 0
    outcomes = Outcome.objects.filter(**within).values_list("day", "personalized", "kind")
    for day, personalized, kind, count, revenue in outcomes.annotate(n=Count("id"), revenue=Sum("revenue")):
        own = days[day][0 if personalized else 1]
        own.add(kind, count, revenue)
    return [Day(day, *both) for day, both in days.items()]


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
    outcomes = Outcome.objects.filter(**within).exclude(placement="").values_list("placement", "kind")
    for placement, kind, count, revenue in outcomes.annotate(n=Count("id"), revenue=Sum("revenue")):
        totals.setdefault(placement, Totals()).add(kind, count, revenue)
    return totals


def has_answers() -> bool:
    """Return whether any answer was counted."""
    return Impressions.objects.exists()
