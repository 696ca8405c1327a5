"""The preview: what a shopper would see on a placement, now and with a draft rule, and why."""

from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import redis
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from common import clock
from common.errors import DomainError
from customers.selectors import identity_of
from personalization.selectors.placements import active_placements
from personalization.serving.answers import Answer, FallbackReason, Item
from personalization.serving.item_records import MOST_REMOVED
from personalization.trials.draft_form import WORDING
from personalization.trials.persona import persona_shopper
from personalization.trials.sample_shoppers import sample_shoppers
from personalization.trials.segment_lists import N_LISTS, SegmentLists, common_products, segment_lists
from personalization.trials.trial import Baseline, try_rule
from personalization.trials.why_bars import Why, why
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.preview_form import PERSONA, PreviewForm
from portal.theme import staff_context

MISSING: Final[dict[FallbackReason, str]] = {
    "no_profile": "Nothing is known of this shopper yet, so this is what a stranger sees.",
    "no_consent": "This shopper did not allow personalization: the shop shows them popular products, as a stranger.",
    "no_model": "No model is live yet: products come in the order of popularity, or of the catalog.",
    "store_down": "Redis did not answer, so the shopper could not be read.",
    "deadline": "The answer would have come too late, so popular products stand in.",
}
"""What each reason of a fallback means for the person who looks at a preview."""
HOME: Final = "home"
"""The placement that the page begins with."""
UNKNOWN: Final = "Unknown shopper: nobody with this id was ever seen. This is what a stranger sees."


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One item of a preview; `moved` is the number of places that the draft rule moved it, None for a new item."""

    item: Item
    moved: int | None
    why: Why
    sources: tuple[tuple[str, float], ...]
    contributions: tuple[tuple[str, float], ...]

    @property
    def down(self) -> str:
        """How far the draft moved it down, in words."""
        return f"down {-(self.moved or 0)}"


@require_safe
@staff_page("personalization.view_placement")
def page(request: HttpRequest) -> HttpResponse:
    """Show the preview; it records no exposures.

    A named shopper's answers and their reasons tell what the shopper viewed and bought. Staff without the permission
    for customers choose among sample shoppers instead; a name gives them 403.
    """
    placements = [(key, f"{key}: {config.name}") for key, config in active_placements().items()]
    first = next((key for key, _ in placements if key == HOME), placements[0][0] if placements else "")
    samples = None if may(request.user, NAMED_SHOPPERS) else sample_shoppers()
    form = PreviewForm({"placement": first, **request.GET.dict()}, placements=placements, samples=samples)
    context = {
        **staff_context(request, title="Preview"),
        "form": form,
        "samples": samples,
        "whom_fields": [form[name] for name in ("subject", "placement", "limit")],
        "persona_fields": [form[name] for name in (*PERSONA, "segment")],
        "draft_fields": [form[name] for name in WORDING],
        "persona_errors": any(form[name].errors for name in (*PERSONA, "segment")),
        "draft_errors": any(form[name].errors for name in WORDING),
    }
    if form.is_valid():
        context |= _context_of(form, is_named=samples is None)
        if form.draft() is not None and (rule_id := form.cleaned_data["rule_id"]):
            context["rule"] = reverse("admin:personalization_rule_change", args=[rule_id])
        elif form.draft() is not None and request.user.has_perm("personalization.add_rule"):
            context["save"] = f"{reverse('admin:personalization_rule_add')}?{urlencode(form.draft_query())}"
    status = HTTPStatus.FORBIDDEN if form.is_forbidden() else HTTPStatus.OK
    return render(request, "portal/preview.html", context, status=status)


def _context_of(form: PreviewForm, *, is_named: bool) -> dict[str, Any]:
    try:
        if form.cleaned_data["segment"] and form.persona() is None:
            return _segment_context(form, is_named=is_named)
        return _trial_context(form)
    except DomainError as error:
        return {"problem": error.detail}
    except redis.RedisError:
        return {"problem": MISSING["store_down"]}


def _trial_context(form: PreviewForm) -> dict[str, Any]:
    persona = form.persona()
    shopper = None if persona is None else replace(persona_shopper(persona), memory=None)
    rule_id = form.cleaned_data["rule_id"]
    trial = try_rule(form.ask(), wording=form.draft(), shopper=shopper, instead_of=rule_id)
    first, second = _headings(rule_id, trial.against, is_tried=trial.with_draft is not None)
    columns = [(first, trial.now, preview_items(trial.now, None))]
    if trial.with_draft is not None:
        columns.append((second, trial.with_draft, preview_items(trial.with_draft, trial.now)))
    alike = trial.with_draft is not None and products_in(trial.with_draft) == products_in(trial.now)
    return {
        "columns": columns,
        "alike": alike,
        "conflicts": trial.conflicts,
        "obstacle": trial.obstacle,
        "missing": _missing(form, trial.now),
        "is_persona": persona is not None,
        "most_removed": MOST_REMOVED,
    }


def _headings(rule_id: int | None, against: Baseline, *, is_tried: bool) -> tuple[str, str]:
    """Return the headings of both columns: of a new draft, or of a saved rule as it is or reworded."""
    if rule_id is None or not is_tried:
        return "Now", "With the draft rule"
    return ("Without the rule", "With the rule") if against == "without" else ("As it is saved", "As it is changed")


def _missing(form: PreviewForm, answer: Answer) -> str:
    """Return what kept the answer from being personal, in words; "" where nothing did."""
    subject = form.cleaned_data["subject"]
    is_unknown = answer.degraded in ("no_consent", "no_profile")
    if subject and is_unknown and not identity_of(subject, now=clock.now()).was_seen:
        return UNKNOWN
    return MISSING.get(answer.degraded, "") if answer.degraded else ""


def _segment_context(form: PreviewForm, *, is_named: bool) -> dict[str, Any]:
    ask, rule_id = replace(form.ask(), explain=False), form.cleaned_data["rule_id"]
    lists = segment_lists(ask, form.cleaned_data["segment"], wording=form.draft(), instead_of=rule_id)
    first, second = _headings(rule_id, lists.against, is_tried=lists.with_draft is not None)
    columns = [(first, common_products(lists.now))]
    if lists.with_draft is not None:
        columns.append((second, common_products(lists.with_draft)))
    return {
        "segment": lists,
        "segment_columns": columns,
        "members": _members(lists, is_named=is_named),
        "conflicts": lists.conflicts,
    }


def _members(lists: SegmentLists, *, is_named: bool) -> list[tuple[str, str, Answer]]:
    """Return name, address and list of the first members; names only for staff who may see them."""
    answers = lists.now if lists.with_draft is None else lists.with_draft
    return [
        (subject, reverse("portal:customer", args=[subject]), answer) if is_named else (f"Member {number}", "", answer)
        for number, (subject, answer) in enumerate(zip(lists.subjects[:N_LISTS], answers, strict=False), 1)
    ]


def products_in(answer: Answer) -> list[str]:
    """Return the product ids of an answer, in order."""
    return [item.product_id for item in answer.items]


def preview_items(answer: Answer, before: Answer | None) -> list[PreviewItem]:
    """Return the items of an answer, each with its move relative to the answer `before`."""
    places = {item.product_id: item.position for item in before.items} if before else {}
    return [_preview_item(item, places, compared=before is not None) for item in answer.items]


def _preview_item(item: Item, places: dict[str, int], *, compared: bool) -> PreviewItem:
    was = places.get(item.product_id) if compared else item.position
    explanation = item.explanation
    return PreviewItem(
        item=item,
        moved=None if was is None else was - item.position,
        why=why(item),
        sources=_largest(explanation.sources) if explanation else (),
        contributions=_largest(explanation.contributions) if explanation else (),
    )


def _largest(values: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(values.items(), key=lambda pair: -abs(pair[1])))
