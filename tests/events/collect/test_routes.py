"""Every route of the contract, and how the key may be given."""

import gzip
import json
from base64 import b64encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from rest_framework.test import APIClient

from common.pseudonyms import pseudonym

if TYPE_CHECKING:
    from tests.events.collect.conftest import LogReader

Maker = Callable[..., dict[str, Any]]
ITEM: dict[str, dict[str, Any]] = {
    "track": {"event": "Product Viewed", "properties": {"product_id": "P1"}},
    "identify": {"userId": "ada", "traits": {"loyalty": "gold"}},
    "page": {"name": "Home", "properties": {"path": "/"}},
    "screen": {"name": "Home"},
    "group": {"groupId": "g1", "traits": {"plan": "b2b"}},
    "alias": {"userId": "ada", "previousId": "bo"},
}
CONSENT = {"context": {"consent": {"categoryPreferences": {"analytics": True}}}}


@pytest.mark.parametrize("kind", list(ITEM))
@pytest.mark.parametrize("short", [False, True])
def test_each_kind_has_a_long_and_a_one_letter_route(
    server: APIClient, log: "LogReader", kind: str, short: bool
) -> None:
    body = json.dumps({"messageId": "m1", "anonymousId": "bo", **CONSENT, **ITEM[kind]})

    answer = server.post(f"/v1/{kind[0] if short else kind}", body, content_type="text/plain")

    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    assert log.event().kind == kind
    assert log.event().anonymous_id == pseudonym("bo")


@pytest.mark.parametrize("route", ["/v1/batch", "/v1/b"])
@pytest.mark.usefixtures("every_field_allowed")
def test_a_batch_merges_its_context_and_integrations(
    server: APIClient, log: "LogReader", viewed: Maker, route: str
) -> None:
    item = viewed(context={"page": {"path": "/p1"}})
    skipped = viewed("m2", integrations={"Vitrine": False}, context={})
    body: dict[str, Any] = {
        "batch": [item, skipped],
        "context": {**CONSENT["context"], "library": {"name": "x"}},
        "integrations": {"All": True},
    }

    answer = server.post(route, json.dumps(body), content_type="application/json")

    assert answer.status_code == 200
    assert log.event().message_id == "m1"
    assert log.event().context == {"page": {"path": "/p1"}, "library": {"name": "x"}}
    assert [one["reason"] for one in log.counted()] == ["not_for_us"]


def test_browser_metrics_are_accepted_and_ignored(browser: APIClient, log: "LogReader") -> None:
    answer = browser.post("/v1/m", "{}", content_type="text/plain")

    assert answer.json() == {"success": True}
    assert len(log) == 0


def test_no_route_redirects(server: APIClient) -> None:
    assert server.post("/v1/batch/", "{}", content_type="application/json").status_code == 404


@pytest.mark.parametrize("form", ["bearer", "basic", "x-api-key", "body", "body of a batch"])
def test_the_key_may_be_given_in_five_ways(log: "LogReader", viewed: Maker, browser_key: str, form: str) -> None:
    headers: dict[str, Any] = {
        "bearer": {"HTTP_AUTHORIZATION": f"Bearer {browser_key}"},
        "basic": {"HTTP_AUTHORIZATION": "Basic " + b64encode(f"{browser_key}:".encode()).decode()},
        "x-api-key": {"HTTP_X_API_KEY": browser_key},
    }
    body: dict[str, Any] = viewed() if form != "body of a batch" else {"batch": [viewed()]}
    if form.startswith("body"):
        body["writeKey"] = browser_key

    route = "/v1/b" if form == "body of a batch" else "/v1/t"
    answer = APIClient().post(route, json.dumps(body), content_type="text/plain", **headers.get(form, {}))

    assert answer.status_code == 200
    assert log.event().source.startswith("key:")


@pytest.mark.parametrize("encoding", ["gzip", None])
@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain"])
def test_a_packed_body_is_read_whatever_its_labels_say(
    server: APIClient, log: "LogReader", viewed: Maker, encoding: str | None, content_type: str
) -> None:
    packed = gzip.compress(json.dumps({"batch": [viewed()]}).encode())
    headers: dict[str, Any] = {"HTTP_CONTENT_ENCODING": encoding} if encoding else {}

    answer = server.post("/v1/batch", packed, content_type=content_type, **headers)

    assert answer.status_code == 200
    assert log.event().message_id == "m1"


@pytest.mark.parametrize("route", ["/v1/track", "/v1/t?format=xml"])
@pytest.mark.parametrize("accept", ["text/html", "image/*", "rubbish", "", ";;=/,"])
def test_an_event_is_accepted_whatever_answer_is_wished_for(
    server: APIClient, log: "LogReader", viewed: Maker, route: str, accept: str
) -> None:
    answer = server.post(route, json.dumps(viewed()), content_type="text/plain", HTTP_ACCEPT=accept)

    assert answer.status_code == 200
    assert answer.json() == {"success": True}
    assert log.event().message_id == "m1"


def test_a_body_packed_in_several_archives_is_read(server: APIClient, log: "LogReader", viewed: Maker) -> None:
    text = json.dumps({"batch": [viewed()]}).encode()
    packed = b"".join(gzip.compress(text[start : start + 40]) for start in range(0, len(text), 40))

    answer = server.post("/v1/batch", packed, content_type="application/json")

    assert answer.status_code == 200
    assert log.event().message_id == "m1"


def test_a_preflight_allows_what_the_sdks_send(browser: APIClient) -> None:
    answer = APIClient().options(
        "/v1/t",
        HTTP_ORIGIN="https://shop.example",
        HTTP_ACCESS_CONTROL_REQUEST_METHOD="POST",
        HTTP_ACCESS_CONTROL_REQUEST_HEADERS="authorization,content-type,x-retry-count",
    )

    assert answer.status_code in (200, 204)
    assert answer["Access-Control-Allow-Origin"] in ("*", "https://shop.example")
    allowed = answer["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "x-retry-count"))
    assert "POST" in answer["Access-Control-Allow-Methods"]


def test_an_answer_may_be_read_by_the_page_that_asked(browser: APIClient, viewed: Maker) -> None:
    answer = browser.post("/v1/t", json.dumps(viewed()), content_type="text/plain")

    assert answer.status_code == 200
    assert answer["Access-Control-Allow-Origin"] in ("*", "https://shop.example")
    assert "Sec-GPC" in answer["Vary"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_secret_key_in_an_address_is_refused_and_not_logged(
    server_key: str, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    for raw in (server_key, f"{server_key}x"):
        answer = APIClient().generic(method, f"/cdn/v1/projects/{raw}/settings")

        assert answer.status_code in (401, 403, 405)
    assert "/cdn/v1/projects/sk_" in caplog.text
    assert server_key not in caplog.text


def test_the_settings_endpoint_names_key_host_and_protocol(browser_key: str) -> None:
    answer = APIClient().get(f"/cdn/v1/projects/{browser_key}/settings", HTTP_HOST="localhost")

    assert answer.json() == {
        "integrations": {"Segment.io": {"apiKey": browser_key, "apiHost": "localhost/v1", "protocol": "http"}}
    }
    assert APIClient().get("/cdn/v1/projects/pk_nobody/settings").status_code == 401


def test_the_settings_endpoint_answers_head_and_refuses_other_methods(browser_key: str) -> None:
    address = f"/cdn/v1/projects/{browser_key}/settings"

    assert APIClient().head(address).status_code == 200
    assert APIClient().put(address).status_code == 405


def test_the_settings_endpoint_counts_toward_the_keys_allowance(browser_key: str, settings: Any) -> None:
    settings.KEY_RATES = {"sk": "1/minute", "pk": "1/minute"}

    answers = [APIClient().get(f"/cdn/v1/projects/{browser_key}/settings") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]
    assert 1 <= int(answers[1]["Retry-After"]) <= 60
