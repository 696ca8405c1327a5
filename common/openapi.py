"""Rules for all operations of the OpenAPI document."""

import json
from typing import Any, Final

from common.problems import CONTENT_TYPE

PROBLEM: Final = "#/components/schemas/Problem"
EVERYWHERE: Final = {
    "400": "The input is wrong; `errors` names the fields.",
    "401": "No key, or an unknown one.",
    "403": "The key may not do this.",
    "429": "Too many requests; retry after `Retry-After` seconds.",
    "503": "A part of ours is down; retry after `Retry-After` seconds.",
}


def describe_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook: problems get their own media type, and operations with a key their common errors.

    The ways to send a key are alternatives; drf-spectacular would require all of one class at once.
    """
    for operation in _operations(result):
        if "security" in operation:
            operation["security"] = [
                {way: of[way]} if way else {} for of in operation["security"] for way in of or [""]
            ]
        for response in operation["responses"].values():
            content = response.get("content", {})
            if content.get("application/json", {}).get("schema", {}).get("$ref") == PROBLEM:
                content[CONTENT_TYPE] = content.pop("application/json")
        if any(operation.get("security", ())):
            for status, description in EVERYWHERE.items():
                operation["responses"].setdefault(status, _problem(description))
    return result


def tell_defaults(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook: move the default of a body's field into its description.

    TypeScript generators treat a field with a default as always present, and require it in requests.
    """
    for schema in result["components"]["schemas"].values():
        for field in schema.get("properties", {}).values():
            default = field.pop("default", None)
            if default not in (None, ""):
                parts = (field.get("description"), f"Default: {json.dumps(default)}.")
                field["description"] = " ".join(filter(None, parts))
    return result


def _operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    items = result["paths"].values()
    return [operation for item in items for operation in item.values() if "responses" in operation]


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": {"$ref": PROBLEM}}}}
