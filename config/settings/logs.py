"""Logs, one line for each event, named `entity.action`, with ids only; and access to Prometheus' metrics."""

import logging

from config import env

LEVELS = tuple(logging.getLevelNamesMapping())

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "filters": {"discreet": {"()": "common.log_filter.Discreet"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["discreet"]}},
    "root": {"handlers": ["stderr"], "level": env.choice("LOG_LEVEL", "INFO", choices=LEVELS)},
}

# /metrics answers whoever sends this as a Bearer token, and processes of this machine that ask past the proxy.
METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_LOOPBACK = env.flag("METRICS_LOOPBACK", default=env.flag("DEMO"))
