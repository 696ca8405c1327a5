"""Surprise's SVD: predicted ratings, and how far it comes step by step."""

from collections.abc import Mapping
from typing import Any

from modelops.selectors.report.section import Section, measured


def ratings(report: Mapping[str, Any]) -> Section | None:
    """Return the error of predicted ratings, where the shop has ratings."""
    rows = [(name.replace("_", " "), measured(one)) for name, one in report.get("rmse", {}).items()]
    return Section("ratings", "Predicted ratings",
                   "Root mean squared error in stars, on ratings that no model had seen.", ("Model", "RMSE"),
                   rows)  # fmt: skip


def surprise(report: Mapping[str, Any]) -> Section | None:
    """Return how far Surprise's SVD comes, step by step, where that was measured."""
    steps, basis = report.get("surprise", {}), report.get("surprise_basis") or {}
    rows = [(name, measured(steps[name])) for name in basis.get("steps", steps)]  # the database forgets their order
    note = "From the textbook to what is used here; NDCG@10, all products ranked."
    if basis:
        note += f" SVD learnt from {basis['rows']:,} interactions; {basis['shoppers']:,} shoppers were asked."
    return Section("surprise", "SVD, step by step", note, ("Step", "NDCG@10"), rows)
