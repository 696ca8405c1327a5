"""The wiring, nothing else: settings, urls, asgi, wsgi, celery.

Settings are read from the environment once, through the typed helpers of `config.env`.
"""

from config.celery import app as celery_app

__all__ = ["celery_app"]
