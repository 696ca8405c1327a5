"""A request that waited too long for a worker is refused before it costs anything, whatever it asks for."""

import time
from typing import TYPE_CHECKING

import pytest
from django.conf import settings

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db


def since(milliseconds: float) -> dict[str, str]:
    return {"X-Request-Start": str(int(time.time() * 1000 - milliseconds))}


@pytest.mark.parametrize("path", ["/api/v1/recommendations/home", "/v1/batch", "/admin/", "/healthz"])
def test_what_waited_too_long_is_refused(client: "Client", path: str) -> None:
    response = client.get(path, headers=since(settings.SERVING_MOST_WAIT_MILLISECONDS + 100))

    assert (response.status_code, response["Retry-After"]) == (503, "1")
    assert "Too many requests at once" in response.content.decode()


def test_a_body_that_waited_too_long_is_refused_too(client: "Client") -> None:
    response = client.post("/api/v1/page", data=b"{}", content_type="application/json", headers=since(5_000))

    assert (response.status_code, response["Content-Type"]) == (503, "application/problem+json")


@pytest.mark.parametrize("path", ["/v1/batch", "/mp/collect", "/api/v1/consents/user:ada"])
def test_what_a_browser_sends_once_is_taken_however_late(client: "Client", path: str) -> None:
    method = client.put if "consents" in path else client.post

    response = method(path, data=b"{}", content_type="application/json", headers=since(5_000))

    assert response.status_code in {400, 401}, "judged, not refused"


def test_what_waited_less_is_answered(client: "Client") -> None:
    assert client.get("/healthz", headers=since(100)).status_code == 200


def test_a_browser_may_read_the_refusal(client: "Client") -> None:
    response = client.get("/api/v1/recommendations/home", headers={**since(5_000), "Origin": "https://shop.example"})

    assert (response.status_code, response["Access-Control-Allow-Origin"]) == (503, "https://shop.example")
