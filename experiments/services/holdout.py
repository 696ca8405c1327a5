"""The permanent hold-out: a share of shoppers without any personalization, to see what all of it brings."""

import secrets
from typing import Final

from django.db import transaction

from common.errors import InvalidInput
from experiments.models import Experiment, Kind, Step
from experiments.services.lifecycle import HOLDOUT, start
from experiments.services.steps import Change, save, write_step

MOST_SHARE: Final = 0.5


@transaction.atomic
def start_holdout(*, share: float, actor: str, key: str = HOLDOUT) -> Step:
    """Hold a share of all shoppers out of personalization and of all experiments; return the step.

    The first arm, the control, is `held-out`. Raises InvalidInput, and Conflict where there is a hold-out already.
    """
    if not 0 < share <= MOST_SHARE:
        raise InvalidInput.of("share", f"must be above 0 and at most {MOST_SHARE:g}")
    if Experiment.objects.filter(key=key).exists():
        raise InvalidInput.of("key", f"there is an experiment {key} already")
    row = Experiment(
        key=key,
        name="Permanent hold-out",
        kind=Kind.HOLDOUT,
        hypothesis="Personalization as a whole sells more than the same shop without it.",
        seed=secrets.token_hex(8),
        created_by=actor,
        goal_metric="conversion_rate",
        secondary_metrics=["revenue_per_visitor", "average_order_value"],
        policy_mode="off",
        maximum_runtime_days=10_000,
    )
    arms = [
        {"key": "held-out", "name": "Without personalization", "weight": share},
        {"key": "personalized", "name": "With personalization", "weight": 1 - share},
    ]
    save(row, arms=[{"payload": None, "levels": {}, **arm} for arm in arms])
    write_step(row, Change("created", actor), before={})
    return start(key, actor=actor)
