"""Customers and links that nobody used for long. Who was seen lately is known in a room above, which says so."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet

from customers.models import Customer, CustomerLink, ShopId

AT_ONCE: Final = 1_000
ActiveIds = Callable[[Collection[str]], Collection[str]]
"""Takes raw ids, and returns those that were seen lately."""


def idle_customers(before: datetime, *, active_ids: ActiveIds) -> int:
    """Return how many customers, links and ids of the shop are older and of nobody who was seen lately."""
    return sum(len(keys) for _, keys in _idle(before, active_ids))


def delete_idle(before: datetime, *, active_ids: ActiveIds) -> int:
    """Delete customers, links and ids of the shop that are older and of nobody seen lately; return their number."""
    deleted = 0
    for rows, keys in _idle(before, active_ids):
        rows.filter(pk__in=keys).delete()
        deleted += len(keys)
    return deleted


def _idle(before: datetime, active_ids: ActiveIds) -> Iterator[tuple[QuerySet[Any], list[int]]]:
    """Yield the rows of a table with the keys of those that are idle, in batches."""
    yield from _of_table(Customer.objects.filter(created_at__lt=before), "raw_id", ("",), active_ids)
    yield from _of_table(CustomerLink.objects.filter(at__lt=before), "user_id", ("user:",), active_ids)
    yield from _of_table(ShopId.objects.filter(kept_at__lt=before), "pseudonym", ("user:", "anonymous:"), active_ids)


def _of_table(
    rows: QuerySet[Any], owner: str, kinds: tuple[str, ...], active_ids: ActiveIds
) -> Iterator[tuple[QuerySet[Any], list[int]]]:
    last = 0
    while batch := _next(rows, owner, last):
        owners = {f"{kind}{one}" for _, one in batch for kind in kinds}
        busy = active_ids(owners)
        yield rows, [key for key, one in batch if not any(f"{kind}{one}" in busy for kind in kinds)]
        last = batch[-1][0]


def _next(rows: QuerySet[Any], owner: str, last: int) -> Sequence[tuple[int, str]]:
    return list(rows.filter(pk__gt=last).order_by("pk").values_list("pk", owner)[:AT_ONCE])
