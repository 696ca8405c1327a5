"""Training, from events to a version that is live or was refused with its reason. Progress is a row."""

import contextlib
import fcntl
import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import close_old_connections

from common import installation
from common.credentials import masked
from common.errors import Conflict, DomainError, NotFound
from modelops.live import Champion, champion
from modelops.models import ModelVersion, RunState, TrainingRun
from modelops.selectors.registry import version_named
from modelops.selectors.runs import OVER, alive_runs, outcome_message
from modelops.services.atomic_files import check_disk
from modelops.services.data_checks import examine
from modelops.services.gate import judge_training, steadiness_of
from modelops.services.registry import promote, register
from modelops.services.retention import prune
from modelops.services.run_progress import (
    DATA_SHARE,
    REGISTERS,
    TRAIN_SHARE,
    RunProgress,
    TrainingStopped,
    heartbeat,
    retried,
)
from modelops.services.runs import close_silent_runs
from modelops.services.shop_data import shop_dataset
from profiles.history import MAX_INTERACTIONS
from recsys.progress import Progress
from recsys.ranking.artifact import ArtefactError, unseal

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset
    from recsys.evaluation.pipeline import TrainedBundle
    from recsys.training.plan import Plan
    from recsys.training.tuning import Search

SEARCH_FILE, MOST_SEARCHED = "search.db", 64 * 1024**2
"""Where in the model directory searches for settings are kept, and from how many bytes on they are begun anew: new data
begin new studies, and those of the data before are never gone on with."""
log = logging.getLogger(__name__)


def run_training(run_id: int, *, listener: Progress | None = None, slates: Path | None = None) -> TrainingRun:
    """Train as the row says; a run that is over, or that a living process is at, is not run again.

    `slates` is a Parquet file for the held-out answers (user, rank, item, score, strategy). Raises NotFound.
    """
    run = TrainingRun.objects.filter(pk=run_id).first()
    if run is None:
        raise NotFound(f"There is no training run {run_id}.")
    if run.state in OVER or run.pk in alive_runs().values_list("pk", flat=True):
        return run
    close_silent_runs(but=run)
    progress = RunProgress(run, listener)
    if not progress.begin():
        return run
    try:
        with heartbeat(run):
            message = _trained(progress, slates)
    except TrainingStopped:
        # One whose worker died, and that began anew, may have registered a version before.
        made = (
            f"It was stopped. {outcome_message(run)}"
            if run.model_version_id
            else "It was stopped: no version came of it."
        )
        progress.end(RunState.STOPPED, message=made)
    except (DomainError, ValueError) as error:
        log.warning("training.failed run=%s error=%s", run.pk, masked(str(error)))
        told = masked(str(error))
        if run.model_version_id:
            told = f"{told.rstrip('.')}. {retried(lambda: outcome_message(run))}"
        progress.end(RunState.FAILED, message=told)
    except BaseException as error:
        told = "It was asked to stop" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
        progress.end(RunState.FAILED, message=f"{told}. {retried(lambda: outcome_message(run))}")
        raise
    else:
        progress.end(RunState.DONE, message=message)
        prune(actor=run.actor)
    return run


def _trained(progress: RunProgress, slates: Path | None) -> str:
    # Here, not above: the web processes, which only queue, need none of the learning libraries.
    from recsys.evaluation.held_out_answers import write_slates
    from recsys.evaluation.pipeline import train
    from recsys.training.plan import ranked_sources

    installation.check("MODEL_DIR")  # here too: a worker that began while a store was away has not asked
    check_disk()
    run = progress.run
    names = ranked_sources(settings.EXTRA_SOURCES)
    live = champion()
    rival, unfollowed = _plan_of(live)
    dataset = _dataset(progress)
    with _searching(run) as search:
        trained = train(
            dataset,
            budget_s=run.budget_s,
            seed=run.seed,
            search=search,
            progress=progress.part(DATA_SHARE, TRAIN_SHARE),
            newest=MAX_INTERACTIONS,
            rival=rival,
            names=names,
            exposure=run.exposure,
        )
    message = _released(trained, dataset.user_ids, progress=progress, over=live.version if live else "")
    if live and trained.rival is None:
        why = unfollowed or "its ranker finds nothing to learn from"
        message += f". It was held against popularity: the plan of {live.version} cannot be followed ({why})"
    if search.lost:
        message += f". The search for settings could not be kept for the next training: {masked(search.lost[0])}"
    if slates is not None:
        try:
            write_slates(trained, dataset.user_ids, slates)
        except OSError as error:  # which is no reason to lose a model
            message += f". The held-out answers could not be written: {error}"
    return message


@contextlib.contextmanager
def _searching(run: TrainingRun) -> "Iterator[Search]":
    """Yield how the run searches for settings, and where that is kept: in a file of ours, unless the run names one.

    A file of ours that is broken is begun anew. One run at a time keeps its search there: while another one does, this
    one's is kept nowhere, nor is one where no file can be written.
    """
    from recsys.training.tuning import Search

    if run.study or not run.budget_s:
        yield Search(run.sampler, run.study or None)
        return
    file = Path(settings.MODEL_DIR) / SEARCH_FILE
    with contextlib.ExitStack() as held:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = held.enter_context(file.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            search = _kept(Search(run.sampler, str(file)), file, run)
        except BlockingIOError:
            log.warning("training.search_taken run=%s", run.pk)
            search = Search(run.sampler)
        except (OSError, ValueError) as error:
            log.warning("training.search_unkept run=%s error=%s", run.pk, masked(str(error)))
            search = Search(run.sampler, lost=[str(error)])
        yield search


def _kept(search: "Search", file: Path, run: TrainingRun) -> "Search":
    if file.exists() and file.stat().st_size > MOST_SEARCHED:
        file.unlink()
    try:
        search.opened()
    except ValueError as error:
        log.warning("training.search_lost run=%s error=%s", run.pk, error)
        file.unlink(missing_ok=True)
        search.opened()  # where not even a new one can be made, the caller is told
    return search


def _plan_of(live: Champion | None) -> "tuple[Plan | None, str]":
    """Return the live version's plan, None where there is none to follow, and why this code cannot follow it."""
    from recsys.training.champion_refit import plan_of

    if live is None:
        return None, ""
    try:
        return plan_of(unseal(live.directory, expected=live.artifact_hash)), ""
    except (ArtefactError, ValueError) as error:
        log.error("model.plan_unfollowed version=%s error=%s", live.version, error)
        return None, str(error)


def _dataset(progress: RunProgress) -> "Dataset":
    dataset = shop_dataset(read=lambda: progress.tell("Cleaning and coding", DATA_SHARE / 2))
    examine(dataset, progress.run)
    return dataset


def _released(trained: "TrainedBundle", user_ids: Sequence[str], *, progress: RunProgress, over: str) -> str:
    """Register the bundle, judge it, and promote it where it passed; say where shoppers will see another shop.

    `over` is the version that was live when the training began, "" for none: where another is live by now, nobody has
    compared the two.
    """
    close_old_connections()  # fitting took long
    actor = progress.run.actor
    progress.tell("Comparing answers with those of what is live", TRAIN_SHARE)
    steady = retried(lambda: steadiness_of(trained))
    report = {**trained.report, "stability": asdict(steady)} if steady else trained.report
    progress.tell("Registering the version", REGISTERS)
    version = retried(lambda: register(trained.bundle, report=report, actor=actor, run=progress.run))
    progress.run.model_version = version
    progress.tell("Judging at the gate", TRAIN_SHARE + 0.02)

    def judging() -> ModelVersion:
        row = version_named(version.version)
        # Where the database went away before it could say so, the verdict is written already.
        return row if row.gate else judge_training(row.version, trained, user_ids, actor=actor, over=over)

    judged = progress.run.model_version = retried(judging)
    if not judged.passed:
        return f"{version.version} was refused: {judged.refusal}"
    try:
        progress.run.model_version = retried(lambda: promote(version.version, actor=actor, over=over))
    except Conflict as error:
        return f"{version.version} passed, but was not promoted. {error.detail}"
    return f"{version.version} is live"
