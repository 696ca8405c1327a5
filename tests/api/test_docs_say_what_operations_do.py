"""Every operation of the OpenAPI document has a summary of its own and a description."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from common.openapi import summarize


def operations() -> dict[str, dict[str, Any]]:
    """Return the operations of the document by method and path."""
    document = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "responses" in operation
    }


@pytest.mark.django_db
def test_every_operation_has_a_summary_of_its_own_and_a_description() -> None:
    named = operations()

    assert len(named) > 30
    assert [name for name, one in named.items() if not one.get("summary") or not one.get("description")] == []
    summaries = [one["summary"] for one in named.values()]
    assert len(set(summaries)) == len(summaries)
    assert max(map(len, summaries)) <= 90


def test_an_operation_without_a_description_is_refused() -> None:
    document = {"paths": {"/x": {"get": {"responses": {}, "description": " "}}}}

    with pytest.raises(ValueError, match="GET /x has no description"):
        summarize(document, None, None, True)
