"""Sample shoppers of the preview: real histories under a pseudonym, for staff who may not look at named shoppers."""

import hashlib
import hmac
from datetime import date
from typing import Final

from django.conf import settings

from common import clock
from customers.selectors import users_near

N_SAMPLES: Final = 12
SAMPLE: Final = "sample-"
"""The start of a pseudonym."""


def sample_shoppers(day: date | None = None) -> dict[str, str]:
    """Return the user id of each pseudonym of the day, in the order of the pseudonyms.

    Who may see pseudonyms only cannot compute them: both the choice and the pseudonyms depend on the secret key. They
    change every day, so that nobody follows one shopper.
    """
    day = day or clock.now().date()
    points = [int.from_bytes(_digest(day, f"point {number}")[:7]) / 2**56 for number in range(N_SAMPLES)]
    user_ids = users_near(points)
    return dict(sorted((SAMPLE + _digest(day, f"user {user_id}").hex()[:8], user_id) for user_id in user_ids))


def _digest(day: date, text: str) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), f"sample shoppers {day} {text}".encode(), hashlib.sha256)
