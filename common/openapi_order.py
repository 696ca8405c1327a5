"""The order in which the OpenAPI document shows its operations: what a developer needs first comes first."""

from typing import Any, Final

ONE_LETTER: Final = "collect by one letter"
TAGS: Final = {
    "collect": "Send events. `/v1/track` and `/v1/batch` are enough for most shops.",
    "recommend": "Ask what to show.",
    "catalog": "Write the products, with a secret key.",
    "consents": "Write and read what shoppers decided.",
    "customers": "Read what is known of customers, with a secret key.",
    ONE_LETTER: "The same as the routes of *collect*, as `analytics.js` calls them.",
}
"""What each group of operations is for, in the order of the document. Groups that are not here come behind `customers`.
"""
FIRST: Final = ("/v1/track", "/v1/batch", "/v1/identify", "/v1/page", "/api/v1/recommendations/{placement}")


def arrange(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular's hook: order the paths by their group, and describe the groups."""
    groups = {path: _mark_group(path, item) for path, item in result["paths"].items()}
    others = sorted({group for group in groups.values() if group not in TAGS})
    order = [*(name for name in TAGS if name != ONE_LETTER), *others, ONE_LETTER]
    paths = sorted(groups, key=lambda path: (order.index(groups[path]), _place(path)))  # sorted() is stable
    result["paths"] = {path: result["paths"][path] for path in paths}
    result["tags"] = [{"name": name, "description": TAGS.get(name, "")} for name in order if name in groups.values()]
    return result


def _mark_group(path: str, item: dict[str, Any]) -> str:
    """Return the group of a path; the routes of one letter get their own."""
    operations = [operation for operation in item.values() if "responses" in operation]
    if path.startswith("/v1/") and len(path) == len("/v1/x"):
        for operation in operations:
            operation["tags"] = [ONE_LETTER]
    return str(next((tag for operation in operations for tag in operation.get("tags", ())), ""))


def _place(path: str) -> int:
    return FIRST.index(path) if path in FIRST else len(FIRST)
