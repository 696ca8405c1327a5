"""The Django app of the portal."""

from django.apps import AppConfig


class PortalConfig(AppConfig):
    """Pages that read more than one room."""

    name = "portal"
