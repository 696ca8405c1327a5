"""Profiles use the event weights of the model's training, not the current settings."""

from dataclasses import replace
from typing import Any

import pytest

from common import clock
from modelops.services.registry import promote
from personalization.serving.asking import Who
from personalization.serving.shoppers import read_shopper
from personalization.serving.snapshot_refresher import snapshot_refresher
from recsys.ranking.model import EVENT_WEIGHTS
from tests.modelops.releases import passed_version
from tests.personalization.shop import ADA, does, views
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stocked_shop")]


@pytest.mark.parametrize(("trained_with", "weight"), [({}, [1.0, 4.0]), ({EVENT_WEIGHTS: {"view": 2.5}}, [2.5, 4.0])])
def test_a_profile_has_the_weights_of_the_model(
    trained_with: dict[str, Any], weight: list[float], settings: Any
) -> None:
    settings.EVENT_WEIGHTS = {"view": 9.0, "purchase": 9.0}
    bundle = model(("popular",))
    promote(passed_version(replace(bundle, manifest={**bundle.manifest, **trained_with})), actor="staff:1")
    views(ADA, "desk")
    does(ADA, "Order Completed", "", order_id="O1", products=[{"product_id": "rug"}])

    snapshot = snapshot_refresher.current()
    shopper = read_shopper(Who(**ADA), snapshot=snapshot, now=clock.epoch_us() / 1e6)

    assert shopper.profile.weights.tolist() == weight
