"""One served answer, as its event was recorded."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import QuerySet

from common.clock import from_microseconds, product_us, to_microseconds
from common.errors import NotFound
from events.models import Event, ServedAnswer
from events.types.recommendation_served import RECOMMENDATION_SERVED

NEAR: Final = timedelta(minutes=5)
"""The event of an answer is at most so far from the time in the answer's id."""


class Erased(NotFound):
    """The answer was to a shopper who was erased since, and nothing of it is kept."""


@dataclass(frozen=True, slots=True)
class PastAnswer:
    """The recorded event of an answer. `at` and `offset` are its time in microseconds and its place in the log."""

    recommendation_id: str
    user_id: str | None
    anonymous_id: str | None
    at: int
    offset: int
    properties: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RecentAnswer:
    """An answer without its shopper and its products."""

    recommendation_id: str
    placement: str
    personalized: bool
    at: datetime


def recent_answers(limit: int) -> list[RecentAnswer]:
    """Return the latest counted answers, the newest first. Their ids begin with their time, so the key finds them."""
    rows = ServedAnswer.objects.order_by("-recommendation_id")[:limit]
    return [RecentAnswer(row.recommendation_id, row.placement, row.personalized, row.at) for row in rows]


def past_answer(recommendation_id: str) -> PastAnswer:
    """Return the recorded answer. Raises Erased, and NotFound for an unknown one."""
    counted = ServedAnswer.objects.filter(recommendation_id=recommendation_id).first()
    around = counted.at if counted is not None else _time_in(recommendation_id)
    row = around and (
        Event.objects.filter(name=RECOMMENDATION_SERVED.name, at__gte=around - NEAR, at__lte=around + NEAR)
        .filter(properties__recommendation_id=recommendation_id)
        .first()
    )
    if row:
        values = {name: getattr(row, name) for name in ("user_id", "anonymous_id", "properties")}
        return PastAnswer(recommendation_id, at=to_microseconds(row.at), offset=row.log_offset, **values)
    if counted is not None:
        raise Erased("Erased: the shopper of this answer was erased since, with all that could be computed again.")
    raise NotFound(f"No answer {recommendation_id} is recorded. A new one takes some seconds.")


def keep_answers(events: QuerySet[Event]) -> None:
    """Keep id, placement and time of the answers among events that are about to be erased, as counting them would.

    So an answer is known to be erased. It names no shopper.
    """
    served = events.filter(kind="track", name=RECOMMENDATION_SERVED.name)
    ServedAnswer.objects.bulk_create(
        (
            ServedAnswer(
                recommendation_id=str(properties.get("recommendation_id")),
                placement=str(properties.get("placement")),
                personalized=properties.get("personalized") is True,
                at=at,
            )
            for at, properties in served.values_list("at", "properties").iterator()
        ),
        batch_size=1_000,
        ignore_conflicts=True,
    )


def _time_in(recommendation_id: str) -> datetime | None:
    """Return the product's time at which a UUIDv7 was made; None for other texts."""
    try:
        return from_microseconds(product_us((UUID(recommendation_id).int >> 80) * 1000))
    except (ValueError, OverflowError):
        return None
