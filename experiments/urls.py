"""URLs of the wires, those that GrowthBook's and OpenFeature's SDKs know, and of results. None ends in a slash."""

from django.urls import path

from experiments.api.growthbook import EvaluationView, FeaturesView
from experiments.api.ofrep import FlagsView, FlagView
from experiments.api.results import ExperimentsView, ResultsTableView, ResultsView
from experiments.api.stream import features_stream
from experiments.api.track import TrackView

urlpatterns = [
    path("api/features/<str:key>", FeaturesView.as_view(), name="experiment-features"),
    path("api/eval/<str:key>", EvaluationView.as_view(), name="experiment-evaluation"),
    path("sub/<str:key>", features_stream, name="experiment-stream"),
    path("track", TrackView.as_view(), name="experiment-exposures"),
    path("ofrep/v1/evaluate/flags", FlagsView.as_view(), name="ofrep-flags"),
    path("ofrep/v1/evaluate/flags/<path:flag>", FlagView.as_view(), name="ofrep-flag"),
    path("api/v1/experiments", ExperimentsView.as_view(), name="experiments"),
    path("api/v1/experiments/<str:experiment>/results", ResultsView.as_view(), name="experiment-results"),
    path("api/v1/experiments/<str:experiment>/results.csv", ResultsTableView.as_view(), name="experiment-table"),
]
