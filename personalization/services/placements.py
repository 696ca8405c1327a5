"""Create and change placements."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.services import record
from common.config_version import announce
from common.errors import FieldError, InvalidInput
from personalization.models import Placement
from personalization.rules.objective import CLICKS, OBJECTIVES
from personalization.selectors.placements import CLOSED_STRATEGIES, STRATEGIES, Filters, names_in, weights_of
from recsys.sources.registry import RECOMMENDERS

FILTERS = {one.name for one in fields(Filters)} - {"in_stock"}
"""What a placement may filter by; `Placement.sold_out` says whether it shows sold-out products."""


@transaction.atomic
def save_placement(key: str, *, data: Mapping[str, Any], actor: str, new: bool = False) -> Placement:
    """Create the placement, or change the given fields of it. Unchanged values write nothing.

    Raises InvalidInput, which names the field; with `new`, also for a key that exists already.
    """
    existing = None if new else Placement.objects.select_for_update().filter(key=key).first()
    row = existing or Placement(key=key)
    is_new = row.pk is None
    changed = sorted(field for field, value in data.items() if is_new or getattr(row, field) != value)
    for field, value in data.items():
        setattr(row, field, value)
    check_placement(row)
    if not (is_new or changed):
        return row
    row.save()
    action = "placement.created" if is_new else "placement.changed"
    record(category="placement", action=action, actor=actor, object=f"placement:{key}", data={"fields": changed})
    announce()
    return row


def check_placement(row: Placement) -> None:
    """Raise InvalidInput for a placement with invalid fields or unknown recommenders."""
    errors = [
        *_field_errors(row),
        *_number_errors(row),
        *_source_errors(row),
        *_filter_errors(row.filters),
        *_objective_errors(row),
    ]
    if errors:
        raise InvalidInput(str(errors[0]), errors=tuple(errors))


def _field_errors(row: Placement) -> Iterable[FieldError]:
    try:
        row.full_clean()
    except ValidationError as error:
        for field, texts in error.message_dict.items():
            yield from (FieldError(field, text) for text in texts)


def _source_errors(row: Placement) -> Iterable[FieldError]:
    if not isinstance(row.strategy, str) or row.strategy not in {*STRATEGIES, *RECOMMENDERS}:
        yield FieldError("strategy", _no_recommender(row.strategy))
    for field, read in (("sources", weights_of), ("fallback", names_in)):
        try:
            names = list(read(getattr(row, field)))
        except ValueError as error:
            yield FieldError(field, str(error))
        else:
            yield from (FieldError(field, _no_recommender(name)) for name in names if name not in RECOMMENDERS)
            if field == "sources" and isinstance(row.sources, list):
                times = Counter(source["name"] for source in row.sources)
                yield from (FieldError(field, f"{name} is named twice") for name in names if times[name] > 1)


def _no_recommender(name: Any) -> str:
    return f"there is no recommender {name}; there are {', '.join(sorted(RECOMMENDERS))}"


def _number_errors(row: Placement) -> Iterable[FieldError]:
    # NaN passes the bounds in full_clean().
    for name in ("explore_share", "discovery_share"):
        if isinstance(value := getattr(row, name), float) and math.isnan(value):
            yield FieldError(name, "must be a number")


def _objective_errors(row: Placement) -> Iterable[FieldError]:
    if row.objective not in OBJECTIVES:
        yield FieldError("objective", f"must be one of {', '.join(OBJECTIVES)}")
    elif row.objective != CLICKS and row.strategy in CLOSED_STRATEGIES:
        yield FieldError("objective", f"a list of {row.strategy} keeps its own order: only clicks")
    if isinstance(row.objective_percent, int) and row.objective_percent > 100:
        yield FieldError("objective_percent", "must be from 0 to 100")


def _filter_errors(filters: Any) -> Iterable[FieldError]:
    if not isinstance(filters, dict) or set(filters) - FILTERS:
        yield FieldError("filters", f"may hold {', '.join(sorted(FILTERS))}")
        return
    try:
        parsed = Filters.of(filters)
    except ValueError as error:
        yield FieldError("filters", str(error))
        return
    if parsed.min_price is not None and parsed.max_price is not None and parsed.min_price > parsed.max_price:
        yield FieldError("max_price", f"must not be less than {parsed.min_price}, the lower end")
