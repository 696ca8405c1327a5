"""The admin of experiments: a list with verdicts in words, and a page for each with its design, steps and history."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from unfold.admin import ModelAdmin
from unfold.decorators import display

from experiments.admin.design_pages import DesignPages
from experiments.admin.hub import HubPages
from experiments.admin.namespaces import HoldoutPages, PolicyPages
from experiments.admin.step_pages import StepPages
from experiments.models import Experiment, Status
from experiments.selectors.verdicts import last_verdicts, next_steps

COLORS = {"draft": "info", "running": "success", "stopped": "warning", "shipped": "success", "archived": "info"}
"""The color of each state."""
LONGEST = 160
MOST_RESULTS = 8


class StateFilter(admin.SimpleListFilter):
    """Experiments by state; archived ones only where they are asked for."""

    title, parameter_name = "state", "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the states, and all."""
        return [*((str(value), str(label)) for value, label in Status.choices), ("all", "All, archived ones too")]

    def choices(self, changelist: Any) -> Any:
        """Name what no choice means."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "Not archived"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Experiment]) -> QuerySet[Experiment]:
        """Return the experiments of the state; a search looks at archived ones too."""
        if self.value() in Status.values:
            return queryset.filter(status=self.value())
        is_search = bool(request.GET.get("q"))
        return queryset if self.value() == "all" or is_search else queryset.exclude(status=Status.ARCHIVED)


@admin.register(Experiment)
class ExperimentAdmin(DesignPages, StepPages, HubPages, HoldoutPages, PolicyPages, ModelAdmin):
    """Experiments. Services write them; every step is on record and can be undone."""

    list_display = ("name", "state", "since", "units", "verdict", "next_step")
    list_filter = (StateFilter, "kind")
    search_fields = ("name", "key", "hypothesis", "learnings", "goal_metric", "arms__name")
    actions = None
    exclude = ("test_units",)  # names shoppers, whom not every role may see
    list_per_page: ClassVar[int] = 50

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: exposures and the audit log name experiments. One is archived instead."""
        return False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read verdicts and proposals once for all rows of the page."""
        changelist = super().get_changelist_instance(request)
        ids = [row.pk for row in changelist.result_list]
        verdicts, steps = last_verdicts(changelist.result_list), next_steps(ids)
        for row in changelist.result_list:
            row.last_verdict, row.next_words = verdicts.get(row.pk), steps.get(row.pk, "")
        return changelist

    def menu_results(self, request: HttpRequest, words: str) -> list[dict[str, str]]:
        """Return the experiments that hold the words, archived ones too, for the search of the menu."""
        rows, _ = self.get_search_results(request, Experiment.objects.all(), words)
        return [
            {
                "title": row.name,
                "description": f"Experiment, {row.status}",
                "link": reverse("admin:experiments_experiment_change", args=[row.pk]),
            }
            for row in rows.distinct()[:MOST_RESULTS]
        ]

    @display(description="state", label=COLORS, ordering="status")
    def state(self, row: Experiment) -> str:
        """Return where it is in its life."""
        return row.status

    @admin.display(description="since", ordering="started_at")
    def since(self, row: Experiment) -> str:
        """Return since when it is in this state, in UTC."""
        at = row.ended_at or row.started_at or row.created_at
        return f"{at:%Y-%m-%d %H:%M}"

    @admin.display(description="shoppers")
    def units(self, row: Any) -> str:
        """Return how many shoppers take part, as of the last look."""
        return f"{row.last_verdict.units:,}" if row.last_verdict else "–"

    @admin.display(description="verdict")
    def verdict(self, row: Any) -> str:
        """Return what may be concluded; of an archived experiment what was learned."""
        if row.status == Status.ARCHIVED and row.learnings:
            return f"Learned: {shortened(row.learnings)}"
        return row.last_verdict.sentence if row.last_verdict else "Not started yet."

    @admin.display(description="policy and next step")
    def next_step(self, row: Any) -> str:
        """Return what the policy would do, else its mode."""
        return row.next_words or str(row.get_policy_mode_display())


def shortened(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"
