"""Who sends something wrong reads in the answer what is wrong, and what would be right."""

import gzip
from typing import Any

import pytest
from rest_framework.test import APIClient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("stocked_shop")]
HOME = "/api/v1/recommendations/home"
NEEDED = "An API key is needed: send `Authorization: Bearer KEY`."


@pytest.fixture
def server() -> APIClient:
    """A client with a secret key that may do everything."""
    from access.scopes import SCOPE_NAMES
    from access.services import create_key

    _, secret = create_key(kind="sk", name="server", scopes=sorted(SCOPE_NAMES))
    return APIClient(headers={"authorization": f"Bearer {secret}"})


def refusal_of(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer"}, {"authorization": "Digest x"}])
def test_without_a_key_every_door_says_how_to_send_one(headers: dict[str, str]) -> None:
    stranger = APIClient(headers=headers)

    answers = [stranger.get(HOME), stranger.post("/v1/track", {"event": "x"}, format="json")]

    assert [refusal_of(answer) for answer in answers] == [(401, NEEDED), (401, NEEDED)]
    assert {answer.json()["title"] for answer in answers} == {"Unauthenticated"}


def test_a_key_in_the_wrong_place_is_told_so(server: APIClient) -> None:
    from access.services import create_key

    _, publishable = create_key(kind="pk", name="page", origins=["https://shop.example"])
    page = APIClient(headers={"authorization": f"Bearer {publishable}", "origin": "https://eve.example"})

    assert refusal_of(server.get(HOME, headers={"origin": "https://shop.example"})) == (
        403,
        "A secret key may not be used in a browser: use a publishable one there.",
    )
    assert refusal_of(page.get(HOME)) == (
        403,
        "This key may not be used from https://eve.example: it lists its origins.",
    )


def test_a_path_that_is_no_route_leads_to_the_routes(server: APIClient) -> None:
    answer = server.post("/v1/track/", {"event": "x"}, format="json")

    assert refusal_of(answer) == (404, "There is no such route: /api/docs lists them, and none ends with a slash.")


def test_an_unknown_placement_is_told_which_there_are(server: APIClient) -> None:
    there = "there are bundle, cart, home, onboarding, product, recent, similar, trending"

    assert refusal_of(server.get("/api/v1/recommendations/hom")) == (404, f"There is no placement hom; {there}.")
    body = {"placements": [{"placement": "hom"}, {"placement": "car"}]}
    assert refusal_of(server.post("/api/v1/page", body, format="json")) == (
        404,
        f"There is no placement hom, car; {there}.",
    )


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_body_that_is_not_called_json_is_told_what_to_call_it(server: APIClient, kind: str) -> None:
    status, detail = refusal_of(server.generic("POST", HOME, "{}", content_type=kind))

    assert status == 415
    assert detail.endswith(" Send JSON, as Content-Type: application/json.")


def test_a_compressed_body_where_none_is_taken_is_told_so(server: APIClient) -> None:
    answer = server.post(HOME, gzip.compress(b'{"limit": 1}'), content_type="application/json")

    assert refusal_of(answer) == (400, "The body is not valid JSON: not UTF-8, or compressed")


def test_a_line_of_a_bulk_upload_is_told_what_it_should_be(server: APIClient) -> None:
    body = b'[{"product_id": "P1", "title": "Desk", "price": 1}]\n{"product_id": "\xe9"}'

    answer = server.post("/api/v1/products/bulk", body, content_type="application/x-ndjson")

    assert [line["errors"][0]["message"] for line in answer.json()["rejected"]] == [
        "expected an object: one product a line, without a list around them",
        "not JSON: not UTF-8, or compressed",
    ]


def test_an_unknown_purpose_is_told_which_there_are(server: APIClient) -> None:
    body = {"decisions": {"personalisation": True}}

    status, detail = refusal_of(server.put("/api/v1/consents/user:ada", body, format="json"))

    assert (status, detail) == (
        400,
        "decisions.personalisation: is not a purpose; there are ads_share, analytics, crm_sync, cross_device, "
        "experiments, personalization, train_models",
    )


def test_of_events_that_are_refused_the_first_is_told_in_a_sentence(server: APIClient) -> None:
    body = {"batch": [{"type": "track", "event": "x"}, {"type": "buy", "userId": "ada"}]}

    answer = server.post("/v1/batch", body, format="json")

    why = "No event of the request is sound. batch.0.userId: one of userId and anonymousId is needed"
    assert refusal_of(answer) == (400, why)
    assert answer.json()["message"] == why
    assert [error["field"] for error in answer.json()["errors"]] == ["batch.0.userId", "batch.1.type"]


@pytest.mark.parametrize("events", [{}, {"events": []}, {"events": {}}])
def test_a_ga4_body_without_events_is_told_so(server: APIClient, events: dict[str, Any]) -> None:
    answer = server.post("/mp/collect", {"client_id": "bo", **events}, format="json")

    assert refusal_of(answer) == (400, "events: must be a list of at least one event")
    assert answer.json()["errors"] == [{"field": "events", "message": "must be a list of at least one event"}]
