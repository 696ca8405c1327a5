"""What the operator reads: logs, one line an event, named `entity.action`, with ids only; and Prometheus' numbers."""

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

# With a token, /metrics asks for it as a Bearer token. Without one, let the proxy keep strangers away.
METRICS_TOKEN = env.text("METRICS_TOKEN")
