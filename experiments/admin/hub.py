"""The page of one experiment: what it is, what may be done with it, and what was done."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from audit.staff import names_of
from experiments.edits import STEPS
from experiments.forms.sizing import audience_in_words
from experiments.models import Arm, Experiment, Kind, Proposal, Status, Step
from experiments.payloads import payload_kind
from experiments.selectors.metrics import all_metrics
from experiments.selectors.policies import policy_outlook, waiting_proposals
from experiments.selectors.results import results_of
from experiments.services.steps import state_of

TITLES: Final[Mapping[str, str]] = {
    "start": "Start",
    "change_coverage": "Raise coverage",
    "change_weights": "Change shares",
    "ramp": "Ramp an arm",
    "stop": "Stop",
    "ship": "Ship an arm",
    "archive": "Archive with learnings",
}
DONE: Final[Mapping[str, str]] = {
    "created": "Created",
    "edited": "Edited",
    "started": "Started",
    "coverage_changed": "Coverage raised",
    "weights_changed": "Shares changed",
    "ramped": "Ramped",
    "stopped": "Stopped",
    "arm_stopped": "Arm stopped",
    "shipped": "Shipped",
    "archived": "Archived",
    "undone": "Undone",
}
"""What each step did; others are named by their key."""
NO_LABELS: Final[Mapping[str, str]] = {}


class HubPages:
    """Mixin of the experiment's admin with the page of one experiment."""

    admin_site: Any

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show one experiment. Its steps and its design have pages of their own."""
        if not request.user.has_perm("experiments.view_experiment"):
            raise PermissionDenied("experiments.view_experiment")
        if request.method not in ("GET", "HEAD"):
            return HttpResponseNotAllowed(["GET", "HEAD"])
        pk = int(object_id) if object_id.isascii() and object_id.isdecimal() else 0
        row = get_object_or_404(Experiment.objects.select_related("namespace").prefetch_related("arms"), pk=pk)
        may_change = request.user.has_perm("experiments.change_experiment")
        results = None if row.status == Status.DRAFT else results_of(row.key, with_breakdowns=False)
        context = {
            **self.admin_site.each_context(request),
            "title": row.name,
            "subtitle": "Experiment",
            "original": row,
            "may_change": may_change,
            "results": results,
            "units": 0 if results is None else sum(arm.units for arm in results.arms),
            "next_step": "" if row.status != Status.RUNNING else policy_outlook(row.key).sentence,
            "actions": actions_of(row) if may_change else [],
            "proposals": waiting_proposals(experiment_id=row.pk),
            "parts": parts_of(row),
            "arms": [(arm, payload_in_words(row.payload_kind, arm)) for arm in row.arms.all()],
            "steps": history_of(row),
            "past_proposals": list(row.proposals.exclude(state=Proposal.State.OPEN)[:20]),
            "audience": audience_in_words(row.condition),
        }
        return render(request, "experiments/hub.html", context)


def actions_of(row: Experiment) -> list[tuple[str, str]]:
    """Return title and address of each step that the experiment allows now."""
    return [
        (TITLES[action], reverse("admin:experiments_experiment_step", args=[row.pk, action]))
        for action, statuses in STEPS.items()
        if row.status in statuses and not (row.kind == Kind.HOLDOUT and action in ("ship", "ramp"))
    ]


def parts_of(row: Experiment) -> list[tuple[str, str]]:
    """Return the design as pairs of a title and words."""
    names = {key: one.name for key, one in all_metrics(with_archived=True).items()}
    guardrails = [_guardrail(one, names) for one in row.guardrail_metrics]
    kind = payload_kind(row.payload_kind)
    units = f"{row.planned_units:,} in each arm" if row.planned_units else "not planned"
    pairs = [
        ("Hypothesis", row.hypothesis),
        ("What is compared", "JSON that the storefront reads" if kind is None else kind.title),
        ("Who takes part", audience_in_words(row.condition)),
        ("Coverage", f"{100 * row.coverage:.4g} % of them"),
        ("Namespace", _namespace(row)),
        ("Goal", names.get(row.goal_metric, row.goal_metric) or "none"),
        ("Also shown", ", ".join(names.get(one, one) for one in row.secondary_metrics)),
        ("Guardrails", "; ".join(guardrails)),
        ("Counts once", names.get(row.activation_metric, row.activation_metric)),
        ("How numbers are read", row.get_inference_display()),
        ("Smallest effect", f"{100 * row.minimum_effect:.4g} % with a chance of {100 * row.power:.4g} %"),
        ("False alarms", f"{100 * row.alpha:.4g} %"),
        ("Shoppers", units),
        ("Runtime", f"{row.minimum_runtime_days} to {row.maximum_runtime_days} days"),
        ("By itself", row.get_policy_mode_display()),
        ("Learnings", row.learnings),
    ]
    return [(title, words) for title, words in pairs if words]


def payload_in_words(kind: str, arm: Arm) -> str:
    """Return what an arm changes, with the names that the form of the kind offers."""
    registered = payload_kind(kind)
    if arm.payload is None:
        return "as it is now"
    if registered is None or not isinstance(arm.payload, Mapping):
        return json.dumps(arm.payload, ensure_ascii=False)
    labels = {name: dict(choices) for name, choices in registered.choices().items()}
    return ", ".join(
        f"{name.replace('_', ' ')}: {_plain(value, labels.get(name, {}))}"
        for name, value in sorted(arm.payload.items())
    )


def history_of(row: Experiment) -> list[dict[str, Any]]:
    """Return the steps, the latest first, with who took them, and which can be undone."""
    steps, now = list(row.steps.all()), state_of(row)
    names = names_of({step.actor for step in steps})
    undone = {step.undone_by_id: step.number for step in steps if step.undone_by_id is not None}
    return [
        {
            "step": step,
            "title": DONE.get(step.action, step.action.replace("_", " ").capitalize()),
            "what": changes_in_words(step, undone.get(step.pk)),
            "actor": names[step.actor],
            "undo": undo_address(row, step.pk) if _is_latest(step, now) else "",
        }
        for step in steps
    ]


def _is_latest(step: Step, now: Mapping[str, Any]) -> bool:
    """Return whether no later step changed the same, so that it can be undone."""
    return step.undone_by_id is None and all(now[name] == value for name, value in step.after.items())


def undo_address(row: Experiment, step_id: UUID) -> str:
    """Return the address of the page that undoes a step."""
    return reverse("admin:experiments_experiment_undo", args=[row.pk, step_id])


def changes_in_words(step: Step, undoes: int | None = None) -> str:
    """Return what a step changed, in short."""
    if undoes is not None:
        return f"step {undoes}"
    before, after = step.before, step.after
    if step.action in ("coverage_changed", "weights_changed", "ramped"):
        return ", ".join(_traffic_in_words(before, after))
    if step.action in ("stopped", "shipped"):
        return f"everybody gets {after.get('final_arm', '')}"
    return ", ".join(name.replace("_", " ") for name in after) if step.action == "edited" else ""


def _traffic_in_words(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    if "coverage" in after:
        yield f"coverage from {100 * before['coverage']:.4g} % to {100 * after['coverage']:.4g} %"
    for arm in after.get("arms", ()):
        yield f"{arm['name']} {100 * arm['weight']:.4g} %"


def _guardrail(one: Any, names: Mapping[str, str]) -> str:
    key = one.get("metric", "") if isinstance(one, Mapping) else one
    margin = one.get("margin") if isinstance(one, Mapping) else None
    words = names.get(key, key)
    if isinstance(one, Mapping) and one.get("dimension"):
        words = f"{words} in each group by {one['dimension']}"
    return words if margin is None else f"{words}, not worse by more than {100 * margin:.4g} %"


def _namespace(row: Experiment) -> str:
    if row.namespace is None:
        return ""
    return f"{row.namespace.name}, buckets {row.namespace_low} to {row.namespace_high}"


def _plain(value: Any, labels: Mapping[str, str] = NO_LABELS) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(inner)}" for name, inner in value.items())
    return ", ".join(labels.get(str(one), str(one)) for one in (value if isinstance(value, list) else [value]))
