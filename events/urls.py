"""Addresses of collection. None ends in a slash: a redirect would lose the body."""

from collections.abc import Iterator

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema

from events.api.collect import BatchView, MetricsView, SingleView
from events.api.ga4 import Ga4View
from events.api.settings import SettingsView

KINDS = ("track", "identify", "page", "screen", "group", "alias")


def single_routes() -> Iterator[URLPattern]:
    """Yield the long and the one-letter route of each kind of event."""
    for kind in KINDS:
        for route in (kind, kind[0]):
            view = extend_schema(operation_id=f"collect_{route}")(single_view(kind))
            yield path(f"v1/{route}", view.as_view(), name=f"collect-{route}")


def single_view(kind: str) -> type[SingleView]:
    """Return the door of one kind of event, a class of its own so that the OpenAPI document tells them apart."""
    return type(f"{kind.title()}View", (SingleView,), {"kind": kind, "__doc__": SingleView.__doc__})


urlpatterns = [
    path("v1/batch", BatchView.as_view(), name="collect-batch"),
    path("v1/b", BatchView.as_view(), name="collect-b"),
    *single_routes(),
    path("v1/m", MetricsView.as_view(), name="collect-m"),
    path("cdn/v1/projects/<str:key>/settings", SettingsView.as_view(), name="collect-settings"),
    path("mp/collect", Ga4View.as_view(), name="collect-ga4"),
]
