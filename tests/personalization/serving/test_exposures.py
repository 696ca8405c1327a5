"""Exposures are events; without consent they have no ids."""

from typing import Any

import pytest

from events.log import get_log
from events.types.base import Event
from personalization.services.recommend import Slot, recommend, recommend_page
from personalization.serving.asking import Ask, Who
from personalization.serving.exposures import exposures
from tests.personalization.shop import ADA, CY, says, views

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("live_model")]


def exposure_event(**fields: Any) -> Event:
    """Answer, flush, and return the exposure the log holds."""
    exposures.flush()
    return stored_event(recommend(Ask(**fields)).recommendation_id)


def stored_event(recommendation_id: str) -> Event:
    """Flush, and return the exposure of that name."""
    exposures.flush()
    log = get_log()
    events = [
        Event.decode(entry.body)
        for shard in range(log.shards)
        for _, entry in log.read(shard, None, 1000, 1)
        if entry.kind == "event"
    ]
    (event,) = [one for one in events if one.properties.get("recommendation_id") == recommendation_id]
    return event


def test_exposure_has_products_and_reasons() -> None:
    says(ADA, "analytics")
    views(ADA, "desk")

    event = exposure_event(placement="home", who=Who(**ADA), limit=3)

    assert (event.name, event.user_id, event.source) == ("Recommendation Served", "ada", "server")
    assert event.properties["placement"] == "home"
    assert [product["position"] for product in event.properties["products"]] == [1, 2, 3]
    assert set(event.properties["products"][0]) == {"product_id", "position", "score", "reason"}


def test_exposure_without_consent_has_no_ids() -> None:
    event = exposure_event(placement="similar", who=Who(**CY, anonymous_id="cy-phone"), product_ids=("desk",))

    assert (event.user_id, event.anonymous_id) == (None, None)
    assert "context" not in event.properties
    assert b"cy" not in event.encode()


@pytest.mark.parametrize(("gpc", "has_ids"), [(True, False), (False, True)])
def test_late_slot_respects_the_privacy_signal(gpc: bool, has_ids: bool) -> None:
    says(ADA, "analytics")
    views(ADA, "desk")
    exposures.flush()
    ask = Ask(placement="home", who=Who(**ADA, gpc=gpc, region="DE"), product_ids=("desk",))

    (answer,) = recommend_page({"home": Slot(ask, deadline_ms=-1)}).values()
    event = stored_event(answer.recommendation_id)

    assert answer.degraded == "deadline"
    assert (event.user_id == "ada") == has_ids
    assert ("context" in event.properties) == has_ids


def test_lost_exposures_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    import redis
    from prometheus_client import REGISTRY

    from personalization.serving import exposures as module

    def down(_: object) -> None:
        raise redis.ConnectionError("refused")

    def lost() -> float:
        return REGISTRY.get_sample_value("vitrine_exposures_total", {"outcome": "lost"}) or 0.0

    exposures.flush()
    before = lost()
    monkeypatch.setattr(module, "append_server_events", down)
    recommend(Ask(placement="home"))

    assert exposures.flush() == 0
    assert lost() == before + 1
