"""The URLs of all rooms. Only routes of the admin end in a slash."""

from pathlib import Path

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView
from drf_spectacular.views import SpectacularAPIView

from common.api_docs import ApiDocs
from config.settings.apps import ROOMS
from portal import operations
from portal.experiments.pages import urls_of_admin


def room_urls() -> list[URLPattern | URLResolver]:
    """Return the URLs of every installed room that has any."""
    rooms = [room for room in [*ROOMS, "demo"] if apps.is_installed(room)]
    return [path("", include(f"{room}.urls")) for room in rooms if has_urls(room)]


def has_urls(room: str) -> bool:
    """Return whether the room has URLs."""
    folder = apps.get_app_config(room).path
    return any((Path(folder) / name).exists() for name in ("urls.py", "urls/__init__.py"))


handler403 = "portal.forbidden.page"
urlpatterns: list[URLPattern | URLResolver] = [
    path("admin", RedirectView.as_view(pattern_name="admin:index", query_string=True)),
    path("admin/", urls_of_admin()),
    path("api/schema", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs", ApiDocs.as_view(url_name="schema"), name="docs"),
    path("healthz", operations.healthz, name="healthz"),
    path("readyz", operations.readyz, name="readyz"),
    path("metrics", operations.metrics, name="metrics"),
    *room_urls(),
]
