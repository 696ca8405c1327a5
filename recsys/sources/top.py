"""Selects the best items by score: masks, order, ties. Pure."""

import numpy as np

from recsys.arrays import Bools, Floats, Ints
from recsys.compiled import compiled
from recsys.data.profile import Context, Profile
from recsys.sources.base import Ranked

MAX_INSERTED = 512
"""Up to so many best items are kept in order while the scores are read; more are sorted afterwards."""


def top_k(scores: Floats, profile: Profile, context: Context, k: int, *, drop: tuple[int, ...] = ()) -> Ranked:
    """Return the k best items of float32[n_items] scores that the context allows; items with score 0 are left out.

    `drop` are further item codes to leave out.
    """
    return best_of_all(scores, permitted(len(scores), profile, context, drop), k)


def best_of_all(scores: Floats, mask: Bools, k: int) -> Ranked:
    """Return the k best items of the mask, bool[n_items], by float32[n_items] scores; score 0 is left out."""
    if k <= MAX_INSERTED:
        return Ranked(*_best_of_all(scores, mask, max(k, 0)))
    codes = np.flatnonzero((scores != 0) & mask).astype(np.int32)
    return _sorted(codes, scores[codes], k)


def best_of_some(codes: Ints, scores: Floats, mask: Bools, k: int, *, is_sorted: bool = False) -> Ranked:
    """Return the k best of distinct codes by their scores, float32[len(codes)]; mask and score 0 as above.

    `is_sorted` says that they stand best first: the rest is then not read.
    """
    if k <= MAX_INSERTED:
        return Ranked(*_best_of_some(codes, scores, mask, max(k, 0), is_sorted))
    is_candidate = (scores != 0) & mask[codes]
    order = np.argsort(codes[is_candidate])
    return _sorted(codes[is_candidate][order], scores[is_candidate][order], k)


def permitted(n_items: int, profile: Profile, context: Context, drop: tuple[int, ...]) -> Bools:
    """Return bool[n_items], which items may be shown.

    `allowed` may be longer than the model's catalog if products were added.
    """
    if context.allowed is None:
        mask = np.ones(n_items, np.bool_)
    elif len(context.allowed) >= n_items:
        mask = context.allowed[:n_items].copy()
    else:
        mask = np.zeros(n_items, np.bool_)
        mask[: len(context.allowed)] = context.allowed
    page = () if context.page is None else (context.page,)
    hidden = (*context.exclude, *drop, *page)
    if hidden:
        codes = np.asarray(hidden, np.int64)
        mask[codes[(codes >= 0) & (codes < n_items)]] = False
    if not context.seen_allowed:
        mask[profile.items[(profile.items >= 0) & (profile.items < n_items)]] = False
    return mask


def scores_of(scores: Floats, items: Ints) -> Floats:
    """Return float32[len(items)]: the scores of item codes, 0 for codes outside the model's catalog."""
    inside = (items >= 0) & (items < len(scores))
    result = np.zeros(len(items), np.float32)
    result[inside] = scores[items[inside]]
    return result


def _sorted(codes: Ints, values: Floats, k: int) -> Ranked:
    order = np.argsort(-values, kind="stable")[:k]  # stable: ties go to the lower code
    return Ranked(codes[order], values[order].astype(np.float32))


@compiled
def _best_of_all(scores: Floats, mask: Bools, k: int) -> tuple[Ints, Floats]:
    items, values, n = np.empty(k, np.int32), np.empty(k, np.float32), 0
    if k == 0:
        return items, values
    for code in range(len(scores)):
        score = scores[code]
        if (n == k and score <= values[k - 1]) or score == 0 or not mask[code]:
            continue
        place = min(n, k - 1)
        while place > 0 and values[place - 1] < score:
            items[place], values[place] = items[place - 1], values[place - 1]
            place -= 1
        items[place], values[place] = code, score
        n = min(n + 1, k)
    return items[:n], values[:n]


@compiled
def _best_of_some(codes: Ints, scores: Floats, mask: Bools, k: int, is_sorted: bool) -> tuple[Ints, Floats]:
    items, values, n = np.empty(k, np.int32), np.empty(k, np.float32), 0
    if k == 0:
        return items, values
    for at in range(len(codes)):
        code, score = codes[at], scores[at]
        if n == k and (score < values[k - 1] or (score == values[k - 1] and code > items[k - 1])):
            if is_sorted:
                break
            continue
        if score == 0 or not mask[code]:
            continue
        place = min(n, k - 1)
        while place > 0 and (values[place - 1] < score or (values[place - 1] == score and items[place - 1] > code)):
            items[place], values[place] = items[place - 1], values[place - 1]
            place -= 1
        items[place], values[place] = code, score
        n = min(n + 1, k)
    return items[:n], values[:n]
