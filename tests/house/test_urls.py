"""Every URL of the product is in the OpenAPI document or on this short list."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

# Doors for people, and for machines that no shop's code calls.
NAMED = {
    "": "the way in, for people",
    ".well-known/gpc.json": "the Global Privacy Control specification's",
    "admin": "for people who leave out the slash of admin/",
    "privacy/confirm/<str:token>": "a shopper's, behind a one-time link",
    "sub/<str:key>": "an event stream, which has no answer to describe",
    "healthz": "the load balancer's",
    "readyz": "the load balancer's",
    "metrics": "Prometheus's",
    "api/schema": "the document itself",
    "api/docs": "the document, drawn",
}
PAGES = ("admin/", "shop", "portal/", "desk/", "privacy/me")


def routes(patterns: list[URLPattern | URLResolver] | None = None, prefix: str = "") -> Iterator[str]:
    """Yield the route of every URL of the product."""
    for pattern in get_resolver().url_patterns if patterns is None else patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        else:
            yield route


def spelled(route: str) -> str:
    """Return the route as the OpenAPI document spells it."""
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", route)


@pytest.fixture
def operations(client: Client) -> dict[str, Any]:
    """The operations of the OpenAPI document, by path and method."""
    paths: dict[str, Any] = client.get("/api/schema", headers={"Accept": "application/json"}).json()["paths"]
    return paths


@pytest.fixture
def documented(operations: dict[str, Any]) -> set[str]:
    """The paths of the OpenAPI document."""
    return set(operations)


def test_every_url_is_documented_or_named(documented: set[str]) -> None:
    unknown = [
        route
        for route in routes()
        if route not in NAMED and not route.startswith(PAGES) and spelled(route) not in documented
    ]

    assert unknown == []


def test_no_name_is_on_the_list_for_nothing() -> None:
    assert NAMED.keys() - set(routes()) == set()


def test_no_machine_route_ends_in_a_slash(documented: set[str]) -> None:
    assert [path for path in documented if path.endswith("/")] == []


def test_only_who_takes_a_body_refuses_one(operations: dict[str, Any]) -> None:
    bodiless = {
        f"{method} {path}": {"413", "415"} & operation["responses"].keys()
        for path, methods in operations.items()
        for method, operation in methods.items()
        if "requestBody" not in operation
    }

    assert bodiless
    assert {name for name, refusals in bodiless.items() if refusals} == set()
