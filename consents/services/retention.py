"""How long the privacy desk keeps what it did."""

from datetime import timedelta
from typing import Final

from common import clock
from consents.models import PrivacyRequest

RETENTION: Final = timedelta(days=731)
"""24 months after the answer (11 CCR 7101)."""


def forget_old_requests() -> int:
    """Delete requests that were closed 24 months ago; return the number of rows."""
    return int(PrivacyRequest.objects.filter(closed_at__lt=clock.now() - RETENTION).delete()[0])
