"""The wiring: settings, URLs, ASGI, WSGI, Celery.

Settings are read from the environment once, through the typed readers of `config.env`.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
