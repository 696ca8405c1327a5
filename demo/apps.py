"""The Django app of the demo room."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """Demo data, drawn pictures and `manage.py demo`."""

    name = "demo"
