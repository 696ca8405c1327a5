"""Create experiments and edit their designs. What a running one allows stands in `experiments.edits`."""

import re
import secrets
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Final

from django.db import transaction

from audit.services import record
from common.errors import FieldError, InvalidInput
from consents.subjects import KINDS
from experiments.conditions import errors_of
from experiments.edits import check_edits
from experiments.models import SLUG_PATTERN, Experiment, Namespace, Status, Step
from experiments.payloads import PayloadKind, payload_kind, payload_kinds
from experiments.selectors.metrics import all_metrics, guardrail_keys
from experiments.services.steps import Change, locked, namespace_of, save, state_of, write_step

MOST_ARMS: Final = 32
EDITABLE: Final = frozenset(
    {
        *("key", "name", "hypothesis", "payload_kind", "factors", "coverage", "condition", "namespace"),
        *("namespace_low", "namespace_high", "test_units", "goal_metric", "goal_margin", "secondary_metrics"),
        *("guardrail_metrics", "activation_metric", "inference", "alpha", "power", "minimum_effect"),
        *("planned_units", "planned_looks"),
        *("minimum_runtime_days", "maximum_runtime_days", "policy_mode", "learnings", "arms"),
    }
)
TWO_ARMS: Final = (
    {"key": "control", "name": "Control", "weight": 0.5},
    {"key": "treatment", "name": "Treatment", "weight": 0.5},
)


@transaction.atomic
def create_experiment(key: str, *, data: Mapping[str, Any], actor: str) -> Step:
    """Create a draft; return its first step. Without `arms` it has two.

    `data` holds fields of the experiment; `arms` is a list of objects with key, name, weight, payload and levels, the
    control first, and `namespace` a key. Raises InvalidInput, which names the field.
    """
    if Experiment.objects.filter(key=key).exists():
        raise InvalidInput.of("key", f"there is an experiment {key} already")
    row = Experiment(key=key, name=data.get("name") or key, created_by=actor, seed=secrets.token_hex(8))
    arms = data.get("arms") or _factorial(data.get("factors")) or TWO_ARMS
    _apply(row, {**data, "arms": arms})
    return write_step(row, Change("created", actor), before={})


@transaction.atomic
def edit_experiment(key: str, *, data: Mapping[str, Any], actor: str) -> Step | None:
    """Change the fields given; return the step, None if nothing changes.

    Raises NotFound, InvalidInput, and Conflict for a field that the status does not allow to change.
    """
    row = locked(key)
    before = state_of(row)
    changed = {name: value for name, value in data.items() if name not in before or before[name] != value}
    if "arms" in changed and _completed(changed["arms"]) == before["arms"]:
        del changed["arms"]
    check_edits(fields_of_table(changed, before), row.status)  # type: ignore[arg-type]  # a choice of the model
    if not changed:
        return None
    _apply(row, changed)
    return write_step(row, Change("edited", actor), before=before)


@transaction.atomic
def create_namespace(key: str, *, name: str, actor: str) -> Namespace:
    """Create a namespace. Raises InvalidInput for a key that exists or is no slug."""
    if Namespace.objects.filter(key=key).exists() or not re.match(SLUG_PATTERN, key):
        raise InvalidInput.of("key", "must be new; small letters, digits and hyphens")
    row = Namespace.objects.create(key=key, name=name, seed=secrets.token_hex(8))
    record(category="experiment", action="namespace.created", actor=actor, object=f"namespace:{key}", data={})
    return row


def check_design(row: Experiment, arms: Sequence[Mapping[str, Any]]) -> None:
    """Raise InvalidInput, which names the field, for a design that nobody could run."""
    errors = [
        *_arm_errors(arms),
        *_payload_errors(row.payload_kind, arms),
        *_factor_errors(row.factors, arms),
        *(FieldError("condition", text) for text in errors_of(row.condition)),
        *_test_unit_errors(row.test_units, arms),
        *_metric_errors(row),
        *_policy_errors(row, arms),
    ]
    if errors:
        raise InvalidInput(str(errors[0]), errors=tuple(errors))


def fields_of_table(changed: Mapping[str, Any], before: Mapping[str, Any]) -> list[str]:
    """Return the changed fields by the names of the edit table: arms that differ in weights only are `weights`."""
    if "arms" not in changed:
        return list(changed)
    weights = [arm.get("weight") for arm in _completed(changed["arms"])]
    same = [{**arm, "weight": weight} for arm, weight in zip(before["arms"], weights, strict=False)]
    return ["weights" if name == "arms" and same == _completed(changed["arms"]) else name for name in changed]


def _apply(row: Experiment, data: Mapping[str, Any]) -> None:
    if unknown := sorted(set(data) - EDITABLE):
        raise InvalidInput.of(unknown[0], "is no field that may be set")
    for name, value in data.items():
        if name not in ("arms", "namespace"):
            setattr(row, name, value)
    if "namespace" in data:
        row.namespace = namespace_of(data["namespace"])
    arms = _completed(data["arms"]) if "arms" in data else state_of(row)["arms"]
    check_design(row, arms)
    save(row, arms=arms if "arms" in data else None)


def _completed(arms: Any) -> list[dict[str, Any]]:
    """Return the arms with all their fields. Raises InvalidInput for what is no list of arms."""
    if not isinstance(arms, Sequence) or not all(isinstance(arm, Mapping) for arm in arms):
        raise InvalidInput.of("arms", "must be a list of arms")
    defaults = {"name": "", "weight": 0.0, "payload": None, "levels": {}}
    return [
        {
            "key": str(arm.get("key", "")),
            **{name: arm.get(name, default) for name, default in defaults.items()},
            "name": arm.get("name") or str(arm.get("key", "")),
        }
        for arm in arms
    ]


def _factorial(factors: Any) -> list[dict[str, Any]]:
    """Return the arms of a full factorial of equal weights; the first level of every factor is the control."""
    if not isinstance(factors, Mapping) or not factors:
        return []
    names = list(factors)
    combinations = list(product(*factors.values()))
    return [
        {
            "key": "-".join(levels),
            "name": ", ".join(f"{name} {level}" for name, level in zip(names, levels, strict=True)),
            "weight": 1 / len(combinations),
            "levels": dict(zip(names, levels, strict=True)),
        }
        for levels in combinations
    ]


def _arm_errors(arms: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    keys, weights = [arm["key"] for arm in arms], [arm["weight"] for arm in arms]
    if not 2 <= len(arms) <= MOST_ARMS:
        return [FieldError("arms", f"must be 2 to {MOST_ARMS}")]
    if len(set(keys)) < len(keys) or not all(re.match(SLUG_PATTERN, key) for key in keys):
        return [FieldError("arms", "need keys of small letters, digits and hyphens, each another one")]
    if not all(isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one <= 1 for one in weights):
        return [FieldError("weights", "must be numbers from 0 to 1")]
    return [] if abs(sum(weights) - 1) <= 1e-6 else [FieldError("weights", "must sum to 1")]


def _payload_errors(kind_name: str, arms: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    if not kind_name:
        return []
    kind = payload_kind(kind_name)
    if kind is None:
        names = ", ".join(one.name for one in payload_kinds()) or "none"
        return [FieldError("payload_kind", f"there is no kind {kind_name}; there are {names}")]
    payloads = [(arm["key"], arm["payload"]) for arm in arms if arm["payload"] is not None]
    if not payloads:
        return [FieldError("arms", "change nothing: at least one needs a payload")]
    errors = [
        FieldError(f"arms.{key}.payload{'.' if error.field else ''}{error.field}", error.message)
        for key, payload in payloads
        for error in kind.errors(payload)
    ]
    return errors or _disagreements(kind, payloads)


def _disagreements(kind: PayloadKind, payloads: Sequence[tuple[str, Any]]) -> list[FieldError]:
    """Return an error for each arm that differs from the first one in a field in which all must agree."""
    first_key, first = payloads[0]
    return [
        FieldError(f"arms.{key}.payload.{field}", f"must be {first[field]}, as in the arm {first_key}")
        for key, payload in payloads[1:]
        for field in sorted(kind.common)
        if payload[field] != first[field]
    ]


def _factor_errors(factors: Any, arms: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    if not factors:
        return []
    good = isinstance(factors, Mapping) and all(
        isinstance(levels, list)
        and len(levels) > 1
        and len(set(map(str, levels))) == len(levels)
        and all(isinstance(level, str) for level in levels)
        for levels in factors.values()
    )
    if not good:
        return [FieldError("factors", "must name the levels of each factor, two at least, each another one")]
    expected = {tuple(zip(factors, levels, strict=True)) for levels in product(*factors.values())}
    actual = [tuple((name, arm["levels"].get(name)) for name in factors) for arm in arms]
    if set(actual) != expected or len(actual) != len(expected):
        return [FieldError("arms", f"must be the {len(expected)} combinations of all levels, each once")]
    return []


def _test_unit_errors(units: Any, arms: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    keys = {arm["key"] for arm in arms}
    good = isinstance(units, Mapping) and all(
        unit.partition(":")[0] in KINDS and unit.partition(":")[2] and arm in keys for unit, arm in units.items()
    )
    return [] if good else [FieldError("test_units", "must map user:ID or anonymous:ID to the key of an arm")]


def _metric_errors(row: Experiment) -> list[FieldError]:
    errors = []
    if not isinstance(row.secondary_metrics, list) or not all(isinstance(one, str) for one in row.secondary_metrics):
        errors.append(FieldError("secondary_metrics", "must be a list of keys"))
    guardrails = row.guardrail_metrics if isinstance(row.guardrail_metrics, list) else [None]
    keys = [one.get("metric") if isinstance(one, Mapping) else one for one in guardrails]
    if not all(isinstance(key, str) and key for key in keys):
        errors.append(FieldError("guardrail_metrics", "must be a list of keys, or of objects with metric and margin"))
    if not all(_is_margin(one.get("margin", 0.0)) for one in guardrails if isinstance(one, Mapping)):
        errors.append(FieldError("guardrail_metrics", "margins must be shares from 0 to below 1"))
    if not all(_is_dimension(one.get("dimension")) for one in guardrails if isinstance(one, Mapping)):
        errors.append(FieldError("guardrail_metrics", "a dimension must be a name, such as device"))
    is_draft = row.status == Status.DRAFT  # designs that run keep what they were started with
    if is_draft and row.goal_metric and row.goal_metric in guardrail_keys(row):
        errors.append(FieldError("guardrail_metrics", "the goal cannot guard itself: it is judged as the goal"))
    return errors or _unknown_metrics(row, keys)


def _is_dimension(value: Any) -> bool:
    return value is None or (isinstance(value, str) and value != "")


def _is_margin(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1)


def _unknown_metrics(row: Experiment, guardrails: Sequence[Any]) -> list[FieldError]:
    """Return an error for each metric that nothing defines, and for an activation that is no yes-or-no."""
    by_key = all_metrics(with_archived=row.status != Status.DRAFT)
    by_field = {
        "goal_metric": [row.goal_metric],
        "secondary_metrics": row.secondary_metrics,
        "guardrail_metrics": guardrails,
        "activation_metric": [row.activation_metric],
    }
    errors = [
        FieldError(name, f"there is no metric {key}")
        for name, keys in by_field.items()
        for key in keys
        if key and key not in by_key
    ]
    activation = by_key.get(row.activation_metric)
    if activation is not None and (activation.kind != "proportion" or activation.numerator.source == "visits"):
        errors.append(FieldError("activation_metric", "must be a proportion: something that a unit did or did not do"))
    return errors


def _policy_errors(row: Experiment, arms: Sequence[Mapping[str, Any]]) -> list[FieldError]:
    errors = []
    if row.minimum_runtime_days > row.maximum_runtime_days:
        errors.append(FieldError("maximum_runtime_days", "must not be less than the minimum"))
    if row.goal_margin is not None and len(arms) > 2:
        errors.append(FieldError("goal_margin", "needs two arms: among several, shipping must show a gain"))
    return errors
