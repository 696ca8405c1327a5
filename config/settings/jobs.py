"""Celery: background tasks and their delivery."""

import re

from config import env
from config.settings.stores import REDIS_BROKER_URL
from events.types.base import SIGNALS

TRAINING_BUDGET_SECONDS = env.integer("TRAINING_BUDGET_SECONDS", 3600, minimum=10)
# Minutes of the nightly search for better settings, which the next night continues; 0: no search. Half-lives are tried
# in any case, and bring most of what a search finds.
TUNING_MINUTES = env.integer("TUNING_MINUTES", 0, minimum=0)

CELERY_BROKER_URL = REDIS_BROKER_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_ROUTES = {
    # Copies for MLflow have a worker of their own. They would wait behind trainings, and thirty of them delay one.
    "modelops.mirror": {"queue": "mlflow"},
    # A person waits for an import: it has a worker of its own, too.
    "catalog.*": {"queue": "quick"},
    # And for an export of the audit log.
    "audit.*": {"queue": "quick"},
    "consents.*": {"queue": "quick"},
    # Nobody waits for the deletion of old data, which may take long.
    "consents.delete_old_data": {"queue": "celery"},
    "consents.audit_practice": {"queue": "celery"},
    # So does one for the exact size of a segment.
    "profiles.run_segment_job": {"queue": "quick"},
    "profiles.count_segments": {"queue": "quick"},
    "events.count_performance": {"queue": "quick"},
    # A guardrail that is breached does not wait behind a training.
    "experiments.apply_policies": {"queue": "quick"},
    "experiments.take_looks": {"queue": "quick"},
}
# In KiB. A process above it ends with its task, because it never returns much of a training's memory.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512 * 1024
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# After this time an unacknowledged task goes to another worker, so it must exceed a night. Longer trainings are
# recognized by their message or run, and are not started twice.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 2 * (TRAINING_BUDGET_SECONDS + 60 * TUNING_MINUTES) + 3600}
CELERY_BEAT_SCHEDULER = "access.scheduler:Scheduler"

# Address of MLflow for copies of model versions; empty: no copies.
MLFLOW_TRACKING_URI = env.text("MLFLOW_TRACKING_URI")
# The experiment and the registered model there. Installations on one server need different names, because a model's
# aliases name the live version.
MLFLOW_NAME = env.checked(
    "MLFLOW_NAME",
    "vitrine",
    accepts=re.compile(r"[A-Za-z0-9_.-][A-Za-z0-9 _.-]*").fullmatch,
    expected="letters, digits, blanks, -, _ and . alone",
)
# Copy the model's files too, not only the manifest with their hashes.
MLFLOW_COPIES_ARTEFACTS = env.flag("MLFLOW_COPIES_ARTEFACTS", default=True)

# The gate refuses a model whose slates take longer (99th percentile).
GATE_LATENCY_MILLISECONDS = env.number("GATE_LATENCY_MILLISECONDS", 25.0, minimum=0.1)
# Default strength against over-exposed items in trainings; the report shows the cost of each strength.
EXPOSURE_STRENGTH = env.number("EXPOSURE_STRENGTH", 0.0, minimum=0.0, maximum=1.0)
# Weights of signals (view=1,cart=2,purchase=3) that differ from the defaults; used from the next training on.
EVENT_WEIGHTS = env.weights("EVENT_WEIGHTS", SIGNALS)
# Additional sources to train and rank: svd, and with optional packages sentences, sequence_net, spark_als.
EXTRA_SOURCES = env.listing("EXTRA_SOURCES")
# A folder of product pictures named by product id (P1.jpg), for visual similarity. Needs the extra [deep].
PICTURES_DIR = env.text("PICTURES_DIR")
# A folder that keeps the pictures at the products' image_url, fetched in trainings; empty: none is fetched.
PICTURES_CACHE_DIR = env.text("PICTURES_CACHE_DIR")
