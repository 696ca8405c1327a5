"""An experiment as a flag of a storefront: the value of each arm, and why a subject got it. Pure."""

from collections.abc import Mapping
from typing import Any, Final, Literal

from experiments.arms import Assignment, Why
from experiments.design import Design

Reason = Literal["SPLIT", "STATIC", "TARGETING_MATCH", "DEFAULT"]
_REASONS: Final[Mapping[Why, Reason]] = {
    "hash": "SPLIT",
    "sticky": "SPLIT",
    "ended": "STATIC",
    "ramped": "STATIC",
    "test_unit": "TARGETING_MATCH",
}


def flag_values(design: Design) -> tuple[Any, ...]:
    """Return the value of each arm, all of one type.

    It is the arm's payload. Where no arm has one, or where the server alone applies it, it is the arm's key. An arm
    without a payload beside others that have one is worth nothing of their type: {}, [], "", false or 0. If any number
    has a decimal point, all have one, so that typed SDKs see a float everywhere.
    """
    payloads = [arm.payload for arm in design.arms]
    own_payloads = [payload for payload in payloads if payload is not None]
    if design.payload_kind or not own_payloads:
        return tuple(arm.key for arm in design.arms)
    values = [type(own_payloads[0])() if payload is None else payload for payload in payloads]
    if any(isinstance(value, float) for value in values) and all(map(_is_number, values)):
        return tuple(map(float, values))
    return tuple(values)


def reason_of(assignment: Assignment) -> Reason:
    """Return OpenFeature's reason for the arm."""
    return _REASONS.get(assignment.why, "DEFAULT")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
