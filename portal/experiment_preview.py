"""What a shopper would see in each arm of an experiment, side by side, with pictures: of a draft, or of a saved one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

import redis
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from common.errors import DomainError, InvalidInput, NotFound
from experiments.design import Arm, Design
from experiments.forms.design import DesignForms
from experiments.selectors.designs import design as saved_design
from personalization.selectors.placements import active_placements
from personalization.trials.arm_trial import arm_answers, check_arms, is_about
from personalization.trials.persona import persona_shopper
from personalization.trials.sample_shoppers import sample_shoppers
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.preview import HOME, MISSING, PreviewItem, preview_items, products_in
from portal.preview_form import PERSONA, PreviewForm
from portal.theme import staff_context

SEE: Final = "personalization.view_placement"
UNFINISHED: Final = "Give each arm a name, a share and what it changes: then it can be previewed."
WHOM: Final = ("subject", "product_id", *PERSONA)


@dataclass(frozen=True, slots=True)
class ArmColumn:
    """One arm: its items with their moves against the control, or the JSON that the storefront gets.

    `change` says in words how it differs from the control.
    """

    arm: Arm
    items: tuple[PreviewItem, ...] = ()
    values: tuple[tuple[str, str, bool], ...] = ()
    change: str = ""


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(SEE)
def page(request: HttpRequest) -> HttpResponse:
    """Show the arms of the saved experiment that `experiment` names, or of the posted draft. Records no exposures.

    Whom it is for is chosen as in the preview of rules; a name gives staff without the permission for customers 403.
    """
    fields = request.POST if request.method == "POST" else request.GET
    placements = [(key, f"{key}: {config.name}") for key, config in active_placements().items()]
    samples = None if may(request.user, NAMED_SHOPPERS) else sample_shoppers()
    context: dict[str, Any] = {"samples": samples, "placements": placements, "key": fields.get("experiment", "")}
    status = HTTPStatus.OK
    try:
        design = _draft(request) if request.method == "POST" else saved_design(fields.get("experiment", ""))
        whom = _whom(fields, design, placements, samples)
        if whom.is_forbidden():
            status = HTTPStatus.FORBIDDEN
        context |= {"design": design, "whom": whom, **_columns_of(design, whom)}
    except NotFound as error:
        context["problem"], status = error.detail, HTTPStatus.NOT_FOUND
    except DomainError as error:
        context["problem"] = error.detail
    except redis.RedisError:
        context["problem"] = MISSING["store_down"]
    if request.headers.get("X-Requested-With") == "fetch":
        return render(request, "portal/arm_columns.html", context, status=status)
    title = context["design"].name if "design" in context else ""
    page_context = staff_context(request, title=title or "Preview of the arms", subtitle="What shoppers see")
    return render(request, "portal/experiment_preview.html", {**page_context, **context}, status=status)


def _draft(request: HttpRequest) -> Design:
    forms = DesignForms(request.POST)
    if not forms.arms.is_valid() or not forms.arms.filled:
        raise InvalidInput(UNFINISHED)
    return forms.draft()


def _whom(
    fields: Mapping[str, Any], design: Design, placements: list[tuple[str, str]], samples: dict[str, str] | None
) -> PreviewForm:
    keys = [key for key, _ in placements]
    default = fields.get("preview_placement") or (HOME if HOME in keys else next(iter(keys), ""))
    values = {name: fields.get(name, "") for name in WHOM}
    form = PreviewForm({**values, "placement": is_about(design) or default}, placements=placements, samples=samples)
    form.is_valid()
    return form


def _columns_of(design: Design, whom: PreviewForm) -> dict[str, Any]:
    """Return the columns, or what keeps them from being shown."""
    if not design.payload_kind:
        return {"columns": _json_columns(design), "is_json": True}
    if not whom.is_valid():
        texts = [f"{whom.fields[name].label or name}: {' '.join(map(str, all_))}" for name, all_ in whom.errors.items()]
        return {"problem": " ".join(texts)}
    check_arms(design)
    persona = whom.persona()
    shopper = None if persona is None else replace(persona_shopper(persona), memory=None)
    answers = arm_answers(design, whom.ask(), shopper=shopper)
    control = answers[0]
    columns = [
        ArmColumn(
            arm,
            tuple(preview_items(answer, None if answer is control else control)),
            change="" if answer is control else _change(products_in(control), products_in(answer)),
        )
        for arm, answer in zip(design.arms, answers, strict=True)
    ]
    missing = MISSING.get(control.degraded, "") if control.degraded else ""
    return {"columns": columns, "missing": missing, "placement": control.placement, "is_persona": persona is not None}


def _change(before: list[str], after: list[str]) -> str:
    if before == after:
        return "The same products, in the same places as in the control."
    new = sum(one not in before for one in after)
    moved = sum(one in before and before.index(one) != place for place, one in enumerate(after))
    return f"{new} of {len(after)} products are others than in the control, {moved} moved."


def _json_columns(design: Design) -> list[ArmColumn]:
    control = _flat(design.arms[0].payload)
    return [
        ArmColumn(
            arm, values=tuple((name, text, control.get(name) != text) for name, text in _flat(arm.payload).items())
        )
        for arm in design.arms
    ]


def _flat(payload: Any) -> dict[str, str]:
    """Return the values of a payload as text, by name."""
    if payload is None:
        return {}
    named = payload if isinstance(payload, Mapping) else {"value": payload}
    return {
        str(name): value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in named.items()
    }
