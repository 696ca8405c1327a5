"""Each step in the life of an experiment: what it changed, its audit event, and the way back."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.services import record
from common import clock
from common.config_version import announce
from common.errors import Conflict, FieldError, InvalidInput, NotFound
from common.ids import uuid7
from experiments.models import Arm, Epoch, Experiment, Namespace, Step

FIELDS: Final = (
    *("key", "name", "status", "final_arm", "ramp_arm", "hypothesis", "payload_kind", "factors", "coverage"),
    *("condition", "namespace_low", "namespace_high", "test_units", "goal_metric", "goal_margin"),
    *("secondary_metrics", "guardrail_metrics", "activation_metric", "inference", "alpha", "power", "minimum_effect"),
    *("planned_units", "planned_looks"),
    *("minimum_runtime_days", "maximum_runtime_days", "policy_mode", "learnings", "started_at", "ended_at"),
)
"""What a step may change, besides namespace and arms."""
ARM_FIELDS: Final = ("key", "name", "weight", "payload", "levels")
NOT_AUDITED: Final = frozenset({"hypothesis", "learnings", "test_units"})
"""Free texts and ids of people: the audit log says that they changed, the step says how."""
State = dict[str, Any]


def locked(key: str) -> Experiment:
    """Return the experiment, locked until the end of the transaction. Raises NotFound."""
    row = Experiment.objects.select_for_update().filter(key=key).first()
    if row is None:
        raise NotFound(f"There is no experiment {key}.")
    return row


def state_of(row: Experiment) -> State:
    """Return all that steps may change of an experiment, as JSON."""
    state = {name: getattr(row, name) for name in FIELDS}
    for name in ("started_at", "ended_at"):
        state[name] = None if state[name] is None else state[name].isoformat()
    state["namespace"] = None if row.namespace is None else row.namespace.key
    state["arms"] = (
        [{name: getattr(arm, name) for name in ARM_FIELDS} for arm in row.arms.order_by("position")] if row.pk else []
    )
    return state


def save(row: Experiment, *, arms: Sequence[Mapping[str, Any]] | None = None) -> None:
    """Write the experiment, and its arms if they are given.

    Raises InvalidInput, which names the field, and Conflict for a range of a namespace that another experiment has.
    """
    try:
        row.full_clean(validate_constraints=False)
    except ValidationError as error:
        errors = tuple(FieldError(name, text) for name, texts in error.message_dict.items() for text in texts)
        raise InvalidInput(str(errors[0]), errors=errors) from error
    with _conflicts(row):
        row.save()
    if arms is not None:
        row.arms.all().delete()
        Arm.objects.bulk_create(Arm(experiment=row, position=position, **arm) for position, arm in enumerate(arms))


@contextmanager
def _conflicts(row: Experiment) -> Iterator[None]:
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "experiment_namespace_disjoint" in str(error):
            text = f"another experiment has buckets from {row.namespace_low} to {row.namespace_high} already"
            raise InvalidInput.of("namespace_low", text) from error
        if "experiment_one_holdout" in str(error):
            raise Conflict("There is a permanent hold-out already.") from error
        raise


@dataclass(frozen=True, slots=True)
class Change:
    """The one who changes an experiment, and why. `basis` is what a policy decided on: the rule and its numbers."""

    action: str
    actor: str
    reason: str = ""
    basis: Mapping[str, Any] = field(default_factory=dict)


def write_step(row: Experiment, change: Change, *, before: State) -> Step:
    """Write the step that led from the state `before` to the present one, with its audit event; return it.

    Serving processes follow within two seconds. The step's id is the handle that `undo` takes.
    """
    after = state_of(row)
    names = sorted(name for name in after if before.get(name) != after[name])
    last = row.steps.order_by("-number").values_list("number", flat=True).first() or 0
    step = Step(
        id=uuid7(),
        experiment=row,
        number=last + 1,
        action=change.action,
        actor=change.actor,
        at=clock.now(),
        reason=change.reason,
        before={name: before[name] for name in names if name in before},
        after={name: after[name] for name in names},
    )
    event = record(
        category="experiment",
        action=f"experiment.{change.action}",
        actor=change.actor,
        object=f"experiment:{row.key}",
        data={
            "undo": str(step.id),
            "number": step.number,
            "epoch": row.epoch,
            "fields": names,
            "before": _plain({name: before.get(name) for name in names}),
            "after": _plain({name: after[name] for name in names}),
            **({"basis": audit_value(change.basis)} if change.basis else {}),
        },
        detail={"reason": change.reason} if change.reason else None,
    )
    step.audit_event = event.id
    step.save()
    announce()
    return step


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that the audit log may hold; it has no floats."""
    return {name: audit_value(value) for name, value in values.items() if name not in NOT_AUDITED}


def audit_value(value: Any) -> Any:
    """Return a JSON value as the audit log may hold it: floats as text."""
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, Mapping):
        return {str(name): audit_value(inner) for name, inner in value.items()}
    return [audit_value(inner) for inner in value] if isinstance(value, list) else value


def begin_epoch(row: Experiment, *, at: datetime | None = None) -> None:
    """Start the next epoch with the present weights, now or at a time. Numbers are never used twice."""
    last = row.epochs.order_by("-number").values_list("number", flat=True).first() or 0
    row.epoch = last + 1
    weights = dict(row.arms.values_list("key", "weight"))
    row.save(update_fields=["epoch"])
    Epoch.objects.create(experiment=row, number=row.epoch, weights=weights, started_at=at or clock.now())


def namespace_of(key: str | None) -> Namespace | None:
    """Return the namespace of a key, None for none. Raises InvalidInput."""
    if not key:
        return None
    row = Namespace.objects.filter(key=key).first()
    if row is None:
        raise InvalidInput.of("namespace", f"there is no namespace {key}")
    return row
