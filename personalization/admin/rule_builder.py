"""The builder of rules: the live check of the draft in the form, and the names that its pickers offer."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import URLPattern, path

from catalog.browsing import products_by_id, search
from catalog.records import ProductRow
from catalog.selectors import get
from common.comma_lists import split_names
from common.errors import InvalidInput, NotFound, Unavailable
from personalization.admin.product_rules import hide_view
from personalization.selectors.placements import active_placements
from personalization.serving.snapshot_refresher import snapshot_refresher
from personalization.trials.draft_form import PICKERS, DraftForm
from personalization.trials.rule_check import check_rule
from personalization.trials.rule_replay import replay_rule
from profiles.selectors.segments import active_keys, titles

MOST_CHOICES: Final = 12
MOST_NAMES: Final = 100
"""How many names of a list are looked up at once."""
Choice = dict[str, str]
Try = Callable[..., Any]
"""Takes a wording, `name` and `instead_of`."""


class RuleBuilderPages:
    """Mixin of the rule's admin with the addresses that its builder asks."""

    change_form_before_template = "personalization/rule_title.html"
    change_form_after_template = "personalization/rule_builder.html"
    admin_site: Any

    def get_urls(self) -> list[URLPattern]:
        """Add the addresses of the builder."""
        wrap = self.admin_site.admin_view
        own = [
            path("check/", wrap(self.check_view), name="personalization_rule_check"),
            path("replay/", wrap(self.replay_view), name="personalization_rule_replay"),
            path("hide/", wrap(hide_view), name="personalization_rule_hide"),
            path("choices/", wrap(self.choices_view), name="personalization_rule_choices"),
        ]
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]  # that of ModelAdmin
        return [*own, *urls]

    def check_view(self, request: HttpRequest) -> HttpResponse:
        """Say what the draft in the form would do."""
        return self._attempt(request, check_rule, "What this draft would do", "personalization/rule_check.html")

    def replay_view(self, request: HttpRequest) -> HttpResponse:
        """Answer yesterday's requests with the draft in the form."""
        return self._attempt(request, replay_rule, "Yesterday with this draft", "personalization/rule_replay.html")

    def _attempt(self, request: HttpRequest, attempt: Try, title: str, template: str) -> HttpResponse:
        """Return a part of the page for the script, else a page."""
        if not may_write(request):
            raise PermissionDenied("personalization.change_rule")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        context = result_of(request, attempt)
        if request.headers.get("X-Requested-With") == "fetch":
            return render(request, template, context)
        page = {**self.admin_site.each_context(request), "title": title, "template": template, **context}
        return render(request, "personalization/rule_try_page.html", page)

    def choices_view(self, request: HttpRequest) -> HttpResponse:
        """Return names for a picker: those that fit `q`, or with `is` those of a list."""
        if not request.user.has_perm("personalization.view_rule"):
            raise PermissionDenied("personalization.view_rule")
        if request.method != "GET":
            return HttpResponseNotAllowed(["GET"])
        kind = request.GET.get("kind", "")
        if kind not in PICKERS.values():
            return JsonResponse({"errors": [{"field": "kind", "message": "names no list"}]}, status=422)
        if "is" in request.GET:
            choices = _named(kind, split_names(request.GET["is"])[:MOST_NAMES])
        else:
            choices = list(islice(_offers(kind, request.GET.get("q", "").strip()), MOST_CHOICES))
        return JsonResponse({"choices": choices}, headers={"Cache-Control": "no-store"})


def may_write(request: HttpRequest) -> bool:
    """Return whether this person writes rules."""
    return request.user.has_perm("personalization.add_rule") or request.user.has_perm("personalization.change_rule")


def result_of(request: HttpRequest, attempt: Try) -> dict[str, Any]:
    """Return the result for the posted draft, or its errors by field."""
    form, rule_id = DraftForm(request.POST), request.POST.get("rule_id", "")
    if not form.is_valid():
        return {"errors": [(form[name].label, " ".join(map(str, texts))) for name, texts in form.errors.items()]}
    instead_of = int(rule_id) if rule_id.isdecimal() else None
    try:
        name = request.POST.get("name", "").strip()
        return {"check": attempt(form.wording(), name=name, instead_of=instead_of)}
    except InvalidInput as error:
        return {"errors": [(_label(form, one.field), one.message) for one in error.errors]}
    except Unavailable as error:
        return {"errors": [("", error.detail)]}


def _label(form: DraftForm, field: str) -> str:
    return str(form[field].label) if field in form.fields else field


def _offers(kind: str, text: str) -> Iterator[Choice]:
    """Yield the names of one kind that hold the text."""
    if kind == "products":
        yield from map(_product, _products(text))
        return
    folded_text = text.casefold()
    for value, title in _names(kind):
        if folded_text in value.casefold() or folded_text in title.casefold():
            yield {"value": value, "title": title}


def _products(text: str) -> Iterable[ProductRow]:
    """Return products by their exact id, then by words of their titles."""
    try:
        exact = [get(text)] if text else []
    except NotFound:
        exact = []
    return [*exact, *(row for row in search(text, limit=MOST_CHOICES)[0] if row not in exact)]


def _names(kind: str) -> Iterator[tuple[str, str]]:
    """Yield value and title of each name of a kind that is no product."""
    if kind == "placements":
        yield from ((key, config.name) for key, config in active_placements().items())
    elif kind == "segments":
        active = set(active_keys())
        yield from ((key, title) for key, title in titles() if key in active)
    else:
        columns = snapshot_refresher.current().serving_catalog.columns
        names = columns.brands if kind == "brands" else columns.categories
        yield from ((name, name) for name in sorted(names) if name)


def _named(kind: str, values: list[str]) -> list[Choice]:
    """Return the choice of each value; one that nothing has by that name is `unknown`."""
    if kind == "products":
        by_id = {row.product_id: _product(row) for row in products_by_id(values)}
        return [by_id.get(value) or _unknown(value) for value in values]
    if kind == "categories":  # a part of a path is enough
        columns = snapshot_refresher.current().serving_catalog.columns
        return [
            {"value": value, "title": value} if columns.in_categories([value]).any() else _unknown(value)
            for value in values
        ]
    by_value = {value.casefold(): {"value": value, "title": title} for value, title in _names(kind)}
    return [{**(by_value.get(value.casefold()) or _unknown(value)), "value": value} for value in values]


def _product(row: ProductRow) -> Choice:
    return {
        "value": row.product_id,
        "title": row.title,
        "picture": row.image_url,
        "note": " · ".join(part for part in (row.product_id, row.brand, "" if row.active else "inactive") if part),
    }


def _unknown(value: str) -> Choice:
    return {"value": value, "title": value, "note": "unknown"}
