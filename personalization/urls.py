"""The doors of this room."""

from django.urls import URLPattern, URLResolver, path

from personalization.api.placements import PlacementsView
from personalization.api.sockets.tickets import TicketsView
from personalization.api.views import PageView, RankView, RecommendationsView

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/recommendations/<str:placement>", RecommendationsView.as_view(), name="recommendations"),
    path("api/v1/placements", PlacementsView.as_view(), name="placements"),
    path("api/v1/rank", RankView.as_view(), name="rank"),
    path("api/v1/tickets", TicketsView.as_view(), name="tickets"),
    path("api/v1/page", PageView.as_view(), name="page"),
]
