"""The template context of staff pages outside the model admin."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def staff_context(request: HttpRequest, *, title: str, subtitle: str = "") -> dict[str, Any]:
    """Return the admin's template context: sidebar, colors, user links."""
    return {**admin.site.each_context(request), "title": title, "subtitle": subtitle}
