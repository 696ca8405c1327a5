"""The door of the purposes: what a preference center shows before it knows the shopper."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from access.services import create_key
from consents.models import PolicyText, Purpose

URL = "/api/v1/consent-purposes"


@pytest.fixture
def page(db: None) -> APIClient:
    """A page of the shop."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='pk', name='pages')[1]}")
    return client


def read(client: APIClient, query: str = "", **headers: Any) -> Any:
    answer = client.get(URL + query, **headers)
    assert answer.status_code == 200
    return answer.json()


def test_purposes_come_in_their_current_version_and_order(page: APIClient) -> None:
    Purpose.objects.create(name="analytics", version=2, title="Counting", description="Counts.", recipients=["Ann Ltd"])
    Purpose.objects.create(name="a_club", title="Our club", description="Cards.")

    body = read(page)

    names = [one["name"] for one in body["purposes"]]
    assert (names[0], names[1], names[-1]) == ("essential", "analytics", "a_club")
    essential, analytics = body["purposes"][:2]
    assert (essential["essential"], essential["allowed"]) == (True, True)
    assert (analytics["version"], analytics["title"], analytics["recipients"]) == (2, "Counting", ["Ann Ltd"])
    assert (analytics["essential"], analytics["allowed"], analytics["reason"]) == (False, False, "not_asked")
    assert (body["mode"], body["gpc"], body["policy"]) == ("opt_in", False, None)


def test_the_region_and_the_signal_count(page: APIClient, settings: Any) -> None:
    settings.CONSENT_REGION_HEADER, settings.CONSENT_RULES = "X-Region", {"US": "opt_out"}
    answer = page.get(URL, HTTP_X_REGION="US", HTTP_SEC_GPC="1")

    reasons = {one["name"]: one["reason"] for one in answer.json()["purposes"]}
    assert (reasons["ads_share"], reasons["analytics"]) == ("gpc", "not_objected")
    assert (answer.json()["mode"], answer.json()["gpc"]) == ("opt_out", True)
    assert "Sec-GPC" in answer["Vary"]
    assert answer["Cache-Control"] == "private, no-store"


def test_the_newest_policy_comes_in_the_language(page: APIClient) -> None:
    for version, language in (("2", "en"), ("3", "en"), ("3", "de")):
        PolicyText.objects.create(version=version, language=language, body=f"{version} {language}")

    assert read(page)["policy"]["body"] == read(page, "?language=fr")["policy"]["body"] == "3 en"
    german = read(page, "?language=de")["policy"]
    assert (german["body"], len(german["sha256"])) == ("3 de", 64)


def test_a_secret_key_needs_the_scope(db: None) -> None:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {create_key(kind='sk', name='x', scopes=['catalog:read'])[1]}")

    assert client.get(URL).status_code == 403
