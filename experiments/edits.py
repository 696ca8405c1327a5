"""Which steps and edits each status allows: two tables, which services and pages ask. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from common.errors import Conflict
from experiments.design import Status

Permission = Literal["yes", "no", "raise", "epoch"]
"""`raise`: the value may grow, in a step of its own. `epoch`: a step of its own, which starts an epoch."""
Action = Literal["start", "change_coverage", "change_weights", "ramp", "stop", "ship", "archive"]


@dataclass(frozen=True, slots=True)
class EditRule:
    """Whether some fields may be changed after the start, and why not. In a draft all of them may."""

    fields: tuple[str, ...]
    why: str
    running: Permission = "no"
    ended: Permission = "no"
    archived: Permission = "no"

    def permission(self, status: Status) -> Permission:
        """Return the permission in a status."""
        by_status: Mapping[Status, Permission] = {
            "draft": "yes",
            "running": self.running,
            "stopped": self.ended,
            "shipped": self.ended,
            "archived": self.archived,
        }
        return by_status[status]


EDIT_RULES: Final = (
    EditRule(("name",), "An archived experiment is history.", running="yes", ended="yes"),
    EditRule(("learnings",), "Learnings come last.", running="yes", ended="yes", archived="yes"),
    EditRule(("policy_mode",), "Nothing happens by itself after the end.", running="yes"),
    EditRule(("test_units",), "After the end everybody gets the same arm.", running="yes"),
    EditRule(("coverage",), "A smaller share would throw shoppers out of the arm they know.", running="raise"),
    EditRule(("weights",), "Another split moves shoppers, so it starts an epoch.", running="epoch"),
    EditRule(("key",), "Storefronts and exposures name the experiment by its key."),
    EditRule(("arms", "factors", "payload_kind"), "Results of two different treatments cannot be read as one."),
    EditRule(
        ("condition", "namespace", "namespace_low", "namespace_high"),
        "Shoppers would enter or leave one arm more than another.",
    ),
    EditRule(
        ("hypothesis", "goal_metric", "goal_margin", "secondary_metrics", "guardrail_metrics", "activation_metric"),
        "What is measured is decided before anybody has seen numbers.",
    ),
    EditRule(
        ("inference", "alpha", "power", "minimum_effect", "planned_units", "planned_looks"),
        "The error rates hold only for the plan that was made before.",
    ),
    EditRule(
        ("minimum_runtime_days", "maximum_runtime_days"),
        "A test that is extended until it succeeds proves nothing.",
    ),
)
"""Seed and kind are in no rule: they never change."""
RULE_OF: Final[Mapping[str, EditRule]] = {field: rule for rule in EDIT_RULES for field in rule.fields}
STEPS: Final[Mapping[Action, tuple[Status, ...]]] = {
    "start": ("draft",),
    "change_coverage": ("running",),
    "change_weights": ("running",),
    "ramp": ("running",),
    "stop": ("running",),
    "ship": ("running", "stopped"),
    "archive": ("draft", "stopped", "shipped"),
}
"""The statuses in which each step is possible."""


def permission(field: str, status: Status) -> Permission:
    """Return whether a field may be changed in a status; "no" for a field that never changes."""
    return RULE_OF[field].permission(status) if field in RULE_OF else "no"


def check_edits(fields: Iterable[str], status: Status) -> None:
    """Raise Conflict, with the reason, for the first field that a plain edit may not change in this status."""
    for field in fields:
        if permission(field, status) != "yes":
            why = RULE_OF[field].why if field in RULE_OF else "It is fixed for the life of the experiment."
            raise Conflict(f"{field} cannot be edited while the experiment is {status}. {why}")


def check_undo(fields: Iterable[str], status: Status) -> None:
    """Raise Conflict, with the reason, where taking a step back would edit what this status does not allow to change.

    Coverage and weights of a running experiment may go back. A status and what comes with it are no edits.
    """
    check_edits((one for one in fields if one in RULE_OF and permission(one, status) == "no"), status)


def check_coverage(before: float, after: float) -> None:
    """Raise Conflict for a ramp that would take the experiment away from shoppers who have it."""
    if after <= before:
        raise Conflict(f"The coverage may only grow from {before:g}. {RULE_OF['coverage'].why}")


def check_step(action: Action, status: Status) -> None:
    """Raise Conflict for a step that this status does not allow."""
    if status not in STEPS[action]:
        possible = " or ".join(STEPS[action])
        raise Conflict(f"{action.replace('_', ' ')} needs an experiment that is {possible}; this one is {status}.")
