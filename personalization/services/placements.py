"""Making and changing placements."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import record
from common.errors import FieldError, InvalidInput
from personalization.models import Placement
from personalization.ranking.onboarding import ONBOARDING
from personalization.recommenders.registry import RECOMMENDERS
from personalization.services.live import announce

FILTERS = {"category", "brand", "min_price", "max_price", "in_stock"}
RANKERS = ("hybrid", "blend", ONBOARDING)


@transaction.atomic
def save_placement(key: str, *, data: Mapping[str, Any], actor: str) -> Placement:
    """Make the placement, or change the given fields of it. Raises InvalidInput naming the field."""
    row = Placement.objects.select_for_update().filter(key=key).first() or Placement(key=key)
    for field, value in data.items():
        setattr(row, field, value)
    check_placement(row)
    made = row.pk is None
    row.save()
    action = "placement.created" if made else "placement.changed"
    record(category="placement", action=action, actor=actor, object=f"placement:{key}", data={"fields": sorted(data)})
    announce()
    return row


def check_placement(row: Placement) -> None:
    """Raise InvalidInput where a placement names what does not exist or its fields do not fit."""
    errors = [*_field_errors(row), *_source_errors(row), *_filter_errors(row.filters)]
    if errors:
        raise InvalidInput(f"{errors[0].field}: {errors[0].message}", errors=tuple(errors))


def _field_errors(row: Placement) -> Iterable[FieldError]:
    try:
        row.full_clean()
    except ValidationError as error:
        for field, texts in error.message_dict.items():
            yield from (FieldError(field, text) for text in texts)


def _source_errors(row: Placement) -> Iterable[FieldError]:
    if row.strategy not in RANKERS and row.strategy not in RECOMMENDERS:
        yield FieldError("strategy", f"there is no recommender {row.strategy}")
    for source in row.sources if isinstance(row.sources, list) else [None]:
        if not isinstance(source, dict) or source.get("name") not in RECOMMENDERS:
            yield FieldError("sources", 'must be a list of {"name": recommender, "weight": number}')
        elif not isinstance(source.get("weight", 1.0), int | float) or not 0 < source.get("weight", 1.0) < math.inf:
            yield FieldError("sources", f"the weight of {source['name']} must be a number above 0")
    for name in row.fallback if isinstance(row.fallback, list) else [None]:
        if name not in RECOMMENDERS:
            yield FieldError("fallback", f"there is no recommender {name}")


def _filter_errors(filters: Any) -> Iterable[FieldError]:
    if not isinstance(filters, dict) or set(filters) - FILTERS:
        yield FieldError("filters", f"may hold {', '.join(sorted(FILTERS))}")
        return
    for name in ("min_price", "max_price"):
        try:
            Decimal(str(filters.get(name, 0)))
        except InvalidOperation:
            yield FieldError("filters", f"{name} must be a number")
    if not isinstance(filters.get("in_stock"), bool | None):
        yield FieldError("filters", "in_stock must be true or false")
