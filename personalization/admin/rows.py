"""Rows that an address of the admin names."""

from typing import TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404

Row = TypeVar("Row", bound=Model)


def row_or_404(rows: QuerySet[Row], key: str) -> Row:
    """Return the row of that primary key. Raises Http404 where there is none, or what stands there is no number."""
    if not key.isdecimal():
        raise Http404
    return get_object_or_404(rows, pk=key)
