"""Whatever is missing, there is an answer, and it says what was missing."""

from typing import Any

import pytest
import redis as redis_library
from django.test import Client
from prometheus_client import REGISTRY

from modelops.models import ModelVersion
from personalization.services.recommend import recommend
from personalization.serving import shoppers
from personalization.serving.asking import Ask, Who
from personalization.serving.snapshot_refresher import keeper
from tests.personalization.shop import ADA, views

pytestmark = pytest.mark.django_db


def asked(**fields: Any) -> Ask:
    return Ask(placement="home", who=Who(**fields))


@pytest.mark.usefixtures("trained")
def test_without_the_store_the_answer_is_a_strangers(monkeypatch: pytest.MonkeyPatch) -> None:
    views(ADA, "desk")

    def down(**_: object) -> None:
        raise redis_library.ConnectionError("refused")

    monkeypatch.setattr(shoppers, "read_person", down)
    monkeypatch.setattr(shoppers.rest, "until", 0.0)
    answer = recommend(asked(user_id="ada"))
    monkeypatch.setattr(shoppers.rest, "until", 0.0)

    assert (answer.personalized, answer.degraded) == (False, "store_down")
    assert answer.items == recommend(Ask(placement="home")).items


@pytest.mark.usefixtures("trained")
def test_a_dead_store_is_asked_once_in_a_while_only(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def down(**_: object) -> None:
        calls.append(1)
        raise redis_library.TimeoutError("slow")

    monkeypatch.setattr(shoppers, "read_person", down)
    monkeypatch.setattr(shoppers.rest, "until", 0.0)
    monkeypatch.setattr(shoppers.rest, "seconds", 3600.0)
    for _ in range(5):
        assert recommend(asked(user_id="ada")).degraded == "store_down"
    monkeypatch.setattr(shoppers.rest, "until", 0.0)

    assert len(calls) == 1


@pytest.mark.usefixtures("trained")
def test_a_tampered_model_is_not_loaded_and_the_answer_goes_on(client: Client) -> None:
    version = ModelVersion.objects.get()
    ModelVersion.objects.update(artefact_hash="0" * 64)
    keeper.forget()

    answer = recommend(asked(anonymous_id="stranger"))

    assert version.version
    assert answer.model_version is None
    assert answer.items
    assert client.get("/readyz").json()["checks"]["model"] == {"ok": False, "detail": "ModelRefusedError"}

    ModelVersion.objects.update(artefact_hash=version.artefact_hash)
    keeper.refresh(force=True)
    assert client.get("/readyz").json()["checks"]["model"] == {"ok": True, "detail": version.version}


@pytest.mark.usefixtures("stocked")
def test_fallbacks_are_counted() -> None:
    def counted() -> float:
        labels = {"placement": "home", "degraded": "no_model"}
        return REGISTRY.get_sample_value("vitrine_recommendations_total", labels) or 0.0

    before = counted()
    recommend(Ask(placement="home"))

    assert counted() == before + 1


@pytest.mark.usefixtures("stocked")
def test_an_empty_catalog_answers_with_nothing() -> None:
    from catalog.services import remove_product
    from tests.recsys.furniture import PRODUCTS

    for product_id in PRODUCTS:
        remove_product(product_id, actor="key:test")

    assert recommend(Ask(placement="home")).items == ()
