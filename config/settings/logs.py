"""Logs, one line for each event, named `entity.action`, with ids only; and access to Prometheus' metrics."""

import logging

from config import env

LEVELS = tuple(logging.getLevelNamesMapping())

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", choices=LEVELS)},
}

# If set, /metrics requires it as a Bearer token. Without one the proxy must keep strangers away.
METRICS_TOKEN = env.text("METRICS_TOKEN")
