"""How a key is presented, what it opens, and from where."""

import base64
from typing import Any, ClassVar

import pytest
from django.test import Client
from pytest_django import Settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory
from rest_framework.views import APIView

from access.identity import sign_user, verify_user_hash
from access.selectors import resolve_key
from access.services import create_key

pytestmark = pytest.mark.django_db
URL = "/api/v1/products/P1"
HERE = "https://shop.example"


def basic(raw: str) -> str:
    return "Basic " + base64.b64encode(f"{raw}:".encode()).decode()


@pytest.mark.parametrize("way", ["bearer", "basic", "header"])
def test_a_key_comes_in_three_ways(way: str) -> None:
    _, raw = create_key(kind="sk", name="server", scopes=["catalog:read"])
    headers = {
        "bearer": {"authorization": f"Bearer {raw}"},
        "basic": {"authorization": basic(raw)},
        "header": {"x-api-key": raw},
    }[way]

    assert APIClient(headers=headers).get(URL).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer "},
        {"authorization": "Bearer sk_wrong"},
        {"authorization": "Basic !!!"},
        {"authorization": "Basic éé"},
        {"authorization": "Basic " + base64.b64encode(b"\xff\xfe:").decode()},
        {"authorization": "Digest x"},
        {"x-api-key": "x" * 10_000},
    ],
)
def test_eve_is_refused(headers: dict[str, str]) -> None:
    answer = APIClient(headers=headers).get(URL)

    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"] == 'Bearer realm="vitrine"'
    assert answer.json()["status"] == 401


def test_a_session_of_staff_is_no_key(admin_client: Client) -> None:
    assert admin_client.get(URL).status_code == 401


def test_a_secret_key_is_refused_in_a_browser() -> None:
    _, raw = create_key(kind="sk", name="server", scopes=["catalog:read"])

    answer = APIClient(headers={"authorization": f"Bearer {raw}", "origin": HERE}).get(URL)

    assert answer.status_code == 403
    assert "in a browser" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("origins", "origin", "status"),
    [
        ([], HERE, 403),
        ([HERE], HERE, 403),
        ([HERE], None, 403),
        ([HERE], "https://evil.example", 403),
        ([HERE], "null", 403),
    ],
)
def test_a_publishable_key_is_held_to_its_origins(origins: list[str], origin: str | None, status: int) -> None:
    _, raw = create_key(kind="pk", name="storefront", origins=origins)
    headers = {"authorization": f"Bearer {raw}", **({"origin": origin} if origin else {})}

    answer = APIClient(headers=headers).get(URL)

    foreign = bool(origins) and origin not in (None, HERE)
    assert answer.status_code == status
    assert ("it lists its origins" in answer.json()["detail"]) is foreign
    assert ("lacks the scope" in answer.json()["detail"]) is not foreign


@pytest.mark.parametrize("path", ["/api/v1/products/bulk", "/v1/batch", "/v1/t", "/api/v1/recommendations/home"])
def test_a_preflight_is_answered(path: str, client: Client) -> None:
    answer = client.options(path, headers={"origin": HERE, "access-control-request-method": "POST"})

    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == HERE
    assert answer["Vary"] == "Origin"
    for header in (
        "authorization",
        "content-type",
        "x-retry-count",
        "x-api-key",
        "x-user-hash",
        "anonymousid",
        "sentat",
    ):
        assert header in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_a_method_that_a_door_does_not_know_is_not_the_keys_fault() -> None:
    _, raw = create_key(kind="sk", name="server", scopes=["recommendations:read"])
    ours = APIClient(headers={"x-api-key": raw})

    response = ours.patch(URL)

    assert (response.status_code, response["Allow"]) == (405, "GET, PUT, DELETE, HEAD, OPTIONS")
    assert ours.get(URL).status_code == 403
    assert APIClient().patch(URL).status_code == 401


def test_a_method_for_which_a_door_names_no_scope_is_closed() -> None:
    class Door(APIView):
        scope: ClassVar = {"GET": "catalog:read"}

        def get(self, request: Request) -> Response:
            return Response()

        delete = get

    _, raw = create_key(kind="sk", name="server", scopes=["catalog:read"])
    ours = APIRequestFactory(headers={"x-api-key": raw})

    answers = [Door.as_view()(ask("/")) for ask in (ours.get, ours.delete)]

    assert [answer.status_code for answer in answers] == [200, 403]


def test_an_answer_names_the_origin_and_pages_for_people_do_not(client: Client) -> None:
    assert client.get(URL, headers={"origin": HERE})["Access-Control-Allow-Origin"] == HERE
    assert "Access-Control-Allow-Origin" not in client.get("/admin/login/", headers={"origin": HERE}).headers
    assert "Access-Control-Allow-Origin" not in client.get(URL).headers


def test_a_user_hash_proves_one_user_to_one_key() -> None:
    ada = resolve_key(create_key(kind="pk", name="shop")[1])
    other = resolve_key(create_key(kind="pk", name="other")[1])
    proof = sign_user(ada.identity_secret, user_id="ada")

    def proves(key: Any, user: str, user_hash: str | None) -> bool:
        return verify_user_hash(key, user_id=user, user_hash=user_hash)

    assert proves(ada, "ada", proof)
    assert proves(ada, "ada", proof.upper())
    assert not proves(ada, "eve", proof)
    assert not proves(other, "ada", proof)
    assert not proves(ada, "ada", None)
    assert not proves(ada, "ada", "ключ\ud800")


@pytest.mark.parametrize(("demo", "origin", "status"), [(True, "http://testserver", 200), (True, HERE, 403),
                                                        (False, "http://testserver", 403)])  # fmt: skip
def test_the_demos_own_docs_may_try_its_secret_key(settings: Settings, demo: bool, origin: str, status: int) -> None:
    settings.DEMO = demo
    _, raw = create_key(kind="sk", name="server", scopes=["events:write"])
    body = {"userId": "U1", "event": "Product Viewed", "properties": {"product_id": "P1"}}

    answer = APIClient(headers={"authorization": f"Bearer {raw}", "origin": origin}).post("/v1/track", body, "json")

    assert answer.status_code == status
