"""The simulated shoppers: tastes, budgets, devices and consent. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.simulation.vocabulary import CITIES, FIRST_NAMES, ROOMS, STYLES

CONSENT_ANSWERS = ("yes", "no", "none")
CONSENT_SHARES = (0.84, 0.08, 0.08)
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
LOYALTY = ("none", "silver", "gold")


@dataclass(frozen=True, slots=True)
class Shopper:
    """One simulated person.

    `styles` and `rooms` are shares that sum to 1. `budget` is the preferred price level, 0 to 1. `visits` is the number
    of sessions in the period. `registers` tells whether she ever logs in. `consent` is her answer to the banner.
    """

    user_id: str
    first_name: str
    city: str
    country: str
    age: str
    loyalty: str
    styles: NDArray[np.float64]
    rooms: NDArray[np.float64]
    budget: float
    visits: int
    registers: bool
    devices: tuple[str, ...]
    consent: str


def make_shoppers(count: int, *, seed: int) -> list[Shopper]:
    """Return the shoppers of one seed; the first six are regulars for logins in the demo."""
    rng = np.random.default_rng((seed, 2))
    return [_shopper(number, rng, star=number <= 6) for number in range(1, count + 1)]


def _shopper(number: int, rng: np.random.Generator, *, star: bool) -> Shopper:
    """Return shopper `number`; a `star` is a regular with many visits and one clear taste."""
    styles = rng.dirichlet(np.full(len(STYLES), 0.22))
    rooms = rng.dirichlet(np.full(len(ROOMS), 0.6))
    visits = int(min(1 + rng.geometric(0.24), 30))
    city, country = CITIES[int(rng.integers(len(CITIES)))]
    devices = 1 + int(rng.random() < 0.3)
    shopper_consent = str(rng.choice(CONSENT_ANSWERS, p=CONSENT_SHARES))
    if star:
        styles = np.full(len(STYLES), 0.02)
        styles[(number - 1) % len(STYLES)] = 0.9
        visits, shopper_consent = 14 + number, "yes"
    return Shopper(
        user_id=f"shopper-{number:04d}",
        first_name=FIRST_NAMES[(number - 1) % len(FIRST_NAMES)],
        city=city,
        country=country,
        age=AGE_BANDS[int(rng.integers(len(AGE_BANDS)))],
        loyalty=str(rng.choice(LOYALTY, p=(0.6, 0.28, 0.12))),
        styles=styles,
        rooms=rooms,
        budget=float(np.clip(rng.beta(1.6, 2.0), 0.02, 0.98)),
        visits=visits,
        registers=star or bool(rng.random() < 0.8),
        devices=tuple(f"device-{number:04d}-{device}" for device in range(1, devices + 1)),
        consent=shopper_consent,
    )
