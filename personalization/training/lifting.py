"""How much cold lift pays: the most that new products gain while hardly anything is lost on the whole."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from personalization.ranking.cold_lift import lifted
from personalization.recommenders.base import Floats
from personalization.training.judging import Judging
from personalization.training.ladder import ndcg, slates
from personalization.training.metrics import Doubles, hits, per_shopper
from personalization.training.split import Longs

LIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0)
HALVINGS = 3
"""How often the step behind the best of `LIFTS` is halved: what is lost grows faster from lift to lift."""
WARM_KEPT = 0.95
"""Share of the unlifted NDCG@10 of known products that must remain; that of all targets together must not fall."""
Point = Mapping[str, Any]


def tuned_lift(judging: Judging, scores: Floats) -> tuple[float, list[Point]]:
    """Return the lift and the curve it was chosen from, as JSON values; 0 and no curve where nothing is cold.

    Of all lifts that keep enough, the one with the best hit rate among cold targets; ties go to the smaller.
    """
    untouched = judging.untouched()
    if not untouched.any() or not any(own.any() for own in judging.cold):
        return 0.0, []

    def point(lift: float) -> Point:
        return _point(judging, lifted(judging.asked.candidates, scores, untouched, lift), lift)

    def kept(one: Point) -> bool:
        none = curve[0]
        return bool(one["together"] >= none["together"] and one["warm"] >= WARM_KEPT * none["warm"])

    def worth(one: Point) -> tuple[float, float]:
        return one["cold_hit_rate"], -one["lift"]

    curve = [point(lift) for lift in LIFTS]
    best = max(filter(kept, curve), key=worth)
    low, high = best["lift"], next((lift for lift in LIFTS if lift > best["lift"]), best["lift"])
    for _ in range(HALVINGS if high > low else 0):
        tried = point((low + high) / 2)
        curve.append(tried)
        if kept(tried):
            low, best = tried["lift"], max(best, tried, key=worth)
        else:
            high = tried["lift"]
    return float(best["lift"]), sorted(curve, key=lambda one: float(one["lift"]))


def _point(judging: Judging, scores: Floats, lift: float) -> Point:
    found = slates(judging.asked.candidates, scores)
    warm = [own[~cold] for own, cold in zip(judging.targets, judging.cold, strict=True)]
    cold = [own[cold] for own, cold in zip(judging.targets, judging.cold, strict=True)]
    return {
        "lift": lift,
        "together": float(ndcg(found, judging.targets, judging.n_items).mean()),
        "warm": _mean(found, warm, judging.n_items, "ndcg"),
        "cold_hit_rate": _mean(found, cold, judging.n_items, "hit_rate"),
    }


def _mean(found: np.ndarray, targets: Sequence[Longs], n_items: int, metric: str) -> float:
    asked = [row for row, own in enumerate(targets) if len(own)]
    if not asked:
        return 0.0
    chosen = [targets[row] for row in asked]
    sizes = np.fromiter((len(own) for own in chosen), np.int64, len(chosen))
    values: Doubles = per_shopper(hits(found[asked], chosen, n_items), sizes, k=10)[metric]
    return float(values.mean())
