"""Decay of a shopper's events: the most important setting of item-to-item models. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Ints
from recsys.data.interactions import DAY
from recsys.data.profile import Context, Profile
from recsys.data.signals import SIGNAL_NAMES
from recsys.sources.base import Config

Weights = NDArray[np.float64]
Query = tuple[Ints, Weights]
"""Distinct item codes, ascending, and their weights."""


@dataclass(frozen=True)
class ProfileDecay(Config):
    """Settings of recommenders that use a shopper's history.

    An event counts weight · signal weight · step ** (steps back) · 2 ** (-age / half_life_days). Events at most
    `gap_minutes` apart (a basket, a session) are one step. Age is measured from the newest event, so that a long
    absence changes nothing; with `half_life_days` 0 it is ignored. Good: step .5–.6 for short sessions of views, .85–1
    for repeated baskets; half-life 7–90 days.
    """

    half_life_days: float = 60.0
    step: float = 0.8
    gap_minutes: float = 0.0
    signal_weights: Mapping[str, float] = field(default_factory=lambda: {"remove": 0.0})


DECAY_SPACE: dict[str, tuple[object, ...]] = {
    "half_life_days": ("float", 3.0, 720.0, True),
    "step": ("float", 0.4, 1.0, False),
    "gap_minutes": ("choice", [0.0, 30.0, 1440.0]),
}

REPEAT_START: dict[str, object] = {"half_life_days": 400.0, "step": 0.97, "gap_minutes": 1440.0}
"""Settings to start from where baskets repeat: a long half-life, and one step per shopping day."""
SESSION_START: dict[str, object] = {"half_life_days": 14.0, "step": 0.6, "gap_minutes": 0.0}
"""Settings to start from where the last views predict best."""


def event_weights(profile: Profile, config: ProfileDecay) -> Weights:
    """Return float64[len(profile.items)]: the decayed weight of each event."""
    weights = profile.weights.astype(np.float64)
    if not len(weights):
        return weights
    if config.signal_weights:
        weights *= signal_table(config.signal_weights)[profile.signals]
    if config.half_life_days > 0:
        weights *= np.exp2((profile.times - profile.times[-1]) / (config.half_life_days * DAY))
    if config.step < 1:
        weights *= config.step ** steps_back(profile.times, config.gap_minutes)
    return weights


def signal_table(signal_weights: Mapping[str, float]) -> Weights:
    """Return float64[n_signals]: the weight of each signal code, 1 by default."""
    return np.array([signal_weights.get(name, 1.0) for name in SIGNAL_NAMES])


def steps_back(times: NDArray[np.float64], gap_minutes: float) -> Weights:
    """Return float64[n]: the number of steps between each event and the newest one, of sorted times in seconds."""
    step = np.cumsum(np.diff(times, prepend=times[:1]) > gap_minutes * 60)
    back: Weights = (step[-1] - step).astype(np.float64)
    return back


def history_query(profile: Profile, config: ProfileDecay, n_items: int) -> Query:
    """Return the items of the shopper's history that are in the model's catalog, with decayed weights."""
    return sum_by_item(profile.items, event_weights(profile, config), n_items)


def query_of(profile: Profile, context: Context, config: ProfileDecay, n_items: int) -> Query:
    """Return the context's items with equal weights; without any, the shopper's history."""
    if context.items:
        items = np.asarray(context.items, np.int32)
        return sum_by_item(items, np.ones(len(items)), n_items)
    return history_query(profile, config, n_items)


def sum_by_item(items: Ints, weights: Weights, n_items: int) -> Query:
    """Return distinct codes in [0, n_items) with summed weights; events with weight 0 are left out."""
    mask = (items >= 0) & (items < n_items) & (weights > 0)
    codes, positions = np.unique(items[mask], return_inverse=True)
    return codes, np.bincount(positions, weights[mask], len(codes)).astype(np.float64)
