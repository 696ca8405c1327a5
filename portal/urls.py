"""Addresses of the portal, spelled from the root. The demo shop's only where the demo is on."""

from django.urls import path

from portal import landing

app_name = "portal"

urlpatterns = [
    path("", landing.landing, name="landing"),
]
