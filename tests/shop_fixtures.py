"""The shop of these tests, its keys, and serving that reads its snapshot anew for each answer."""

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
def stocked(db: None, settings: Any, tmp_path: Path) -> Iterator[None]:
    """A stocked shop without a model; Ada and Bo said yes to personalization, Cy said nothing."""
    from personalization.serving.snapshot_refresher import keeper
    from tests.personalization.shop import ADA, BO, says, stock_the_shop

    settings.SERVING_REFRESH, settings.MODEL_DIR = "inline", tmp_path
    settings.GATE_LATENCY_MILLISECONDS = 1_000.0  # a machine that runs many tests at once is slow
    keeper.forget()
    stock_the_shop()
    says(ADA)
    says(BO)
    yield
    keeper.forget()


@pytest.fixture
def trained(stocked: None, tmp_path: Path) -> None:
    """The same shop with a live model."""
    from modelops.services.registry import promote
    from tests.modelops.releases import admitted
    from tests.recsys.furniture import model

    promote(admitted(model()), actor="staff:1")


@pytest.fixture
def browser(stocked: None) -> "APIClient":
    """A storefront page with the publishable key."""
    return _client("pk")


@pytest.fixture
def server(stocked: None) -> "APIClient":
    """The shop's server with a secret key."""
    return _client("sk", scopes=["recommendations:read"])


def _client(kind: Literal["pk", "sk"], **fields: Any) -> "APIClient":
    from rest_framework.test import APIClient

    from access.services import create_key

    _, raw = create_key(kind=kind, name=kind, **fields)
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {raw}")
    return client
