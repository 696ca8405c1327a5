"""Addresses of consent."""

from django.urls import path

from common import converters  # noqa: F401
from consents.api import ConsentView, gpc_support

urlpatterns = [
    path("api/v1/consents/<id:subject>", ConsentView.as_view(), name="consents"),
    path(".well-known/gpc.json", gpc_support, name="gpc"),
]
