"""The product's own server with one more route: a fixed JSON after one Redis round trip, the floor of every answer."""

from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.urls import include, path

from config.wsgi import application

__all__ = ["application"]

from common.redis import CONFIG_VERSION, client


def floor(request: HttpRequest) -> JsonResponse:
    """Answer after one round trip."""
    client().get(CONFIG_VERSION)
    return JsonResponse({"items": [{"product_id": f"P{number}", "position": number} for number in range(10)]})


settings.ROOT_URLCONF = "bench._floor"
urlpatterns = [path("floor", floor), path("", include("config.urls"))]
