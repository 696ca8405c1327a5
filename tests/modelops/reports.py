"""A training report with all parts."""

from typing import Any

METRICS = {
    f"{family}@{k}": {"value": 0.1, "low": 0.08, "high": 0.12, "n": 900}
    for family in ("ndcg", "precision", "recall", "hit_rate", "mrr")
    for k in (5, 10, 20)
}
UNKNOWN = {name: {"value": None, "low": None, "high": None, "n": 0} for name in METRICS}
REPORT: dict[str, Any] = {
    "stage": "blend",
    "ladder": [
        {"stage": "popular", "name": "popular", "ndcg": METRICS["ndcg@10"], "chance": 1.0, "taken": True},
        {"stage": "blend", "name": "blend", "ndcg": METRICS["ndcg@10"], "chance": 0.99, "taken": True},
    ],
    "test": {name: {"together": METRICS, "warm": METRICS, "cold": UNKNOWN} for name in ("blend", "popular")},
    "beyond": {"blend": {"coverage": 0.5, "gini": 0.6, "novelty": 9.0, "popularity_lift": 1.1}},
    "groups": {"few events": METRICS["ndcg@10"], "many events": METRICS["ndcg@10"]},
    "cold_start": [{"events": events, "released": METRICS, "popular": METRICS} for events in (0, 1, 5, None)],
    "next_item": {"live": METRICS, "frozen": METRICS, "popular": METRICS},
    "ablation": {"rp3beta": 0.01, "popular": -0.001},
    "importance": {"rp3beta_score": 0.02},
    "rmse": {
        "svd": {"value": 0.9, "low": 0.85, "high": 0.95, "n": 90, "ratings": 400},
        "item_mean": {"value": 1.1, "low": 1.05, "high": 1.15, "n": 90, "ratings": 400},
    },
    "surprise": dict.fromkeys(("as in the tutorial", "popular"), METRICS["ndcg@10"]),
    "surprise_basis": {
        "rows": 100_000,
        "of_rows": 250_000,
        "shoppers": 1_000,
        "steps": ["as in the tutorial", "popular"],
    },
    "exposure": {
        "chosen": 0.2,
        "curve": [{"strength": 0.0, "ndcg": 0.1, "gini": 0.6, "coverage": 0.5, "new_items": 0.02}],
    },
    "validation_singles": {"rp3beta": 0.09, "popular": 0.05, "covisitation": 0.04},
    "discovering": ["covisitation"],
    "tuning": {"rp3beta": {"config": {"alpha": 0.7, "neighbors": 100}, "value": 0.09, "trials": 12}},
    "quotas": {"rp3beta": 60, "popular": 20},
    "stability": {"name": "stability", "value": 0.62, "bar": 0.3, "passed": True, "message": "overlap@10"},
    "data": {
        "interactions": 5_000,
        "shoppers": 900,
        "items": 300,
        "removed": [{"rule": "duplicates", "rows": 17, "reason": "the same was there already"}],
        "imputed": [{"column": "price", "values": 6, "rule": "missing stays unknown"}],
        "scaled": {"price": "logarithm"},
    },
    "data_checks": [{"name": "rows", "value": 5_000.0, "bar": 1_000.0, "passed": True, "message": "must not be lower"}],
    "latency_ms": {"p50": 2.0, "p99": 8.0},
}
