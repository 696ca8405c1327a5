"""Prometheus gauges of requests, by route instead of path."""

from prometheus_client import Counter, Histogram

REQUESTS = Counter("vitrine_requests", "Requests by route and status", ["method", "route", "status"])
SECONDS = Histogram(
    "vitrine_request_seconds",
    "Time from request to answer, inside the process",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0),
)
