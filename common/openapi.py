"""Rules for all operations of the OpenAPI document."""

import json
import re
from collections import Counter
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


def summarize(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook: the summary of an operation is the first sentence of its description.

    Operations that say the same, as those of one event, add the end of their address. Raises ValueError for an
    operation without a description.
    """
    sentences = {
        (path, method): _first_sentence(operation, f"{method.upper()} {path}")
        for path, item in result["paths"].items()
        for method, operation in item.items()
        if "responses" in operation
    }
    counts = Counter(sentences.values())
    for (path, method), sentence in sentences.items():
        end = f" ({path.rpartition('/')[2]})" if counts[sentence] > 1 else ""
        result["paths"][path][method]["summary"] = f"{sentence}{end}"
    return result


def _first_sentence(operation: dict[str, Any], name: str) -> str:
    description = " ".join(operation.get("description", "").split())
    if not description:
        raise ValueError(f"{name} has no description: its method needs a docstring.")
    return re.split(r"[.;:](?:\s|$)", description, maxsplit=1)[0]


def _operations(result: dict[str, Any]) -> list[dict[str, Any]]:
    items = result["paths"].values()
    return [operation for item in items for operation in item.values() if "responses" in operation]


def _problem(description: str) -> dict[str, Any]:
    return {"description": description, "content": {CONTENT_TYPE: {"schema": {"$ref": PROBLEM}}}}
