"""Training, from events to a version that is live or was refused with its reason. Progress is a row."""

import contextlib
import fcntl
import logging
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import close_old_connections

from common import installation
from common.credentials import masked
from common.errors import Conflict, DomainError, NotFound
from events.selectors import PURPOSE, n_not_allowed
from modelops.live import Champion, champion
from modelops.models import ModelVersion, RunState, TrainingRun
from modelops.selectors.permission import LATER_CONSENT, WHERE_SHOWN
from modelops.selectors.registry import version_named
from modelops.selectors.runs import OVER, alive_runs, outcome_message
from modelops.services.atomic_files import check_disk
from modelops.services.data_checks import examine
from modelops.services.gate import POPULARITY, held_out_case, judge_version, stability_of
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
from recsys.evaluation.model_checks.case import Case
from recsys.progress import Progress
from recsys.ranking.artifact import ArtifactError, unseal

if TYPE_CHECKING:
    from recsys.data.dataset import Dataset
    from recsys.data.folds import Fold
    from recsys.ranking.model import HybridModel
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
        reason = masked(str(error))
        if run.model_version_id:
            reason = f"{reason.rstrip('.')}. {retried(lambda: outcome_message(run))}"
        progress.end(RunState.FAILED, message=reason)
    except BaseException as error:
        reason = "It was asked to stop" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
        progress.end(RunState.FAILED, message=f"{reason}. {retried(lambda: outcome_message(run))}")
        raise
    else:
        progress.end(RunState.DONE, message=message)
        prune(actor=run.actor)
    return run


def _trained(progress: RunProgress, slates: Path | None) -> str:
    """Train, report, check, refit, register, judge and promote; return in words what came of it."""
    # Here, not above: the web processes, which only queue, need none of the learning libraries.
    from recsys.evaluation.held_out_answers import write_slates
    from recsys.evaluation.rating_errors import worth_showing
    from recsys.evaluation.report import training_report
    from recsys.training.plan import ranked_sources
    from recsys.training.refit import refit_champion
    from recsys.training.training import refit_on_all, test_candidates, train

    installation.check("MODEL_DIR")  # here too: a worker that began while a store was away has not asked
    check_disk()
    run, live = progress.run, champion()
    names = ranked_sources(settings.EXTRA_SOURCES)
    plan, unfollowed = _plan_of(live)
    dataset = _dataset(progress)

    with _searching(run, plan) as search:
        training = train(
            dataset,
            names=names,
            budget_s=run.budget_s,
            search=search,
            seed=run.seed,
            exposure=run.exposure,
            max_events=MAX_INTERACTIONS,
            progress=progress.part(DATA_SHARE, 0.6),
        )
    folds = training.folds
    candidates = test_candidates(training.model, folds.test)
    progress.tell("Judging on what no model has seen", 0.6)
    report = training_report(training, candidates, dataset, thorough=run.thorough, max_events=MAX_INTERACTIONS)
    test_dataset = candidates.dataset(seed=run.seed)
    del candidates  # their features are half a gigabyte
    reference = None
    if plan is not None:
        earlier = [*folds.learning, folds.validation]
        followed = progress.part(0.7, 0.8)
        reference = refit_champion(plan, earlier, folds.test, challenger=training.model, progress=followed)
    case = held_out_case(training, report, dataset.user_ids, reference=reference)
    model = refit_on_all(
        training,
        dataset,
        test_dataset,
        manifest={"shows_predicted_ratings": worth_showing(report["rmse"])},
        max_events=MAX_INTERACTIONS,
        progress=progress.part(0.8, TRAIN_SHARE),
    )

    over = live.version if live else ""
    message = _released(model, report, case, folds.test, progress=progress, over=over, followed=reference is not None)
    if live and reference is None:
        why = unfollowed or "its ranker finds nothing to learn from"
        message += f". It was held against popularity: the plan of {live.version} cannot be followed ({why})"
    if search.lost:
        message += f". The search for settings could not be kept for the next training: {masked(search.lost[0])}"
    if slates is not None:
        try:
            write_slates(training, dataset.user_ids, slates)
        except OSError as error:  # which is no reason to lose a model
            message += f". The held-out answers could not be written: {error}"
    return message


@contextlib.contextmanager
def _searching(run: TrainingRun, plan: "Plan | None") -> "Iterator[Search]":
    """Yield how the run searches for settings, and where that is kept: in a file of ours, unless the run names one.

    A file of ours that is broken is begun anew. One run at a time keeps its search there: while another one does, this
    one's is kept nowhere, nor is one where no file can be written.
    """
    from recsys.training.tuning import Search

    settings_now = plan.configs if plan else {}
    if run.study or not run.budget_s:
        yield Search(run.sampler, run.study or None, settings_now)
        return
    file = Path(settings.MODEL_DIR) / SEARCH_FILE
    with contextlib.ExitStack() as resources:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            lock = resources.enter_context(file.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            search = _kept(Search(run.sampler, str(file), settings_now), file, run)
        except BlockingIOError:
            log.warning("training.search_taken run=%s", run.pk)
            search = Search(run.sampler, champion=settings_now)
        except (OSError, ValueError) as error:
            log.warning("training.search_unkept run=%s error=%s", run.pk, masked(str(error)))
            search = Search(run.sampler, champion=settings_now, lost=[str(error)])
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
    from recsys.training.plan import plan_of

    if live is None:
        return None, ""
    try:
        return plan_of(unseal(live.directory, expected=live.artifact_hash)), ""
    except (ArtifactError, ValueError) as error:
        log.error("model.plan_unfollowed version=%s error=%s", live.version, error)
        return None, str(error)


def _dataset(progress: RunProgress) -> "Dataset":
    dataset = shop_dataset(read=lambda: progress.tell("Cleaning and coding", DATA_SHARE / 2))
    _check_permission(dataset)
    examine(dataset, progress.run)
    return dataset


def _check_permission(dataset: "Dataset") -> None:
    """Raise ValueError where there is nothing to learn from because shoppers did not allow it."""
    if not len(dataset.interactions) and (count := n_not_allowed()):
        raise ValueError(
            f"no event may be learned from. {count:,} name products, but their shoppers did not allow the purpose "
            f"{PURPOSE}. {LATER_CONSENT} {WHERE_SHOWN} shows how"
        )


def _released(
    model: "HybridModel",
    report: Mapping[str, Any],
    case: Case,
    test: "Fold",
    *,
    progress: RunProgress,
    over: str,
    followed: bool,
) -> str:
    """Register the model, judge it, and promote it where it passed; say where shoppers will see another shop.

    `over` is the version that was live when the training began, "" for none: where another is live by now, nobody has
    compared the two. `followed` says that the case holds the model against that version's plan.
    """
    close_old_connections()  # fitting took long
    actor = progress.run.actor
    progress.tell("Comparing answers with those of what is live", TRAIN_SHARE)
    steady = retried(lambda: stability_of(model, test))
    if steady:
        report = {**report, "stability": asdict(steady)}
    progress.tell("Registering the version", REGISTERS)
    version = retried(lambda: register(model, report=report, actor=actor, run=progress.run))
    progress.run.model_version = version
    progress.tell("Judging at the gate", TRAIN_SHARE + 0.02)

    def judging() -> ModelVersion:
        row = version_named(version.version)
        # Where the database went away before it could say so, the verdict is written already.
        if row.gate:
            return row
        return judge_version(row.version, case, reference=over if followed else POPULARITY, actor=actor)

    judged = progress.run.model_version = retried(judging)
    if not judged.passed:
        return f"{version.version} was refused: {judged.refusal}"
    try:
        progress.run.model_version = retried(lambda: promote(version.version, actor=actor, over=over))
    except Conflict as error:
        return f"{version.version} passed, but was not promoted. {error.detail}"
    return f"{version.version} is live"
