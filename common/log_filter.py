"""Keeps shoppers' ids and strangers' tracebacks out of the log."""

import logging
from typing import Final

from django.http import HttpRequest

UNKNOWN: Final = "an unknown route"


class Discreet(logging.Filter):
    """Rewrites Django's records about requests.

    * Paths hold ids of shoppers, such as `/api/v1/customers/user:ada`: the route takes their place.
    * A malformed request, such as one with a foreign Host, is one line. Its traceback would tell nothing.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record in place; return True."""
        if record.name.startswith("django.security"):
            record.exc_info = record.exc_text = None
        elif record.name in ("django.request", "django.server") and isinstance(record.args, tuple):
            request = getattr(record, "request", None)
            if isinstance(request, HttpRequest):
                route = request.resolver_match.route if request.resolver_match else UNKNOWN
                record.args = tuple(route if value == request.path else value for value in record.args)
        return True
