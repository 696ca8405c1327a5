"""Prometheus counters of serving."""

from prometheus_client import Counter, Gauge, Histogram

ANSWERS = Counter(
    "vitrine_recommendations",
    "Answers by placement and by what they fell back to",
    ["placement", "degraded"],
)
SECONDS = Histogram(
    "vitrine_recommendation_seconds",
    "Time from question to answer, inside the process",
    ["placement"],
    buckets=(0.001, 0.002, 0.004, 0.006, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 1.0),
)
EXPOSURES = Counter("vitrine_exposures", "Exposures by what became of them", ["outcome"])
EXPLORATIONS = Counter(
    "vitrine_explorations",
    "Answers that wanted to show a new product, by whether a budget was left",
    ["placement", "outcome"],
)
RELOADS = Counter("vitrine_snapshot_reloads", "Reloads of the serving snapshot by part", ["part"])
LOOKUPS = Counter(
    "vitrine_answer_lookups",
    "Lookups of prepared answers and of shoppers, by what was looked up and whether it was known",
    ["level", "outcome"],
)
# With a label no file is made before the first socket: a command may run before the folder of metrics exists.
SOCKETS = Gauge("vitrine_push_sockets", "Sockets of recommendations by state", ["state"], multiprocess_mode="livesum")
PUSHES = Counter("vitrine_pushes", "Answers computed for open sockets, by what became of them", ["outcome"])
