"""Weights of events by signal: the defaults and a shop's overrides. Pure."""

from collections.abc import Mapping

import numpy as np

from recsys.arrays import Floats
from recsys.data.signals import SIGNAL_NAMES

SIGNAL_WEIGHTS: Mapping[str, float] = {
    "view": 1.0,
    "click": 1.0,
    "hover": 0.3,
    "engage": 1.0,
    "search": 0.5,
    "wishlist": 2.0,
    "like": 2.0,
    "cart": 3.0,
    "remove": 0.1,
    "checkout": 3.0,
    "purchase": 4.0,
    "rating": 1.0,
}


def weight_table(overrides: Mapping[str, float]) -> Floats:
    """Return float32[n_signals], the weight of each signal code; overrides replace the defaults."""
    return np.array([overrides.get(name, SIGNAL_WEIGHTS[name]) for name in SIGNAL_NAMES], np.float32)
