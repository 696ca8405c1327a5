"""The demo's first model, trained by the Celery worker or in this process."""

import time
from collections.abc import Callable
from typing import Final

from common.errors import Conflict
from demo.setup import ACTOR
from modelops.selectors.overview import live_model
from modelops.selectors.runs import ShownRun, shown_run, unfinished_run
from modelops.services.runs import queue_training
from modelops.services.training import run_training

SEED: Final = 7
POLL_S: Final = 0.3
WORKER_PATIENCE_S: Final = 60.0
ProgressListener = Callable[[int, str], None]


def has_live_model() -> bool:
    """Return whether a model is live."""
    return live_model() is not None


def train(progress: ProgressListener, *, here: bool) -> str:
    """Train and return the live version.

    Raises Conflict if training failed, the model was refused, or no worker starts the run.
    """
    if here:
        run = queue_training(actor=ACTOR, seed=SEED, hand_over=False)
        run_training(run.pk, listener=lambda step, share: progress(round(100 * share), step))
        return _outcome(shown_run(run.pk))
    unfinished = unfinished_run()
    watched = _watch(unfinished.id if unfinished else queue_training(actor=ACTOR, seed=SEED).pk, progress)
    if watched.failed:
        # Once more: a store may have gone away in the middle of it.
        watched = _watch(queue_training(actor=ACTOR, seed=SEED).pk, progress)
    return _outcome(watched)


def _watch(run_id: int, progress: ProgressListener) -> ShownRun:
    """Return the run when it has ended. Raises Conflict if no worker starts it."""
    began = time.monotonic()
    while not (run := shown_run(run_id)).finished:
        progress(run.percent, run.step)
        if not run.started and time.monotonic() - began > WORKER_PATIENCE_S:
            raise Conflict("no worker takes the training: start `celery --app config worker`, or run with --here")
        time.sleep(POLL_S)
    progress(run.percent, run.step)
    return run


def _outcome(run: ShownRun) -> str:
    if run.failed or run.version is None:
        raise Conflict(f"training failed: {run.message}")
    live = live_model()
    if live is None:
        raise Conflict(f"the model was refused: {run.message}")
    return live.version
