"""What a shopper's own page shows of their events: lists with reasons, and how many events may train models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Q

from customers.selectors import Identity
from events.activity import owned_by
from events.models import Event
from events.training_counts import PURPOSE, names_of_products
from events.types.recommendation_served import RECOMMENDATION_SERVED


@dataclass(frozen=True, slots=True)
class ShownProduct:
    """One product of a list; `reason` is the reason's code. `by_lot` says that a new product got the place by lot."""

    product_id: str
    reason: str
    by_lot: bool


@dataclass(frozen=True, slots=True)
class ShownList:
    """One list that a shopper was shown. `experiments` holds the key of each experiment that decided, with its arm."""

    recommendation_id: str
    placement: str
    at: datetime
    is_personalized: bool
    model_version: str
    products: tuple[ShownProduct, ...]
    experiments: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class TrainingUse:
    """How many of a shopper's events could train a model, and when the first and the last of them happened."""

    events: int
    first_at: datetime | None
    last_at: datetime | None


def shown_lists(person: Identity, *, limit: int) -> list[ShownList]:
    """Return the lists that a shopper was shown last, the newest first, without empty ones."""
    lists = Event.objects.filter(owned_by(person, at="at"), kind="track", name=RECOMMENDATION_SERVED.name)
    rows = lists.exclude(properties__products=[]).order_by("-at", "-id").values_list("at", "properties")[:limit]
    return [_shown_list(at, properties) for at, properties in rows if isinstance(properties, dict)]


def training_use(person: Identity, *, until: datetime, after: datetime | None) -> TrainingUse:
    """Return which events of a shopper a training could use that read the log at `until`.

    Those count that name products, and whose shopper allowed the training when they came; `after` is the last refusal.
    """
    usable = Event.objects.filter(owned_by(person, at="at"), kind="track", at__lte=until, allowed__contains=[PURPOSE])
    usable = usable.filter(_names_products())
    usable = usable if after is None else usable.filter(at__gt=after)
    return TrainingUse(**usable.aggregate(events=Count("pk"), first_at=Min("at"), last_at=Max("at")))


def _names_products() -> Q:
    return Q(name__iregex=f"^({'|'.join(names_of_products())})$")


def _shown_list(at: datetime, properties: Mapping[str, Any]) -> ShownList:
    return ShownList(
        recommendation_id=str(properties.get("recommendation_id") or ""),
        placement=str(properties.get("placement") or ""),
        at=at,
        is_personalized=properties.get("personalized") is True,
        model_version=str(properties.get("model_version") or ""),
        products=tuple(
            ShownProduct(str(one.get("product_id")), str(one.get("reason") or ""), "propensity" in one)
            for one in _mappings(properties.get("products"))
        ),
        experiments=tuple(
            (str(one.get("key")), str(one.get("variation"))) for one in _mappings(properties.get("experiments"))
        ),
    )


def _mappings(value: Any) -> Sequence[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
