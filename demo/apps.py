"""The Django app of the demo room."""

from django.apps import AppConfig
from django.conf import settings

from common import clock
from common.fast_clock import FastClock


class DemoConfig(AppConfig):
    """Demo data, drawn pictures and `manage.py demo`."""

    name = "demo"

    def ready(self) -> None:
        """Let this process follow the clock of simulations."""
        if settings.FAST_CLOCK:
            clock.follow(FastClock(settings.REDIS_URL))
