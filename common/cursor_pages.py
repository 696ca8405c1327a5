"""Lists of the API in pages. A cursor is the key of the page's last row, so every page costs the same."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

from django.db.models import Model, QuerySet
from django.http import QueryDict
from rest_framework import serializers

from common.attribute_filters import query_attributes
from common.errors import InvalidInput

DEFAULT: Final = 100
MOST: Final = 500
LONGEST: Final = 4_000
"""More characters than the cursor of any key has."""
M = TypeVar("M", bound=Model)


class CursorFields(serializers.Serializer[Any]):
    """The fields of a request for one page of a list."""

    limit = serializers.IntegerField(required=False, default=DEFAULT, min_value=1, max_value=MOST)
    cursor = serializers.CharField(
        required=False, allow_blank=True, max_length=LONGEST, help_text="`next_cursor` of the page before."
    )


class CursorBody(serializers.Serializer[Any]):
    """The end of a page."""

    next_cursor = serializers.CharField(allow_null=True, help_text="`cursor` of the next page; null: it was the last.")


def page_fields(kind: type[CursorFields], query: QueryDict, *, lists: Collection[str] = ()) -> dict[str, Any]:
    """Return the validated fields of a query; `lists` names the repeatable ones. Raises DRF's ValidationError."""
    values: dict[str, Any] = {name: query.getlist(name) if name in lists else query[name] for name in query}
    if attributes := query_attributes(query):
        values["attributes"] = attributes
    fields = kind(data=values)
    fields.is_valid(raise_exception=True)
    return dict(fields.validated_data)


def requested_page(
    kind: type[CursorFields],
    query: QueryDict,
    matching: Callable[..., QuerySet[M]],
    *,
    key: str,
    lists: Collection[str] = (),
) -> tuple[list[M], str | None]:
    """Return the page that a query names of the rows that `matching(**conditions)` returns, and the next cursor.

    Conditions are the fields of `kind` but limit and cursor. Raises as `page_fields` and `page_of` do.
    """
    conditions = page_fields(kind, query, lists=lists)
    limit, cursor = conditions.pop("limit"), conditions.pop("cursor", None)
    return page_of(matching(**conditions), key=key, limit=limit, cursor=cursor)


def page_of(rows: QuerySet[M], *, key: str, limit: int, cursor: str | None) -> tuple[list[M], str | None]:
    """Return the rows behind the cursor in the order of a unique text column, and the next cursor, None at the end.

    Rows that are added or removed meanwhile move no other row to another page. Raises InvalidInput for what is no
    cursor.
    """
    behind = rows.filter(**{f"{key}__gt": _key_in(cursor)}) if cursor else rows
    page = list(behind.order_by(key)[: limit + 1])
    if len(page) <= limit:
        return page, None
    return page[:limit], _cursor_of(str(getattr(page[limit - 1], key)))


def _cursor_of(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode().rstrip("=")


def _key_in(cursor: str) -> str:
    try:
        key = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        key = ""
    if _cursor_of(key) != cursor or "\x00" in key:
        raise InvalidInput.of("cursor", "must be the next_cursor of an earlier page")
    return key
