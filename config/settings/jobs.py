"""Celery: what runs in the background, and how it is delivered."""

import re

from config import env
from config.settings.stores import REDIS_BROKER_URL
from events.types.base import SIGNALS

TRAINING_BUDGET_SECONDS = env.integer("TRAINING_BUDGET_SECONDS", 3600, least=10)
# How long the nightly training searches for better settings, which the next night starts from; 0: not at all. Half-lives
# are tried in any case, and bring most of what a search finds.
TUNING_MINUTES = env.integer("TUNING_MINUTES", 0, least=0)

CELERY_BROKER_URL = REDIS_BROKER_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_SERIALIZER = "json"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
# Copies for MLflow wait until nothing else does: thirty of them would hold up a training for minutes. 9 is the last.
CELERY_TASK_ROUTES = {"modelops.mirror": {"priority": 9}}
# In KiB: a process that ever held more ends with its task, for it keeps for good much of what a training took.
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 512 * 1024
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A task not acknowledged for this long is given to another worker: longer than nights should be. A night that lasts
# longer, and a training wished for and tuned for hours, are known by their message or run: what is alive or over is not
# run again.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 2 * (TRAINING_BUDGET_SECONDS + 60 * TUNING_MINUTES) + 3600}
CELERY_BEAT_SCHEDULER = "access.scheduler:Scheduler"

# Where model versions are mirrored for comparison; empty: nowhere.
MLFLOW_TRACKING_URI = env.text("MLFLOW_TRACKING_URI")
# The experiment and the registered model there: installations that share a server need one each, for a model's aliases
# say what is live.
MLFLOW_NAME = env.checked(
    "MLFLOW_NAME",
    "vitrine",
    reads=re.compile(r"[A-Za-z0-9_.-][A-Za-z0-9 _.-]*").fullmatch,
    expected="letters, digits, blanks, -, _ and . alone",
)
# Whether the model's files go there too, or only the manifest that names and hashes them.
MLFLOW_COPIES_ARTEFACTS = env.flag("MLFLOW_COPIES_ARTEFACTS", default=True)

# The gate refuses a model that needs longer for one slate (99 % of them).
GATE_LATENCY_MILLISECONDS = env.number("GATE_LATENCY_MILLISECONDS", 25.0, least=0.1)
# How strongly trainings that are not told hold back over-exposed items: the report shows what each strength costs.
EXPOSURE_STRENGTH = env.number("EXPOSURE_STRENGTH", 0.0, least=0.0, most=1.0)
# What an event counts by its signal (view=1,cart=2,purchase=3), where not as by default; for the next training.
EVENT_WEIGHTS = env.amounts("EVENT_WEIGHTS", SIGNALS)
# Sources that are trained and ranked too: svd and, of optional extras, sentences, sequence_net, spark_als.
EXTRA_SOURCES = env.listing("EXTRA_SOURCES")
# A folder of pictures, each named by its product's id (P1.jpg): products alike to look at. Needs the extra [deep].
PICTURES_DIR = env.text("PICTURES_DIR")
