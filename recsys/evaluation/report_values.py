"""Values of a training report for the registry: the headline numbers of a version, and valid JSON. Pure."""

import math
from collections.abc import Mapping
from typing import Any

METRIC = "ndcg@10"
RMSE = {"svd": "svd", "biases": "biases_of_item_and_shopper"}
"""Keys of the RMSE of predicted stars: of the model, and of its biases alone."""


def headline(report: Mapping[str, Any]) -> dict[str, float]:
    """Return the headline numbers of a version: precision, recall and NDCG at 10, RMSE of SVD and of biases."""
    metrics = report.get("test", {}).get(report.get("stage"), {}).get("together", {})
    numbers = {name: metrics[name]["value"] for name in (METRIC, "precision@10", "recall@10") if name in metrics}
    errors = report.get("rmse", {})
    numbers |= {f"rmse_{name}": errors[key]["value"] for name, key in RMSE.items() if errors.get(key)}
    return {name: float(value) for name, value in numbers.items() if value is not None and math.isfinite(value)}


def storable(value: Any) -> Any:
    """Return the value with strings as keys and with None for numbers that are not finite, as JSON needs it."""
    if isinstance(value, Mapping):
        return {str(name): storable(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [storable(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
