"""How long a request waited for a worker."""

import time
from typing import Final

from django.http import HttpRequest

HEADER: Final = "HTTP_X_REQUEST_START"
"""The proxy writes the moment of its receipt, in milliseconds since the epoch, and overwrites a client's."""
LONGEST: Final = 60_000.0
"""What is older was written by another clock."""


def waited_ms(request: HttpRequest) -> float:
    """Return the milliseconds since the proxy received the request; 0 without a proxy that says so."""
    try:
        waited = time.time() * 1000 - float(request.META.get(HEADER, ""))
    except ValueError:
        return 0.0
    return waited if 0 < waited < LONGEST else 0.0
