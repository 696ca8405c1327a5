"""The admin of metrics that marketers define: a proportion, a mean or a ratio over any event."""

import json
from typing import Any, Final

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from audit.staff import actor_of
from common.comma_lists import join_names, split_names
from common.errors import DomainError
from events.types.registry import EVENT_TYPES
from experiments.forms.posted import posted
from experiments.metrics.definition import OPERATORS
from experiments.models import MetricDefinition
from experiments.services.metrics import archive_metric, define_metric

SOURCES: Final = (
    ("events", "Events"),
    ("orders", "Orders"),
    ("answers", "Lists that the experiment decided"),
    ("clicks", "Clicks in these lists"),
)
AGGREGATES: Final = (("any", "whether there was any"), ("count", "how many"), ("sum", "the sum of a property"))
AREA: Final = {"rows": 2, "class": "v-text"}
SIDES: Final = ("numerator", "denominator")


class MetricForm(forms.Form):
    """A metric. Each side counts something that a shopper did after seeing an arm."""

    name = forms.CharField(label="Name", max_length=120, help_text="Reviews per visitor.")
    key = forms.CharField(label="Key", max_length=60, help_text="Small letters, digits and underscores: reviews.")
    description = forms.CharField(label="What it says", required=False, widget=forms.Textarea(AREA))
    kind = forms.ChoiceField(
        label="Kind",
        choices=[
            ("proportion", "Proportion: the share of shoppers who did it"),
            ("mean", "Mean: how much a shopper did"),
            ("ratio", "Ratio: one sum by another"),
        ],
    )
    higher_is_better = forms.BooleanField(label="More is better", required=False, initial=True)
    display = forms.ChoiceField(
        label="Shown as", choices=[("number", "Number"), ("share", "Percent"), ("money", "Money")]
    )
    margin = forms.FloatField(
        label="Margin as a guardrail, %", initial=2, min_value=0, max_value=99, help_text="The harm that it allows."
    )
    winsor_share = forms.FloatField(
        label="Cut values above, % of shoppers with one",
        required=False,
        min_value=50,
        max_value=99.99,
        help_text="99 takes the largest of a hundred for as large as the next; 0 is left out. Means only; empty: none.",
    )
    has_quantiles = forms.BooleanField(label="Show quantiles", required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for side in SIDES:
            self.fields.update(_side_fields(side))
        names = sorted(one.name for one in EVENT_TYPES.values())
        for side in SIDES:
            self.fields[f"{side}_events"].help_text = f"By comma. There are {', '.join(names)}, and your own."

    def side(self, name: str) -> list[Any]:
        """Return the bound fields of one side."""
        return [self[field] for field in self.fields if field.startswith(f"{name}_")]

    @property
    def sides(self) -> list[tuple[str, list[Any]]]:
        """The fields of both sides, with a title."""
        return [("What is counted", self.side("numerator")), ("Divided by, of a ratio", self.side("denominator"))]

    @property
    def own_fields(self) -> list[Any]:
        """The bound fields that belong to no side."""
        return [self[name] for name in self.fields if not name.startswith(tuple(f"{side}_" for side in SIDES))]

    def definition(self) -> dict[str, Any]:
        """Return the metric as services take it. Raises ValueError for a filter that cannot be read."""
        values = self.cleaned_data
        names = ("name", "description", "kind", "higher_is_better", "display", "has_quantiles")
        data = {name: values[name] for name in names}
        data["margin"] = round(values["margin"] / 100, 6)
        data["winsor_share"] = None if values["winsor_share"] is None else round(values["winsor_share"] / 100, 6)
        data["numerator"] = self._variable("numerator")
        data["denominator"] = self._variable("denominator") if values["kind"] == "ratio" else None
        return data

    def add_errors(self, error: DomainError) -> None:
        """Put each error beside its field, else on top."""
        if not error.errors:
            self.add_error(None, error.detail)
        for one in error.errors:
            side, _, rest = one.field.partition(".")
            names = (one.field, f"{side}_{rest.partition('.')[0]}", f"{side}_source")
            self.add_error(next((name for name in names if name in self.fields), None), one.message)

    def _variable(self, side: str) -> dict[str, Any]:
        values = {name: self.cleaned_data[f"{side}_{name}"] for name in VARIABLE}
        variable: dict[str, Any] = {"source": values["source"], "aggregate": values["aggregate"]}
        variable["events"] = list(split_names(values["events"])) if values["source"] == "events" else []
        variable["field"] = values["field"].strip() if values["aggregate"] == "sum" else ""
        variable["filters"] = filters_of(values["filters"]) if values["source"] == "events" else []
        variable["window_hours"] = values["window_hours"]
        return variable


VARIABLE: Final = ("source", "events", "aggregate", "field", "filters", "window_hours")


def _side_fields(side: str) -> dict[str, forms.Field]:
    required = side == "numerator"
    own: dict[str, forms.Field] = {
        "source": forms.ChoiceField(label="Of what", choices=SOURCES, required=required),
        "events": forms.CharField(label="Names of events", required=False),
        "aggregate": forms.ChoiceField(label="Counted", choices=AGGREGATES, required=required),
        "field": forms.CharField(
            label="Property to add up", required=False, help_text="Of orders: revenue, items or margin."
        ),
        "filters": forms.CharField(
            label="Only events where",
            required=False,
            widget=forms.Textarea(AREA),
            help_text=f"One in a line, as rating at_least 4. Comparisons: {', '.join(OPERATORS)}.",
        ),
        "window_hours": forms.IntegerField(
            label="Within, hours after the exposure", required=False, min_value=1, help_text="Empty: all the time."
        ),
    }
    return {f"{side}_{name}": field for name, field in own.items()}


def filters_of(text: str) -> list[dict[str, Any]]:
    """Return the filters of lines as `rating at_least 4`; a value in JSON keeps its type."""
    filters = []
    for line in filter(None, map(str.strip, text.splitlines())):
        field, _, rest = line.partition(" ")
        operator, _, value = rest.strip().partition(" ")
        try:
            read = json.loads(value)
        except ValueError:
            read = value.strip()
        filters.append({"field": field, "operator": operator, "value": read})
    return filters


def initial_of(row: MetricDefinition) -> dict[str, Any]:
    """Return the values of the form for a metric."""
    names = ("name", "key", "description", "kind", "higher_is_better", "display", "has_quantiles")
    initial = {name: getattr(row, name) for name in names}
    initial["margin"] = f"{100 * row.margin:.6g}"
    initial["winsor_share"] = None if row.winsor_share is None else f"{100 * row.winsor_share:.6g}"
    for side in SIDES:
        for name, value in (getattr(row, side) or {}).items():
            initial[f"{side}_{name}"] = _text(name, value)
    return initial


def _text(name: str, value: Any) -> Any:
    if name == "events":
        return join_names(value)
    if name == "filters":
        return "\n".join(f"{one['field']} {one['operator']} {json.dumps(one['value'])}" for one in value)
    return value


@admin.register(MetricDefinition)
class MetricAdmin(ModelAdmin):
    """Metrics that marketers defined. One that a started experiment uses never changes."""

    list_display = ("name", "key", "kind", "state", "description")
    list_filter = ("is_archived", "kind")
    search_fields = ("name", "key", "description")
    actions = None

    def get_urls(self) -> list[URLPattern]:
        """Add the button that archives."""
        view = self.admin_site.admin_view(self.archive_view)
        own = path("<int:pk>/archive/", view, name="experiments_metricdefinition_archive")
        return [own, *super().get_urls()]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: past experiments name their metrics. One is archived instead."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Show the form of a new metric, or define it."""
        if not request.user.has_perm("experiments.add_metricdefinition"):
            raise PermissionDenied("experiments.add_metricdefinition")
        return self._page(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show a metric, or change one that no experiment was started with."""
        if not request.user.has_perm("experiments.view_metricdefinition"):
            raise PermissionDenied("experiments.view_metricdefinition")
        if request.method == "POST" and not request.user.has_perm("experiments.change_metricdefinition"):
            raise PermissionDenied("experiments.change_metricdefinition")
        pk = int(object_id) if object_id.isascii() and object_id.isdecimal() else 0
        return self._page(request, get_object_or_404(MetricDefinition, pk=pk))

    def archive_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Keep a metric from new designs, or let it back in."""
        if not request.user.has_perm("experiments.change_metricdefinition"):
            raise PermissionDenied("experiments.change_metricdefinition")
        row = get_object_or_404(MetricDefinition, pk=pk)
        if request.method == "POST":
            archive_metric(row.key, actor=actor_of(request), is_archived=not row.is_archived)
            messages.success(request, "It may be chosen again." if row.is_archived else "No new design can choose it.")
            return HttpResponseRedirect(reverse("admin:experiments_metricdefinition_changelist"))
        text = "Designs can choose it again." if row.is_archived else "Running experiments keep it; new ones do not."
        verb = "Bring it back" if row.is_archived else "Archive it"
        context = {"title": f"{verb}: {row.name}?", "text": text, "verb": verb, "form": forms.Form()}
        return render(request, "experiments/ask.html", {**self.admin_site.each_context(request), **context})

    def _page(self, request: HttpRequest, row: MetricDefinition | None) -> HttpResponse:
        form = MetricForm(posted(request), initial=None if row is None else initial_of(row))
        if row is not None:
            form.fields["key"].disabled = True
        if request.method == "POST" and form.is_valid():
            try:
                define_metric(form.cleaned_data["key"], data=form.definition(), actor=actor_of(request))
            except DomainError as error:
                form.add_errors(error)
            else:
                messages.success(request, f"{form.cleaned_data['name']} is defined. Designs can choose it.")
                return HttpResponseRedirect(reverse("admin:experiments_metricdefinition_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": "New metric" if row is None else row.name,
            "form": form,
            "original": row,
            "may_change": request.user.has_perm("experiments.change_metricdefinition"),
        }
        return render(request, "experiments/metric.html", context)

    @display(description="state", label={"in use": "success", "archived": "info"})
    def state(self, row: MetricDefinition) -> str:
        """Return whether new designs can choose it."""
        return "archived" if row.is_archived else "in use"
