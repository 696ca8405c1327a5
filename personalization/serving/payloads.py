"""What the payloads of experiments say about placements and rules."""

from collections.abc import Mapping
from typing import Any, Final

PLACEMENT: Final = "placement"
PARAMETERS: Final = "parameters"
STRATEGY: Final = "strategy"
RANKER: Final = "ranker"
RULES: Final = "rules"
OF_STRATEGY: Final = frozenset({STRATEGY, RANKER})
"""Kinds that decide nothing where a request names its own strategy."""
FIELD_OF: Final[Mapping[str, str]] = {
    PLACEMENT: "settings",
    PARAMETERS: "parameters",
    STRATEGY: "strategy",
    RANKER: "ranker",
    RULES: "off",
}
"""The field of a payload that says what is changed; beside it stands the placement's key, except for rules."""


def settings_of(kind: str, payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of the placement that a payload changes."""
    value = payload[FIELD_OF[kind]]
    return {"strategy": value} if kind in OF_STRATEGY else value


def targets_of(kind: str, payload: Mapping[str, Any]) -> frozenset[str]:
    """Return what a payload changes, as serving looks it up."""
    if kind == RULES:
        return frozenset(f"rule:{rule_id}" for rule_id in payload["off"])
    return frozenset({f"placement:{payload['placement']}"})
