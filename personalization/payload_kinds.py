"""What experiments may change here: placements, their strategy, ranker and parameters, and rules."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from common.errors import FieldError, InvalidInput
from experiments.payloads import PayloadKind, register
from personalization.models import Placement, Rule
from personalization.selectors.placements import STRATEGIES, PlacementConfig
from personalization.services.placements import check_placement
from personalization.serving.payloads import (
    FIELD_OF,
    PARAMETERS,
    PLACEMENT,
    RANKER,
    RULES,
    STRATEGY,
    settings_of,
    targets_of,
)
from recsys.ranking.cart_ranker import BASKET
from recsys.ranking.model import BLEND, HYBRID
from recsys.sources.registry import RECOMMENDERS

RANKERS: Final = (HYBRID, BLEND, BASKET)
SETTINGS: Final = frozenset(one.name for one in fields(PlacementConfig)) - {"key", "name", "about", "version"}
NUMBERS: Final = (
    *("size", "max_per_brand", "max_per_category", "recent_item_slots", "rest_days", "discovery_share"),
    *("explore_share", "explore_days", "explore_enough", "explore_cap"),
)
TITLES: Final = {
    PLACEMENT: "Settings of a placement",
    PARAMETERS: "Numbers of a placement",
    STRATEGY: "Strategy of a placement",
    RANKER: "Ranker of a placement",
    RULES: "Rules that are off",
}
VALUES: Final[dict[str, dict[str, Any]]] = {
    PLACEMENT: {"type": "object", "propertyNames": {"enum": sorted(SETTINGS)}, "minProperties": 1},
    PARAMETERS: {
        "type": "object",
        "propertyNames": {"enum": sorted(NUMBERS)},
        "additionalProperties": {"type": "number"},
        "minProperties": 1,
    },
    STRATEGY: {"type": "string"},
    RANKER: {"enum": list(RANKERS)},
    RULES: {"type": "array", "items": {"type": "integer"}, "minItems": 1},
}


def register_kinds() -> None:
    """Add this room's kinds to those of experiments."""
    for name in TITLES:
        register(_kind(name))


def _kind(name: str) -> PayloadKind:
    properties = {FIELD_OF[name]: VALUES[name]} | ({} if name == RULES else {"placement": {"type": "string"}})
    schema = {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }
    return PayloadKind(
        name=name,
        title=TITLES[name],
        schema=schema,
        errors=lambda payload: payload_errors(name, payload),
        targets=lambda payload: targets_of(name, payload),
        choices=lambda: choices_of(name),
        common=frozenset(properties) & {"placement"},
    )


def choices_of(name: str) -> Mapping[str, Sequence[tuple[str, str]]]:
    """Return the values and labels of a kind's fields."""
    if name == RULES:
        return {"off": [(str(pk), rule) for pk, rule in Rule.objects.values_list("pk", "name")]}
    choices: dict[str, list[tuple[str, str]]] = {"placement": list(Placement.objects.values_list("key", "name"))}
    if name == STRATEGY:
        choices["strategy"] = [(one, one) for one in (*STRATEGIES, *RECOMMENDERS)]
    if name == RANKER:
        choices["ranker"] = [(one, one) for one in RANKERS]
    return choices


def payload_errors(name: str, payload: Any) -> list[FieldError]:
    """Return what is wrong with a payload of a kind."""
    expected = {FIELD_OF[name]} if name == RULES else {FIELD_OF[name], "placement"}
    if not isinstance(payload, Mapping) or set(payload) != expected:
        return [FieldError("", f"must have the fields {' and '.join(sorted(expected))}")]
    if name == RULES:
        return _rule_errors(payload["off"])
    if name == RANKER and payload["ranker"] not in RANKERS:
        return [FieldError("ranker", f"must be {', '.join(RANKERS)}")]
    row = Placement.objects.filter(key=str(payload["placement"])).first()
    if row is None:
        return [FieldError("placement", f"there is no placement {payload['placement']}")]
    allowed = frozenset(NUMBERS) if name == PARAMETERS else SETTINGS
    return _setting_errors(row, settings_of(name, payload), allowed)


def _rule_errors(ids: Any) -> list[FieldError]:
    if not isinstance(ids, list) or not ids or not all(type(one) is int for one in ids):
        return [FieldError("off", "must be a list of numbers of rules")]
    unknown = sorted(set(ids) - set(Rule.objects.filter(pk__in=ids).values_list("pk", flat=True)))
    return [FieldError("off", f"there is no rule {one}") for one in unknown]


def _setting_errors(row: Placement, settings: Any, allowed: frozenset[str]) -> list[FieldError]:
    if not isinstance(settings, Mapping) or not settings or set(settings) - allowed:
        return [FieldError("settings", f"may hold {', '.join(sorted(allowed))}")]
    for field, value in settings.items():
        setattr(row, field, value)
    try:
        check_placement(row)
    except InvalidInput as error:
        return list(error.errors)
    # The row's fields read "5" as a number; a payload is read as it is.
    return [
        FieldError(field, "has the wrong type")
        for field, value in settings.items()
        if getattr(row, field) != value or isinstance(value, bool) != isinstance(getattr(row, field), bool)
    ]
