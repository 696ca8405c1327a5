"""Experiments on the furniture shop's placements."""

from collections.abc import Mapping
from typing import Any

from experiments.services.designs import create_experiment
from experiments.services.lifecycle import start
from personalization.services.recommend import recommend
from personalization.serving.answers import Answer
from personalization.serving.asking import Ask, Who
from tests.personalization.shop import Ids, says

MO = "staff:7"


def running(key: str, *, kind: str, payload: Any, **data: Any) -> str:
    """Start an experiment whose treatment has the payload, half and half; return its key."""
    arms = [{"key": "control", "weight": 0.5}, {"key": "treatment", "weight": 0.5, "payload": payload}]
    create_experiment(key, data={"payload_kind": kind, "arms": arms, **data}, actor=MO)
    start(key, actor=MO)
    return key


def consenting(who: Ids) -> Ids:
    """Let the shopper agree to all that experiments need; return them."""
    for purpose in ("analytics", "personalization", "experiments"):
        says(who, purpose)
    return who


def answer_to(who: Mapping[str, Any], placement: str = "home", **fields: Any) -> Answer:
    """Return an answer, which is noted."""
    return recommend(Ask(placement=placement, who=Who(**who), **fields))


def arm_of(answer: Answer, key: str) -> str | None:
    """Return the arm of an experiment that an answer names."""
    return dict(answer.trial.in_force).get(key)
