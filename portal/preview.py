"""The preview: what a shopper would see on a placement, now and with a draft rule, and why."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.comma_lists import split_names
from common.errors import DomainError
from consents.subjects import MAX_RAW_ID
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import effects
from personalization.serving.answers import Answer, FallbackReason, Item
from personalization.serving.asking import Ask, Who
from personalization.serving.item_records import MOST_REMOVED
from personalization.trials.sample_shoppers import sample_shoppers
from personalization.trials.trial import try_rule
from portal.permissions import NAMED_SHOPPERS, may, staff_page
from portal.theme import staff_context

MISSING: Final[dict[FallbackReason, str]] = {
    "no_profile": "Nothing is known of this shopper yet, so this is what a stranger sees.",
    "no_consent": "This shopper is unknown or did not allow personalization, so this is what a stranger sees.",
    "no_model": "No model is live yet: products come in the order of popularity, or of the catalog.",
    "store_down": "Redis did not answer, so the shopper could not be read.",
    "deadline": "The answer would have come too late, so popular products stand in.",
}
"""What each reason of a fallback means for the person who looks at a preview."""
NO_NAMES: Final = "You may not look at a named shopper. Choose one of the sample shoppers."
FORBIDDEN: Final = "forbidden"


class PreviewForm(forms.Form):
    """Shopper, placement, and a draft rule. Lists are separated by commas, as in a saved rule."""

    subject = forms.CharField(label="Shopper", max_length=MAX_RAW_ID, required=False)
    placement = forms.ChoiceField()
    product_id = forms.CharField(label="Product looked at, or the cart", max_length=2_000, required=False)
    limit = forms.IntegerField(label="Size", min_value=1, max_value=50, required=False)
    effect = forms.ChoiceField(label="What it does", choices=[("", "No draft rule"), *effects()], required=False)
    products = forms.CharField(max_length=2_000, required=False)
    categories = forms.CharField(max_length=2_000, required=False)
    brands = forms.CharField(max_length=2_000, required=False)
    position = forms.IntegerField(min_value=1, max_value=100, required=False)
    factor = forms.FloatField(min_value=1, max_value=100, required=False)
    cap = forms.IntegerField(label="At most", min_value=0, max_value=100, required=False)

    def __init__(
        self, *args: Any, placements: list[tuple[str, str]], samples: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.samples = samples
        """The user id of each pseudonym, for staff who may not name a shopper; None for the others."""
        self.fields["placement"] = forms.ChoiceField(choices=placements)

    def clean_subject(self) -> str:
        """Return the shopper as a subject. Staff who may not name one choose a sample."""
        subject: str = self.cleaned_data["subject"].strip()
        if self.samples is None or not subject:
            return subject
        if subject not in self.samples:
            raise forms.ValidationError(NO_NAMES, code=FORBIDDEN)
        return f"user:{self.samples[subject]}"

    def is_forbidden(self) -> bool:
        """Return whether the form names a shopper although this person may not."""
        return self.has_error("subject", FORBIDDEN)

    def ask(self) -> Ask:
        """Return the request; an id without prefix is a user id, no id is an unknown shopper."""
        fields = self.cleaned_data
        kind, _, value = fields["subject"].partition(":")
        anonymous = value if kind == "anonymous" else None
        user = None if anonymous else (value if kind == "user" else fields["subject"]) or None
        return Ask(
            placement=fields["placement"],
            who=Who(user_id=user, anonymous_id=anonymous),
            product_ids=tuple(split_names(fields["product_id"])),
            limit=fields["limit"],
            personalized=bool(user or anonymous),
            explain=True,
        )

    def wording(self) -> dict[str, Any] | None:
        """Return the draft rule's fields, or None without an effect."""
        fields = self.cleaned_data
        if not fields["effect"]:
            return None
        lists = {name: split_names(fields[name]) for name in ("products", "categories", "brands")}
        numbers = {name: fields[name] for name in ("position", "factor", "cap") if fields[name] is not None}
        return {"effect": fields["effect"], "placements": [fields["placement"]], **lists, **numbers}


@dataclass(frozen=True, slots=True)
class PreviewItem:
    """One item of a preview; `moved` is the number of places that the draft rule moved it, None for a new item."""

    item: Item
    moved: int | None
    sources: tuple[tuple[str, float], ...]
    contributions: tuple[tuple[str, float], ...]


@require_safe
@staff_page("personalization.view_placement")
def page(request: HttpRequest) -> HttpResponse:
    """Show the preview; it records no exposures.

    A named shopper's answers and their reasons tell what the shopper viewed and bought. Staff without the permission
    for customers choose among sample shoppers instead; a name gives them 403.
    """
    placements = [(key, f"{key}: {config.name}") for key, config in active_placements().items()]
    first = placements[0][0] if placements else ""
    samples = None if may(request.user, NAMED_SHOPPERS) else sample_shoppers()
    form = PreviewForm({"placement": first, **request.GET.dict()}, placements=placements, samples=samples)
    context = {**staff_context(request, title="Preview"), "form": form, "samples": samples}
    if form.is_valid():
        context |= _trial_context(form)
    status = HTTPStatus.FORBIDDEN if form.is_forbidden() else HTTPStatus.OK
    return render(request, "portal/preview.html", context, status=status)


def _trial_context(form: PreviewForm) -> dict[str, Any]:
    try:
        trial = try_rule(form.ask(), wording=form.wording())
    except DomainError as error:
        return {"problem": error.detail}
    columns = [("Now", trial.now, preview_items(trial.now, None))]
    if trial.with_draft is not None:
        columns.append(("With the draft rule", trial.with_draft, preview_items(trial.with_draft, trial.now)))
    alike = trial.with_draft is not None and products_in(trial.with_draft) == products_in(trial.now)
    return {
        "columns": columns,
        "alike": alike,
        "conflicts": trial.conflicts,
        "obstacle": trial.obstacle,
        "missing": MISSING.get(trial.now.degraded, "") if trial.now.degraded else "",
        "most_removed": MOST_REMOVED,
    }


def products_in(answer: Answer) -> list[str]:
    """Return the product ids of an answer, in order."""
    return [item.product_id for item in answer.items]


def preview_items(answer: Answer, before: Answer | None) -> list[PreviewItem]:
    """Return the items of an answer, each with its move relative to the answer `before`."""
    places = {item.product_id: item.position for item in before.items} if before else {}
    return [_preview_item(item, places, compared=before is not None) for item in answer.items]


def _preview_item(item: Item, places: dict[str, int], *, compared: bool) -> PreviewItem:
    was = places.get(item.product_id) if compared else item.position
    why = item.explanation
    return PreviewItem(
        item=item,
        moved=None if was is None else was - item.position,
        sources=_largest(why.sources) if why else (),
        contributions=_largest(why.contributions) if why else (),
    )


def _largest(values: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(values.items(), key=lambda pair: -abs(pair[1])))
