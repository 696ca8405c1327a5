"""Decay of a shopper's events: the most important setting of item-to-item models. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recsys.arrays import Floats, Ints, Times
from recsys.compiled import compiled
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

    @cached_property
    def signal_table(self) -> Weights:
        """float64[n_signals]: the weight of each signal code, 1 by default."""
        return np.array([self.signal_weights.get(name, 1.0) for name in SIGNAL_NAMES])


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
    return _event_weights(*_events(profile, config))


def history_query(profile: Profile, config: ProfileDecay, n_items: int) -> Query:
    """Return the items of the shopper's history that are in the model's catalog, with decayed weights."""
    return _sum_by_item(profile.items, _event_weights(*_events(profile, config)), n_items)


def query_of(profile: Profile, context: Context, config: ProfileDecay, n_items: int) -> Query:
    """Return the context's items with equal weights; without any, the shopper's history."""
    if context.items:
        items = np.asarray(context.items, np.int32)
        return sum_by_item(items, np.ones(len(items)), n_items)
    return history_query(profile, config, n_items)


def sum_by_item(items: Ints, weights: Weights, n_items: int) -> Query:
    """Return distinct codes in [0, n_items) with summed weights; events with weight 0 are left out."""
    return _sum_by_item(items, weights, n_items)


def _events(profile: Profile, config: ProfileDecay) -> tuple[Any, ...]:
    seconds, gap = config.half_life_days * DAY, config.gap_minutes * 60
    return profile.weights, profile.signals, profile.times, config.signal_table, seconds, float(config.step), gap


@compiled
def _event_weights(
    weights: Floats,
    signals: NDArray[np.int8],
    times: Times,
    signal_table: Weights,
    half_life: float,
    step: float,
    gap: float,
) -> Weights:
    result, back, factor = np.empty(len(times)), 0, 1.0
    for event in range(len(times) - 1, -1, -1):
        if step < 1 and event + 1 < len(times) and times[event + 1] - times[event] > gap:
            back += 1
            factor = step ** float(back)
        weight = weights[event] * signal_table[signals[event]]
        if half_life > 0:
            weight *= np.exp2((times[event] - times[-1]) / half_life)
        result[event] = weight * factor
    return result


@compiled
def _sum_by_item(items: Ints, weights: Weights, n_items: int) -> Query:
    order = np.argsort(items, kind="mergesort")
    codes, sums, n = np.empty(len(items), np.int32), np.empty(len(items)), 0
    for event in order:
        if not (0 <= items[event] < n_items and weights[event] > 0):
            continue
        if n == 0 or codes[n - 1] != items[event]:
            codes[n], sums[n] = items[event], 0.0
            n += 1
        sums[n - 1] += weights[event]
    return codes[:n], sums[:n]
