"""What a shopper would get in each arm of an experiment, running or only written: as in serving, without exposure."""

from dataclasses import replace

from common import clock
from common.errors import InvalidInput
from experiments.arms import Assignment
from experiments.design import Design
from experiments.payloads import payload_kind
from personalization.serving.answers import Answer
from personalization.serving.arms import Trial
from personalization.serving.asking import NOBODY, Ask
from personalization.serving.engine import finish, prepare_answer
from personalization.serving.shoppers import Shopper, read_shopper
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.trial import without_holdouts


def arm_answers(design: Design, ask: Ask, *, shopper: Shopper | None = None) -> tuple[Answer, ...]:
    """Return the answer in each arm, in their order, for the shopper of the request or the given one.

    Whoever it is gets every arm, and no other experiment. Raises NotFound, InvalidInput, redis errors; Unavailable
    before a load.
    """
    snapshot, ask = without_holdouts(snapshot_refresher.current()), replace(ask, explores=False, explain=True)
    if shopper is None:
        shopper = read_shopper(ask.who if ask.personalized else NOBODY, snapshot=snapshot, now=clock.now().timestamp())
    shopper = replace(shopper, memory=None)
    return tuple(_answer(snapshot, design, place, ask, shopper) for place in range(len(design.arms)))


def check_arms(design: Design) -> None:
    """Raise InvalidInput, which names the arm, for a payload that its kind refuses."""
    kind = payload_kind(design.payload_kind)
    for arm in design.arms:
        errors = () if kind is None or arm.payload is None else tuple(kind.errors(arm.payload))
        if errors:
            raise InvalidInput(f"{arm.name}: {errors[0]}", errors=errors)


def is_about(design: Design) -> str:
    """Return the placement that the payloads change; "" for rules, which apply in many, and for other payloads."""
    payloads = [arm.payload for arm in design.arms if isinstance(arm.payload, dict)]
    names = [payload["placement"] for payload in payloads if "placement" in payload]
    return str(names[0]) if names and payload_kind(design.payload_kind) is not None else ""


def _answer(snapshot: Snapshot, design: Design, place: int, ask: Ask, shopper: Shopper) -> Answer:
    trial = Trial((Assignment(design, place, "test_unit"),))
    return finish(snapshot, ask, prepare_answer(snapshot, ask, shopper=shopper, trial=trial))
