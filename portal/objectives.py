"""The objective of a placement: what each strength would bring and cost, and the slider that sets it."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from audit.staff import actor_of
from common.errors import InvalidInput, Unavailable
from modelops.selectors import plots
from personalization.rules.objective import CLICKS, OBJECTIVES
from personalization.selectors.placements import PlacementConfig, active_placements
from personalization.services.placements import save_placement
from personalization.trials.objective_frontier import FEWEST, Frontier, Point, objective_frontier
from portal.permissions import may, staff_page
from portal.sections import Section, answer

SEE: Final = "personalization.view_placement"
CHANGE: Final = "personalization.change_placement"
TITLES: Final = {
    CLICKS: "Clicks: relevance alone",
    "conversion": "Conversion: what is bought and not only looked at",
    "revenue": "Revenue: higher prices",
    "margin": "Margin: more between price and cost",
    "clearance": "Clearance: much stock for little demand",
}
NOUNS: Final = {"conversion": "purchases", "revenue": "revenue", "margin": "margin", "clearance": "stock cleared"}
NEEDS: Final = {
    "conversion": "how often it is bought: the live model must have seen it, with views and purchases",
    "revenue": "its price in the shop's currency",
    "margin": "its price and cost in the shop's currency",
    "clearance": "its counted stock, and demand that the live model has seen",
}


class CompareForm(forms.Form):
    """Which objective is compared with relevance alone."""

    objective = forms.ChoiceField(choices=[(name, TITLES[name]) for name in OBJECTIVES[1:]])


class ObjectiveForm(forms.Form):
    """The objective and its strength; `was` is what the page showed, so that nobody overwrites another's change."""

    objective = forms.ChoiceField(choices=list(TITLES.items()))
    percent = forms.IntegerField(min_value=0, max_value=100)
    was = forms.CharField()


@require_http_methods(["GET", "HEAD", "POST"])
@staff_page(SEE)
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Show it, compare an objective with relevance alone, or save what was chosen."""
    placements = active_placements()
    if key not in placements:
        raise Http404
    placement, problem = placements[key], ""
    if request.method == "POST":
        problem = _problem_of_saving(request, key, placement)
        if not problem:
            return redirect(request.get_full_path())
    comparing = CompareForm(request.GET)
    objective = comparing.cleaned_data["objective"] if comparing.is_valid() else ""
    frontier: Frontier | None = None
    if objective:
        try:
            frontier = objective_frontier(key, objective)
        except InvalidInput as error:
            problem = problem or f"{error.errors[0].message[0].upper()}{error.errors[0].message[1:]}."
        except Unavailable as error:
            problem = problem or error.detail
    more: dict[str, Any] = {
        "key": key,
        "now": _in_words(placement),
        "was": _was(placement),
        "problem": problem,
        "titles": TITLES.items(),
        "compared": objective or _chosen(placement),
        "percent": placement.objective_percent if objective in ("", placement.objective) else 25,
        "frontier": frontier,
        "needs": NEEDS.get(objective, ""),
        "fewest": FEWEST,
        "sentence": sentence_of(frontier) if frontier else "",
        "query": urlencode({"objective": objective}),
        "may_change": may(request.user, CHANGE),
    }
    sections = [_strengths(frontier)] if frontier and frontier.is_enough else []
    return answer(request, "portal/objective.html", sections, title=placement.name, subtitle="Objective", **more)


def sentence_of(frontier: Frontier) -> str:
    """Return in one sentence what half and the full strength bring and cost; "" where that is not known."""
    gains = [(one, one.by_objective[frontier.objective]) for one in frontier.points if one.percent in (50, 100)]
    if not frontier.is_enough or any(gain is None or one.clicks is None for one, gain in gains):
        return ""
    if not any(one.n_lists_changed for one in frontier.points):
        return "It changes no list."
    parts = [f"at {one.percent} %, {_in_short(gain or 0.0, one.clicks or 0.0, frontier)}" for one, gain in gains]
    return f"A{'; '.join(parts)[1:]}."


def _in_short(gain: float, clicks: float, frontier: Frontier) -> str:
    if round(gain, 1) == round(clicks, 1) == 0:
        return "the same products, at most in another order"
    gained = f"{gain:+.1f} % {NOUNS[frontier.objective]} per list"
    return f"{gained} costs {-clicks:.1f} % of clicks" if clicks < 0 else f"{gained} costs no clicks"


def _problem_of_saving(request: HttpRequest, key: str, placement: PlacementConfig) -> str:
    """Save what was posted; return why not, "" where it was saved. Raises PermissionDenied."""
    if not may(request.user, CHANGE):
        raise PermissionDenied(CHANGE)
    form = ObjectiveForm(request.POST)
    if not form.is_valid():
        return " ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in form.errors.items())
    if form.cleaned_data["was"] != _was(placement):
        return f"Somebody changed it meanwhile: it is {_in_words(placement)} now. Decide again."
    objective = form.cleaned_data["objective"]
    percent = 0 if objective == CLICKS else form.cleaned_data["percent"]
    try:
        save_placement(key, data={"objective": objective, "objective_percent": percent}, actor=actor_of(request))
    except InvalidInput as error:
        return str(error)
    messages.success(request, f"Saved, and live within two seconds. Before, it was {_in_words(placement)}.")
    return ""


def _strengths(frontier: Frontier) -> Section:
    points, noun = frontier.points, NOUNS[frontier.objective]
    series = [("clicks", [_rounded(one.clicks) for one in points])]
    series.append((noun, [_rounded(one.by_objective[frontier.objective]) for one in points]))
    figure = plots.lines([one.percent for one in points], series, x="strength, %", y="% more than today's order")
    figure["layout"]["yaxis"].pop("rangemode", None)
    columns = ("Strength", "Clicks", *(name.capitalize() for name in NOUNS.values()), "Lists changed")
    rows = [(f"{one.percent} %", *_cells(one), f"{one.n_lists_changed} of {frontier.n_requests}") for one in points]
    note = (
        "Per list, in percent more than relevance alone. A product's chance of a click is taken from its "
        "place by relevance, as NDCG does: the 3rd half of the first, the 10th 0.29 of it. "
        "The order within a list does not count. An estimate, no experiment."
    )
    return Section("strengths", "What each strength brings and costs", note, columns, rows, figure)


def _cells(point: Point) -> Sequence[str]:
    values = [point.clicks, *(point.by_objective[name] for name in NOUNS)]
    return ["–" if value is None else f"{value:+.1f} %" for value in values]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _chosen(placement: PlacementConfig) -> str:
    return placement.objective if placement.objective_percent else CLICKS


def _in_words(placement: PlacementConfig) -> str:
    objective = _chosen(placement)
    return "clicks: relevance alone" if objective == CLICKS else f"{objective}, {placement.objective_percent} %"


def _was(placement: PlacementConfig) -> str:
    return f"{placement.objective} {placement.objective_percent}"
