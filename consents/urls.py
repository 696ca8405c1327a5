"""Addresses of consent."""

from django.urls import path

from common import converters  # noqa: F401
from consents import pages
from consents.api.decisions import ConsentView, gpc_support
from consents.api.history import ConsentOnDateView, ReceiptView
from consents.api.purposes import PurposesView
from consents.api.requests import PrivacyRequestsView, PrivacyRequestView

urlpatterns = [
    path("api/v1/consents/<id:subject>", ConsentView.as_view(), name="consents"),
    path("api/v1/consent-purposes", PurposesView.as_view(), name="consent-purposes"),
    path("api/v1/consent-receipts/<id:subject>", ReceiptView.as_view(), name="consent-receipt"),
    path("api/v1/consent-history/<id:subject>", ConsentOnDateView.as_view(), name="consent-history"),
    path("api/v1/privacy-requests", PrivacyRequestsView.as_view(), name="privacy-requests"),
    path("api/v1/privacy-requests/<uuid:request_id>", PrivacyRequestView.as_view(), name="privacy-request"),
    path("privacy/confirm/<str:token>", pages.confirm, name="privacy-confirm"),
    path(".well-known/gpc.json", gpc_support, name="gpc"),
]
