"""After an erasure the live model's tables are made without the shopper, and old versions with them stay out."""

from datetime import timedelta
from unittest import mock

import pytest
from celery.exceptions import Retry

from common import clock, privacy
from common.errors import Conflict
from consents.models import PrivacyRequest
from events.models import Event as Row
from modelops import tasks
from modelops.models import ModelState, ModelVersion
from modelops.services import increments
from modelops.services.increments import run_increment
from modelops.services.registry import promote
from personalization.serving.snapshot_refresher import snapshot_refresher
from tests.events.builders import START
from tests.modelops.purchases import bought, put
from tests.modelops.releases import passed_version
from tests.recsys.furniture import model

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("live_model")]


def live() -> ModelVersion:
    return ModelVersion.objects.get(state=ModelState.CHAMPION)


def best_seller() -> str:
    snapshot = snapshot_refresher.current()
    return str(snapshot.serving_catalog.catalog.item_ids[snapshot.popular[0]])


def sell(product_id: str, shoppers: range) -> None:
    put([bought(f"{product_id}-{one}", one, product_id, START + one * 1_000_000) for one in shoppers])


def erase(shoppers: range, *, days_ago: int = 0) -> None:
    """Take the shoppers out of the events, as a privacy request that was completed does."""
    Row.objects.filter(user_id__in=[f"u{one}" for one in shoppers]).delete()
    at = clock.now() - timedelta(days=days_ago)
    PrivacyRequest.objects.create(
        kind="erasure", status="completed", received_at=at, due_on=at.date(), closed_at=at, subject_mark="m"
    )


@pytest.fixture
def sold() -> None:
    """The rug is the best seller, because of many who will be erased."""
    sell("rug", range(60))
    sell("sofa", range(60, 100))
    run_increment()
    assert best_seller() == "rug"


def test_who_is_erased_is_taken_out_of_the_tables_that_serve(sold: None) -> None:
    erase(range(40))
    sell("chair", range(100, 180))

    tasks.unlearn.apply(throw=True)

    assert best_seller() == "sofa", "and what came since is left to the next increment"
    unlearned = live().increment
    tasks.unlearn.apply(throw=True)
    assert live().increment == unlearned, "nobody else was erased"
    run_increment(forced=True)
    assert best_seller() == "chair"


def test_unlearning_waits_for_an_increment_that_read_the_shopper(sold: None) -> None:
    erase(range(40))

    with mock.patch.object(increments, "advisory_lock") as lock:
        lock.return_value.__enter__.return_value = False
        with pytest.raises(Retry):
            tasks.unlearn.apply(throw=True)

    assert best_seller() == "rug"


def test_an_erasure_starts_the_unlearning() -> None:
    with mock.patch("celery.current_app.send_task") as send:
        privacy.follow_erasure()

    assert [call.args for call in send.call_args_list] == [("modelops.unlearn",)]


def test_a_version_that_learned_from_somebody_erased_a_day_ago_is_not_promoted() -> None:
    version = passed_version(model())
    ModelVersion.objects.filter(version=version).update(created_at=clock.now() - timedelta(days=3))
    erase(range(1), days_ago=2)

    with pytest.raises(Conflict, match="train again"):
        promote(version, actor="staff:1")

    PrivacyRequest.objects.update(closed_at=clock.now() - timedelta(hours=1))
    with mock.patch("celery.current_app.send_task") as send:
        assert promote(version, actor="staff:1").state == ModelState.CHAMPION
    assert [call.args for call in send.call_args_list] == [("modelops.unlearn",)]
