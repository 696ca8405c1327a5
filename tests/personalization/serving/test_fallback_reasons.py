"""Each missing part still gives an answer, with its fallback reason."""

from typing import Any

import pytest
import redis as redis_library
from django.test import Client
from prometheus_client import REGISTRY

from modelops.models import ModelVersion
from personalization.services.recommend import recommend
from personalization.serving import shoppers
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.personalization.shop import ADA, views

pytestmark = pytest.mark.django_db


def request(**fields: Any) -> Ask:
    return Ask(placement="home", who=Who(**fields))


@pytest.mark.usefixtures("live_model")
def test_without_redis_the_answer_is_not_personal(monkeypatch: pytest.MonkeyPatch) -> None:
    views(ADA, "desk")

    def down(*_: object) -> None:
        raise redis_library.ConnectionError("refused")

    monkeypatch.setattr(shoppers, "run_scripts", down)
    monkeypatch.setattr(shoppers.rest, "until", 0.0)
    answer = recommend(request(user_id="ada"))
    monkeypatch.setattr(shoppers.rest, "until", 0.0)

    assert (answer.personalized, answer.degraded) == (False, "store_down")
    assert answer.items == recommend(Ask(placement="home")).items


@pytest.mark.usefixtures("live_model")
def test_unreachable_redis_is_retried_after_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def down(*_: object) -> None:
        calls.append(1)
        raise redis_library.TimeoutError("slow")

    monkeypatch.setattr(shoppers, "run_scripts", down)
    monkeypatch.setattr(shoppers.rest, "until", 0.0)
    monkeypatch.setattr(shoppers.rest, "seconds", 3600.0)
    for _ in range(5):
        assert recommend(request(user_id="ada")).degraded == "store_down"
    monkeypatch.setattr(shoppers.rest, "until", 0.0)

    assert len(calls) == 1


@pytest.mark.usefixtures("live_model")
def test_tampered_model_is_not_loaded(client: Client) -> None:
    version = ModelVersion.objects.get()
    ModelVersion.objects.update(artifact_hash="0" * 64)
    snapshot_refresher.forget()

    answer = recommend(request(anonymous_id="stranger"))

    assert version.version
    assert answer.model_version is None
    assert answer.items
    assert client.get("/readyz").json()["checks"]["model"] == {"ok": False, "detail": "ModelRefusedError"}

    ModelVersion.objects.update(artifact_hash=version.artifact_hash)
    snapshot_refresher.refresh(force=True)
    assert client.get("/readyz").json()["checks"]["model"] == {"ok": True, "detail": version.version}


@pytest.mark.usefixtures("stocked_shop")
def test_fallbacks_are_counted() -> None:
    def answer_count() -> float:
        labels = {"placement": "home", "degraded": "no_model"}
        return REGISTRY.get_sample_value("vitrine_recommendations_total", labels) or 0.0

    before = answer_count()
    recommend(Ask(placement="home"))

    assert answer_count() == before + 1


@pytest.mark.usefixtures("stocked_shop")
def test_empty_catalog_gives_empty_answer() -> None:
    from catalog.services import remove_product
    from tests.recsys.furniture import PRODUCTS

    for product_id in PRODUCTS:
        remove_product(product_id, actor="key:test")

    assert recommend(Ask(placement="home")).items == ()
