"""URLs of collection. None ends in a slash, because a redirect would lose the body."""

from collections.abc import Iterator

from django.urls import URLPattern, path
from drf_spectacular.utils import extend_schema, extend_schema_view

from events.api.collect import BatchView, CollectView, MetricsView, SingleView
from events.api.examples import examples_of
from events.api.ga4 import Ga4View
from events.api.settings import SettingsView
from events.types.base import KINDS


def view_for_route(route: str, kind: str) -> type[CollectView]:
    """Return a subclass for one route, so that the OpenAPI document distinguishes the routes."""
    view, attributes = (BatchView, {}) if kind == "batch" else (SingleView, {"kind": kind})
    subclass = type(f"{route.title()}View", (view,), {**attributes, "__doc__": view.__doc__})
    schema = extend_schema(operation_id=f"collect_{route}", examples=examples_of(kind))
    return extend_schema_view(post=schema)(subclass)


def event_routes() -> Iterator[URLPattern]:
    """Yield the long and the one-letter route of a batch, and of each kind of event."""
    for long in ("batch", *KINDS):
        for route in (long, long[0]):
            yield path(f"v1/{route}", view_for_route(route, long).as_view(), name=f"collect-{route}")


urlpatterns = [
    *event_routes(),
    path("v1/m", MetricsView.as_view(), name="collect-m"),
    path("cdn/v1/projects/<str:key>/settings", SettingsView.as_view(), name="collect-settings"),
    path("mp/collect", Ga4View.as_view(), name="collect-ga4"),
]
