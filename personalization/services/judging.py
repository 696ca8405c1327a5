"""May a freshly trained version go live? Pure: two reports in, a reason to refuse or None out."""

import math
from collections.abc import Mapping
from typing import Any

METRIC = "ndcg@10"
SLOWEST_P99_MS = 100.0
"""No released model may need longer for one shopper's slate: it would break the deadline of every page."""


def refusal(report: Mapping[str, Any], champion: Mapping[str, Any] | None) -> str | None:
    """Return why the candidate must not go live; None where it may.

    It is refused where even the upper end of its interval lies below the lower end of the champion's: within the
    intervals the newer model is taken, for it knows the newer data.
    """
    slow = report.get("latency_ms", {}).get("p99", 0.0)
    if slow > SLOWEST_P99_MS:
        return f"too slow: 99 % of slates within {slow:.0f} ms, allowed are {SLOWEST_P99_MS:.0f} ms"
    found, held = released_interval(report), released_interval(champion or {})
    if found is not None and held is not None and found["high"] < held["low"]:
        return (
            f"worse than the champion: NDCG@10 at most {found['high']:.4f}, the champion's at least {held['low']:.4f}"
        )
    return None


def released_interval(report: Mapping[str, Any]) -> Mapping[str, float] | None:
    """Return value, low and high of the released rung's NDCG@10 on the test fold, where it was judged."""
    interval = report.get("test", {}).get(report.get("rung"), {}).get("together", {}).get(METRIC)
    if not interval or not all(isinstance(interval.get(end), int | float) for end in ("low", "high")):
        return None
    return interval if all(math.isfinite(interval[end]) for end in ("low", "high")) else None


def headline(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the few numbers that stand beside a version: Precision, Recall, NDCG at 10, and RMSE where rated."""
    judged = report.get("test", {}).get(report.get("rung"), {}).get("together", {})
    numbers = {name: judged[name]["value"] for name in (METRIC, "precision@10", "recall@10") if name in judged}
    for name, rmse in report.get("rmse", {}).items():
        numbers[f"rmse_{name}"] = rmse["value"] if isinstance(rmse, Mapping) else rmse
    return {
        name: round(float(value), 5) for name, value in numbers.items() if value is not None and math.isfinite(value)
    }


def storable(value: Any) -> Any:
    """Return the value as JSON can hold it: what is not a finite number becomes null."""
    if isinstance(value, Mapping):
        return {str(name): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
