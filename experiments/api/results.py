"""REST API of experiments and their results, for the shop's own server and for notebooks."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from common.cursor_pages import CursorBody, CursorFields, requested_page
from common.problems import ProblemSerializer
from experiments.api.result_serializers import ResultsSerializer
from experiments.models import Experiment, Status
from experiments.result_answer import answer_of
from experiments.result_table import as_csv
from experiments.selectors.policies import policy_answer
from experiments.selectors.results import results_of


class ExperimentsFields(CursorFields):
    """Conditions on the listed experiments."""

    status = serializers.ChoiceField(choices=Status.choices, required=False)


class ListedArmSerializer(serializers.Serializer[Any]):
    """One arm; the first one of an experiment is the control."""

    key = serializers.CharField()
    name = serializers.CharField()
    weight = serializers.FloatField()


class ListedExperimentSerializer(serializers.Serializer[Any]):
    """One experiment, without its numbers."""

    key = serializers.CharField()
    name = serializers.CharField()
    kind = serializers.CharField(help_text="`comparison`, or `holdout` for the permanent hold-out.")
    status = serializers.ChoiceField(choices=Status.choices)
    hypothesis = serializers.CharField(allow_blank=True)
    goal_metric = serializers.CharField(allow_blank=True)
    inference = serializers.CharField()
    coverage = serializers.FloatField()
    arms = ListedArmSerializer(many=True)
    started_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)


class ExperimentsSerializer(CursorBody):
    """One page of experiments, in the order of their keys."""

    experiments = ListedExperimentSerializer(many=True)


class ExperimentsView(APIView):
    """The experiments of the shop."""

    scope: ClassVar = {"GET": "experiments:read"}

    @extend_schema(
        operation_id="experiments_list",
        parameters=[ExperimentsFields],
        responses={200: ExperimentsSerializer},
        tags=["experiments"],
    )
    def get(self, request: Request) -> Response:
        """Return a page of the experiments, in the order of their keys, drafts and archived ones too."""
        rows, next_cursor = requested_page(ExperimentsFields, request.query_params, _experiments, key="key")
        return Response({"experiments": ListedExperimentSerializer(rows, many=True).data, "next_cursor": next_cursor})


class ResultsView(APIView):
    """The results of one experiment."""

    scope: ClassVar = {"GET": "experiments:read"}

    @extend_schema(
        operation_id="experiment_results",
        responses={200: ResultsSerializer, 404: ProblemSerializer},
        tags=["experiments"],
    )
    def get(self, request: Request, experiment: str) -> Response:
        """Return the results as the dashboard shows them.

        `sentence` says what may be concluded now, `level` the same as one word. Every arm but the control has its
        effect with the interval of the experiment's inference. `breakdowns`, `days` and `windows` show the same among
        groups of units.
        """
        return Response(answer_of(results_of(experiment), policy_answer(experiment)))


class ResultsTableView(APIView):
    """The results of one experiment as a table."""

    scope: ClassVar = {"GET": "experiments:read"}

    @extend_schema(
        operation_id="experiment_results_table",
        responses={(200, "text/csv"): OpenApiTypes.STR, 404: ProblemSerializer},
        tags=["experiments"],
    )
    def get(self, request: Request, experiment: str) -> HttpResponse:
        """Return the results as CSV: one row for each metric, group and arm.

        Rows of all units have an empty `dimension`. Rows of days hold values without effects.
        """
        results = results_of(experiment)
        answer = HttpResponse(as_csv(results), content_type="text/csv; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{results.key}.csv"'
        return answer


def _experiments(status: str | None = None) -> QuerySet[Experiment]:
    rows = Experiment.objects.prefetch_related("arms")
    return rows.filter(status=status) if status else rows
