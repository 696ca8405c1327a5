"""Filters on attributes: `attributes[color]=oak` in a query, `{"attributes": {"color": ["oak"]}}` in a body.

Several values of one name: any of them. Several names: all of them. Values are compared without regard to case, names
exactly.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL
from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

NAME: Final = "attributes"
MOST_NAMES: Final = 20
MOST_VALUES: Final = 50
LONGEST_NAME: Final = 100
LONGEST_VALUE: Final = 1_000
HELP: Final = "`attributes[color]=oak`: any of several values of one name, every one of several names."
PARAMETER: Final = OpenApiParameter(
    NAME,
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
    style="deepObject",
    explode=True,
    description=HELP,
)
"""The parameter in the OpenAPI document: a serializer would describe it as a plain object."""
_CONDITION: Final = """EXISTS (
    SELECT 1 FROM (SELECT {column} -> %s AS value) AS own, jsonb_array_elements_text(
        CASE jsonb_typeof(own.value) WHEN 'array' THEN own.value ELSE jsonb_build_array(own.value) END
    ) AS one WHERE lower(one) IN (SELECT lower(wanted) FROM unnest(%s) AS wanted)
)"""
_KEY: Final = re.compile(rf"{NAME}\[(.+)\]", re.DOTALL)


def attribute_texts(value: Any) -> list[str]:
    """Return the values of an attribute as texts: each one of a list, none of null, `true` and `false`, numbers."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values if one is not None]


def has_attributes(column: str, filters: Mapping[str, Sequence[str]]) -> list[RawSQL]:
    """Return the conditions that a JSON column of names and values meets the filters; `column` is `table.column`."""
    condition = _CONDITION.format(column=column)
    return [RawSQL(condition, (name, list(values)), output_field=BooleanField()) for name, values in filters.items()]


def query_attributes(query: QueryDict) -> dict[str, list[str]]:
    """Return the values by name of all `attributes[NAME]` of a query."""
    return {match[1]: query.getlist(key) for key in query if (match := _KEY.fullmatch(key))}


class _Values(serializers.ListField):
    def to_internal_value(self, data: Any) -> list[Any]:
        """Accept a single value as a list of one, numbers and truth values as text."""
        values = data if isinstance(data, list) else [data]
        simple = all(isinstance(one, str | int | float) for one in values)
        return super().to_internal_value(attribute_texts(values) if simple else values)


class AttributesField(serializers.DictField):
    """Values by name, in a request."""

    def __init__(self, **options: Any) -> None:
        value = serializers.CharField(max_length=LONGEST_VALUE)
        child = _Values(child=value, min_length=1, max_length=MOST_VALUES)
        super().__init__(child=child, required=False, help_text=HELP, **options)

    def to_internal_value(self, data: Any) -> dict[str, list[str]]:
        """Check the names before the values: a body can hold hundreds of thousands."""
        if isinstance(data, Mapping):
            if len(data) > MOST_NAMES:
                raise serializers.ValidationError(f"Ensure there are no more than {MOST_NAMES} names.")
            if any(not isinstance(name, str) or "\x00" in name or len(name) > LONGEST_NAME for name in data):
                raise serializers.ValidationError(f"Names are texts of up to {LONGEST_NAME} characters.")
        values: dict[str, list[str]] = super().to_internal_value(data)
        return values
