"""The allow-list in force, in this process: standard fields, the shop's rows, and what readers of other rooms need."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final

from django.conf import settings

from common.remembered import Remembered
from events.field_list import ANY, PARTS, Allowance, FieldList
from events.models import AllowedField

Readers = Callable[[], Iterable[Allowance]]
BY_ROW: Final = "the list of allowed fields"
_readers: list[Readers] = []


def register_readers(read: Readers) -> None:
    """Register a function that returns the fields that a room of its own reads, such as by metrics."""
    _readers.append(read)


def readers_of(path: str) -> list[str]:
    """Return what reads the field besides the shop's row: its removal drops nothing that these need."""
    return list(dict.fromkeys(one.reader for read in _readers for one in read() if one.path == path))


def field_list() -> FieldList:
    """Return the list, at most two seconds old. It is compiled anew only where something changed."""
    return _list()


def forget_list() -> None:
    """Read anew at the next call, for instance after a row was changed."""
    _list.forget()


def _read() -> FieldList:
    rows = AllowedField.objects.values_list("path", "purposes")
    own = (
        *(Allowance(path, tuple(purposes), BY_ROW) for path, purposes in rows),
        *(one for read in _readers for one in read()),
    )
    attributes = tuple(settings.SHOPPER_ATTRIBUTES)
    return _compiled(own, attributes)


@lru_cache(maxsize=2)
def _compiled(own: tuple[Allowance, ...], attributes: tuple[str, ...]) -> FieldList:
    return FieldList(own, attributes=attributes)


def _without_database() -> FieldList:
    """Return a list that keeps all fields: what the shop allows is unknown, and what is dropped comes never back."""
    return FieldList(Allowance(f"{part}{ANY}", ("analytics", "personalization"), BY_ROW) for part in PARTS)


_list: Final = Remembered(_read, _without_database)
