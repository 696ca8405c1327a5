"""What every staff page outside the model admin needs to look like it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


def staff_context(request: HttpRequest, *, title: str, subtitle: str = "") -> dict[str, Any]:
    """Return the admin's context: sidebar, colors, user links."""
    return {**admin.site.each_context(request), "title": title, "subtitle": subtitle}
