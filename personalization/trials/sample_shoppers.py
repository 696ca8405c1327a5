"""Sample shoppers: real histories under a pseudonym, for staff who may not look at named shoppers."""

import hashlib
import hmac
from datetime import date
from typing import Final

from django.conf import settings

from common import clock
from customers.selectors import users_near

N_SAMPLES: Final = 20
SAMPLE: Final = "sample-"
"""The start of a pseudonym."""


def sample_shoppers(day: date | None = None) -> dict[str, str]:
    """Return the user id of each pseudonym of the day, in the order of the pseudonyms.

    Who may see pseudonyms only cannot compute them: both the choice and the pseudonyms depend on the secret key. They
    change every day, so that nobody follows one shopper.
    """
    day = day or clock.now().date()
    return dict(sorted((pseudonym(user_id, day=day), user_id) for user_id in sample_users(N_SAMPLES, day=day)))


def sample_users(count: int, *, day: date | None = None) -> list[str]:
    """Return up to `count` user ids, the same all day."""
    day = day or clock.now().date()
    # Two points may give the same user.
    points = [int.from_bytes(_digest(day, f"point {number}")[:7]) / 2**56 for number in range(2 * count)]
    return sorted(users_near(points), key=lambda user_id: _digest(day, f"user {user_id}"))[:count]


def pseudonym(user_id: str, *, day: date | None = None) -> str:
    """Return the name under which a user is shown that day."""
    return SAMPLE + _digest(day or clock.now().date(), f"user {user_id}").hex()[:8]


def _digest(day: date, text: str) -> bytes:
    return hmac.digest(settings.SECRET_KEY.encode(), f"sample shoppers {day} {text}".encode(), hashlib.sha256)
