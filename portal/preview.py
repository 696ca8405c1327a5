"""Preview: what would this shopper see on this placement, now and with a draft rule, and why."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from common.comma_lists import split_names
from common.errors import DomainError
from consents.subjects import MAX_RAW_ID
from personalization.selectors.placements import active_placements
from personalization.selectors.rules import effects
from personalization.serving.answers import Answer, Item
from personalization.serving.asking import Ask, Who
from personalization.serving.item_records import MOST_REMOVED
from portal.permissions import staff_page
from portal.theme import staff_context
from portal.trial import try_out


class PreviewForm(forms.Form):
    """Who, where, and a rule to try. Lists are separated by commas, as in a saved rule."""

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

    def __init__(self, *args: Any, placements: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["placement"] = forms.ChoiceField(choices=placements)

    def ask(self) -> Ask:
        """Return the question; a bare id is a user, no id is a stranger."""
        given = self.cleaned_data
        kind, _, value = given["subject"].strip().partition(":")
        anonymous = value if kind == "anonymous" else None
        user = None if anonymous else (value if kind == "user" else given["subject"].strip()) or None
        return Ask(
            placement=given["placement"],
            who=Who(user_id=user, anonymous_id=anonymous),
            product_ids=tuple(split_names(given["product_id"])),
            limit=given["limit"],
            personalized=bool(user or anonymous),
            explain=True,
        )

    def wording(self) -> dict[str, Any] | None:
        """Return the draft rule's fields, or None where no effect was chosen."""
        given = self.cleaned_data
        if not given["effect"]:
            return None
        lists = {name: split_names(given[name]) for name in ("products", "categories", "brands")}
        numbers = {name: given[name] for name in ("position", "factor", "cap") if given[name] is not None}
        return {"effect": given["effect"], "placements": [given["placement"]], **lists, **numbers}


@dataclass(frozen=True, slots=True)
class Shown:
    """One item of a preview; `moved` is how many places the draft rule moved it (None: it was not there)."""

    item: Item
    moved: int | None
    sources: tuple[tuple[str, float], ...]
    contributions: tuple[tuple[str, float], ...]


@require_safe
@staff_page("personalization.view_placement")
def page(request: HttpRequest) -> HttpResponse:
    """The preview; nothing it does is recorded as shown."""
    placements = [(key, f"{key}: {config.name}") for key, config in active_placements().items()]
    first = placements[0][0] if placements else ""
    form = PreviewForm({"placement": first, **request.GET.dict()}, placements=placements)
    context = staff_context(request, title="Preview")
    if form.is_valid():
        context |= _tried(form)
    return render(request, "portal/preview.html", {**context, "form": form})


def _tried(form: PreviewForm) -> dict[str, Any]:
    try:
        trial = try_out(form.ask(), wording=form.wording())
    except DomainError as error:
        return {"problem": error.detail}
    columns = [("Now", trial.now, shown(trial.now, None))]
    if trial.drafted is not None:
        columns.append(("With the draft rule", trial.drafted, shown(trial.drafted, trial.now)))
    alike = trial.drafted is not None and products_in(trial.drafted) == products_in(trial.now)
    return {"columns": columns, "alike": alike, "conflicts": trial.conflicts, "most_removed": MOST_REMOVED}


def products_in(answer: Answer) -> list[str]:
    """Return the ids of what is shown, in its order."""
    return [item.product_id for item in answer.items]


def shown(answer: Answer, before: Answer | None) -> list[Shown]:
    """Return the items of an answer, each with how far it moved from where it was before."""
    places = {item.product_id: item.position for item in before.items} if before else {}
    return [_shown(item, places, compared=before is not None) for item in answer.items]


def _shown(item: Item, places: dict[str, int], *, compared: bool) -> Shown:
    was = places.get(item.product_id) if compared else item.position
    why = item.explanation
    return Shown(
        item=item,
        moved=None if was is None else was - item.position,
        sources=_largest(why.sources) if why else (),
        contributions=_largest(why.contributions) if why else (),
    )


def _largest(values: dict[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(values.items(), key=lambda pair: -abs(pair[1])))
