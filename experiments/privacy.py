"""Access and erasure of a shopper's data in this room."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db.models import Min, QuerySet

from common import privacy
from experiments.models import Experiment, Exposure, Step, StickyArm
from experiments.selectors.sticky import read_sticky
from experiments.services import measuring
from experiments.services.sticky import forget


def register() -> None:
    """Add this room to the registry."""
    store = privacy.Store(name="experiments", erase=_erase, export=_export, discover=_discover, subjects=_subjects)
    privacy.register(store)


def _rows(person: privacy.Person) -> tuple[QuerySet[StickyArm], QuerySet[Exposure]]:
    return StickyArm.objects.filter(raw_id__in=person.subjects), Exposure.objects.filter(unit__in=person.subjects)


def _erase(person: privacy.Person) -> int:
    arms, _ = _rows(person)
    erased = forget(person.subjects) + arms.delete()[0] + measuring.forget(person.subjects)
    for row, name in _test_units(person):
        fields = getattr(row, name)
        units = fields if name == "test_units" else fields["test_units"]
        for subject in person.subjects:
            units.pop(subject, None)
        row.save(update_fields=[name])
        erased += 1
    return erased


def _discover(person: privacy.Person) -> Iterator[privacy.Holding]:
    arms, exposures = _rows(person)
    yield privacy.Holding("kept arms", ("raw_id", "arm"), arms.count())
    yield privacy.Holding(
        "kept arms in Redis", ("raw id", "arm"), sum(map(bool, read_sticky(person.subjects).values()))
    )
    yield privacy.Holding("exposures", ("unit", "arm", "groups", "values"), exposures.count())
    yield privacy.Holding("test units of designs", ("test_units",), len(list(_test_units(person))))


def _subjects() -> Iterator[tuple[str, datetime]]:
    yield from StickyArm.objects.values_list("raw_id").annotate(earliest=Min("at")).order_by().iterator()
    yield from Exposure.objects.values_list("unit").annotate(earliest=Min("first_at")).order_by().iterator()


def _test_units(person: privacy.Person) -> Iterator[tuple[Experiment | Step, str]]:
    """Yield the experiments and steps that name an id as a test unit, with the field that does."""
    ids = list(person.subjects)
    yield from ((row, "test_units") for row in Experiment.objects.filter(test_units__has_any_keys=ids))
    yield from ((row, "before") for row in Step.objects.filter(before__test_units__has_any_keys=ids))
    yield from ((row, "after") for row in Step.objects.filter(after__test_units__has_any_keys=ids))


def _export(person: privacy.Person) -> dict[str, list[dict[str, Any]]]:
    arms, exposures = _rows(person)
    return {
        "arms of experiments": [dict(row) for row in arms.order_by("at").values("experiment__key", "arm", "at")],
        "experiments seen": [
            dict(row) for row in exposures.order_by("first_at").values("experiment__key", "arm", "first_at")
        ],
    }
