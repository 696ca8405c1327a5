"""A training does as its row says, and the row as it was wished for or, where nothing was said, as the settings say."""

from typing import Any

import pytest
from django.conf import LazySettings
from django.core.management import CommandError, call_command

from common.errors import InvalidInput
from personalization.models import TrainingRun
from personalization.services import training
from personalization.services.training import queue_training
from personalization.tasks import train

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what each training was told, of which none learns anything."""
    found: list[dict[str, Any]] = []

    def learn(dataset: Any, **named: Any) -> Any:
        found.append(named)
        raise ValueError("enough seen")

    monkeypatch.setattr(training, "_dataset", lambda bar: None)
    monkeypatch.setattr("personalization.training.pipeline.train", learn)
    return found


def test_over_exposed_items_are_held_back_as_wished_and_else_as_the_setting_says(
    told: list[dict[str, Any]], settings: LazySettings
) -> None:
    settings.EXPOSURE_STRENGTH = 0.2

    for wish in (("--exposure", "0.35"), ()):
        with pytest.raises(CommandError, match="enough seen"):
            call_command("train", *wish)
    train()

    assert [one["exposure"] for one in told] == [0.35, 0.2, 0.2]
    assert list(TrainingRun.objects.order_by("id").values_list("exposure", flat=True)) == [0.35, 0.2, 0.2]


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_is_none_queues_nothing(strength: float) -> None:
    with pytest.raises(InvalidInput, match="exposure: a strength from 0 to 1"):
        queue_training(actor="staff:1", exposure=strength, hand_over=False)

    assert not TrainingRun.objects.exists()
