"""The admin's first page: what is happening, for the person who opened it."""

from typing import Any

from django.http import HttpRequest


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Return the context of the admin's home."""
    return {**context, "title": "What is happening"}
