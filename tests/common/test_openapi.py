"""What the OpenAPI document says of every operation."""

from typing import Any

from common.openapi import describe_problems

PROBLEM = {"$ref": "#/components/schemas/Problem"}


def described(operation: dict[str, Any]) -> dict[str, Any]:
    result = describe_problems({"paths": {"/x": {"get": operation}}}, None, None, True)
    result_operation: dict[str, Any] = result["paths"]["/x"]["get"]
    return result_operation


def test_problems_have_their_media_type_and_answers_keep_theirs() -> None:
    operation = described(
        {
            "responses": {
                "200": {"content": {"application/json": {"schema": {"type": "object"}}}},
                "404": {"content": {"application/json": {"schema": PROBLEM}}},
            }
        }
    )

    assert list(operation["responses"]["200"]["content"]) == ["application/json"]
    assert list(operation["responses"]["404"]["content"]) == ["application/problem+json"]
    assert set(operation["responses"]) == {"200", "404"}


def test_ways_to_send_a_key_are_alternatives_and_bring_their_refusals() -> None:
    operation = described({"security": [{"bearer": [], "header": []}, {}], "responses": {"204": {}}})

    assert operation["security"] == [{"bearer": []}, {"header": []}, {}]
    assert set(operation["responses"]) == {"204", "400", "401", "403", "429", "503"}
