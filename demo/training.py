"""The demo's first model: handed to the Celery worker and watched, or trained in this process when asked to."""

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
Reached = Callable[[int, str], None]


def trained() -> bool:
    """Return whether a model is live."""
    return live_model() is not None


def train(reached: Reached, *, here: bool) -> str:
    """Return the version that is live when training is over.

    Raises Conflict where it failed or was refused, and where no worker takes it.
    """
    if here:
        run = queue_training(actor=ACTOR, seed=SEED, hand_over=False)
        run_training(run.pk, listener=lambda step, share: reached(round(100 * share), step))
        return _outcome(shown_run(run.pk))
    waiting = unfinished_run()
    return _outcome(_watch(waiting.id if waiting else queue_training(actor=ACTOR, seed=SEED).pk, reached))


def _watch(run_id: int, reached: Reached) -> ShownRun:
    """Return the run when it is over; a run that nobody takes is not waited for."""
    began = time.monotonic()
    while not (run := shown_run(run_id)).finished:
        reached(run.percent, run.step)
        if not run.started and time.monotonic() - began > WORKER_PATIENCE_S:
            raise Conflict("no worker takes the training: start `celery --app config worker`, or run with --here")
        time.sleep(POLL_S)
    reached(run.percent, run.step)
    return run


def _outcome(run: ShownRun) -> str:
    if run.failed or run.version is None:
        raise Conflict(f"training failed: {run.message}")
    live = live_model()
    if live is None:
        raise Conflict(f"the model was refused: {run.message}")
    return live.version
