"""Fixtures: the test shop, its keys, and serving that refreshes its snapshot for each answer."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

if TYPE_CHECKING:  # Django is set up after this file is read
    from rest_framework.test import APIClient


@pytest.fixture(scope="session", autouse=True)
def short_rankers() -> Iterator[None]:
    """Small shops train quickly."""
    from tests.recsys.short_training import short_training

    with short_training():
        yield


@pytest.fixture
def stocked_shop(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    """A shop with products and without a model; Ada and Bo consented to personalization, Cy did not answer."""
    from personalization.serving.snapshot_refresher import snapshot_refresher
    from tests.personalization.shop import ADA, BO, inside, says, stock_the_shop

    settings.SERVING_REFRESH, settings.MODEL_DIR = "inline", tmp_path
    settings.GATE_LATENCY_MILLISECONDS = 1_000.0  # a machine that runs many tests at once is slow
    snapshot_refresher.forget()
    stock_the_shop()
    for who in (ADA, BO):
        says(who)
        says(inside(who))
    yield
    snapshot_refresher.forget()


@pytest.fixture
def live_model(stocked_shop: None, tmp_path: Path) -> None:
    """The same shop with a live model."""
    from modelops.services.registry import promote
    from tests.modelops.releases import passed_version
    from tests.recsys.furniture import model

    promote(passed_version(model()), actor="staff:1")


@pytest.fixture
def repeat_model(stocked_shop: None, tmp_path: Path) -> None:
    """The same shop with a live model that learned that people buy bulbs again."""
    from modelops.services.registry import promote
    from tests.modelops.releases import passed_version
    from tests.recsys.furniture import REPEAT_SOURCES, model

    promote(passed_version(model(REPEAT_SOURCES)), actor="staff:1")


@pytest.fixture
def browser(stocked_shop: None) -> "APIClient":
    """A storefront page with a publishable key whose user ids are believed."""
    return _client("pk", requires_user_hash=False)


@pytest.fixture
def server(stocked_shop: None) -> "APIClient":
    """The shop's server with a secret key."""
    return _client("sk", scopes=["recommendations:read"])


def _client(kind: Literal["pk", "sk"], **fields: Any) -> "APIClient":
    from rest_framework.test import APIClient

    from access.services import create_key

    _, raw = create_key(kind=kind, name=kind, **fields)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client
