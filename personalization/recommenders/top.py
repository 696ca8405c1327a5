"""From scores of all items to the best few: masks, order, ties. Pure."""

import numpy as np

from personalization.recommenders.base import Bools, Context, Floats, Ints, Profile, Ranked


def best(scores: Floats, profile: Profile, context: Context, k: int, *, drop: tuple[int, ...] = ()) -> Ranked:
    """Return the k best items of float32[n_items] that may be shown; a score of 0 is no opinion and is left out.

    `drop` are item codes that must not be answered on top of what the context says.
    """
    codes = np.flatnonzero((scores != 0) & _permitted(len(scores), profile, context, drop))
    values = scores[codes]
    if 0 < k < len(codes):
        threshold = np.partition(values, len(values) - k)[len(values) - k]
        kept = values >= threshold
        codes, values = codes[kept], values[kept]
    order = np.argsort(-values, kind="stable")[:k]  # stable: ties go to the lower code
    return Ranked(codes[order].astype(np.int32), values[order].astype(np.float32))


def _permitted(n_items: int, profile: Profile, context: Context, drop: tuple[int, ...]) -> Bools:
    """Return bool[n_items]. `allowed` may be longer than the model's catalogue, where products were added since."""
    permitted = np.ones(n_items, np.bool_)
    if context.allowed is not None:
        known = context.allowed[:n_items]
        permitted[: len(known)] = known
        permitted[len(known) :] = False
    hidden = np.asarray((*context.exclude, *drop), np.int64)
    if not context.seen_allowed:
        hidden = np.concatenate([hidden, profile.items])
    permitted[hidden[(hidden >= 0) & (hidden < n_items)]] = False
    return permitted


def at(scores: Floats, items: Ints) -> Floats:
    """Return float32[len(items)]: the scores of given codes, 0 for codes outside the model's catalogue."""
    inside = (items >= 0) & (items < len(scores))
    found = np.zeros(len(items), np.float32)
    found[inside] = scores[items[inside]]
    return found
