"""Access and erasure of a shopper's data in this room."""

from typing import Any

from django.db.models import QuerySet

from common import privacy
from experiments.models import Exposure, StickyArm
from experiments.selectors.sticky import read_sticky
from experiments.services.sticky import forget


def register() -> None:
    """Add this room to the registry."""
    privacy.register(privacy.Store(name="experiments", erase=_erase, export=_export, verify=_verify))


def _rows(person: privacy.Person) -> tuple[QuerySet[StickyArm], QuerySet[Exposure]]:
    return StickyArm.objects.filter(raw_id__in=person.subjects), Exposure.objects.filter(unit__in=person.subjects)


def _erase(person: privacy.Person) -> int:
    return forget(person.subjects) + sum(rows.delete()[0] for rows in _rows(person))


def _verify(person: privacy.Person) -> int:
    in_redis = sum(map(bool, read_sticky(person.subjects).values()))
    return in_redis + sum(rows.count() for rows in _rows(person))


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    arms, exposures = _rows(person)
    return {
        "arms of experiments": [dict(row) for row in arms.order_by("at").values("experiment__key", "arm", "at")],
        "experiments seen": [
            dict(row) for row in exposures.order_by("first_at").values("experiment__key", "arm", "first_at")
        ],
    }
