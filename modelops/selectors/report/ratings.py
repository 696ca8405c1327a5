"""Surprise's SVD: predicted ratings, and how far it comes step by step."""

from collections.abc import Mapping
from typing import Any

from modelops.selectors.report.section import Section, measured

OWN = "svd"
MODELS = {
    OWN: "the star model (SVD)",
    "biases_of_item_and_shopper": "biases of item and shopper",
    "item_mean": "the item's mean",
    "overall_mean": "the overall mean",
}


def ratings(report: Mapping[str, Any]) -> Section | None:
    """Return the error of predicted ratings, where the shop has ratings."""
    errors = report.get("rmse", {})
    rows = [(title, measured(errors[name])) for name, title in MODELS.items() if name in errors]
    note = "Root mean squared error in stars, on ratings that no model had seen: the lower the better."
    return Section("ratings", "Predicted ratings", f"{note} {_gain(errors)}".strip(), ("Model", "RMSE"), rows)


def _gain(errors: Mapping[str, Any]) -> str:
    """Return in words whether the star model earns its place beside plain means."""
    others = {name: one["value"] for name, one in errors.items() if name != OWN and one.get("value") is not None}
    own = errors.get(OWN, {})
    if own.get("value") is None or not others:
        return ""
    best = min(others, key=others.__getitem__)
    if own["value"] >= others[best]:
        return f"The star model adds nothing here: {MODELS[best]} alone errs no more."
    if own.get("high") is not None and own["high"] >= others[best]:
        return f"The star model errs a little less than {MODELS[best]}, which may be chance."
    return f"The star model errs less than {MODELS[best]}, beyond chance."


def surprise(report: Mapping[str, Any]) -> Section | None:
    """Return how far Surprise's SVD comes, step by step, where that was measured."""
    steps, basis = report.get("surprise", {}), report.get("surprise_basis") or {}
    rows = [(name, measured(steps[name])) for name in basis.get("steps", steps)]  # the database forgets their order
    note = "From the textbook to what is used here; NDCG@10, all products ranked."
    if basis:
        note += f" SVD learnt from {basis['rows']:,} interactions; {basis['shoppers']:,} shoppers were asked."
    return Section("surprise", "SVD, step by step", note, ("Step", "NDCG@10"), rows)
