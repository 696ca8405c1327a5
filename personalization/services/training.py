"""Training, from events to a version that is live or was refused with its reason. Progress is a row."""

import contextlib
import fcntl
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from celery import current_app
from django.conf import settings
from django.db import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)

from audit.services import record
from common import clock
from common.errors import Conflict, DomainError, InvalidInput, NotFound
from personalization.models import ModelState, ModelVersion, RunState, Sampler, TrainingRun
from personalization.ranking.artefact import ArtefactError, unseal
from personalization.selectors.overview import alive_runs
from personalization.selectors.registry import Champion, champion, version_named
from personalization.services.data_gate import examine
from personalization.services.gate import judge_training, steadiness_of
from personalization.services.registry import one_at_a_time, promote, register
from personalization.services.retention import prune
from personalization.services.shop_data import shop_dataset
from personalization.training.progress import Progress, part_of
from profiles.history import KEPT

if TYPE_CHECKING:
    from personalization.training.dataset import Dataset
    from personalization.training.pipeline import TrainedBundle
    from personalization.training.plan import Plan
    from personalization.training.tune import Search

Found = TypeVar("Found")
DATA_SHARE, TRAIN_SHARE = 0.15, 0.95
"""Where on the bar reading the data ends, and where training does."""
SEARCH_FILE, MOST_SEARCHED = "search.db", 64 * 1024**2
"""Where in the model directory searches for settings are kept, and from how many bytes on they are begun anew: new data
begin new studies, and those of the data before are never gone on with."""
WAITS = (0.5, 5.0, 30.0)
"""Seconds before a finished training tries again to reach a database that went away."""
REGISTERS = TRAIN_SHARE + 0.01
"""Where on the bar a version is registered: who asks it to stop later comes too late, for half of it would stay."""
OVER = (RunState.DONE, RunState.FAILED, RunState.STOPPED)
TELL_SECONDS = 0.5
BEAT_SECONDS = 10.0
"""How often a run says that it lives, whatever it is at: one fit may take minutes."""
log = logging.getLogger(__name__)


class Stopped(Exception):
    """Leaves a training at the step at which it learns that somebody asked it to stop."""


class Bar:
    """Writes a run's progress into its row, at most twice a second, and to who else listens."""

    def __init__(self, run: TrainingRun, listener: Progress | None) -> None:
        self.run, self._listener, self._told_at = run, listener, float("-inf")

    def begin(self) -> bool:
        """Mark the run as running; return whether nobody else began it at the same moment."""
        as_read = TrainingRun.objects.filter(pk=self.run.pk, state=self.run.state, heartbeat_at=self.run.heartbeat_at)
        if not as_read.update(state=RunState.RUNNING, heartbeat_at=clock.now()):
            self.run.refresh_from_db()
            return False
        self._write(state=RunState.RUNNING, started_at=clock.now(), step="Reading events", progress=0.0)
        return True

    def tell(self, step: str, share: float) -> None:
        """Note the step and how much of the whole is done. Raises Stopped where somebody asked the run to stop."""
        if self._listener is not None:
            self._listener(step, share)
        if step != self.run.step or time.monotonic() - self._told_at >= TELL_SECONDS:
            self._told_at = time.monotonic()
            if share == REGISTERS:  # the last look for who asked, and nobody can ask from here on: neither may be lost
                _insisted(lambda: self._noted(step, share))
                return
            try:
                self._noted(step, share)
            except (DatabaseError, InterfaceError) as error:  # an hour's work is worth more than its bar
                log.warning("training.progress_lost run=%s error=%s", self.run.pk, error)
                _reconnect()

    def made(self, version: ModelVersion) -> None:
        """Note the version that came of the run: it is there, and may go live, whatever becomes of the run."""
        _insisted(lambda: self._write(model_version=version))

    def end(self, state: RunState, *, message: str) -> None:
        """Mark the run as over; the step of one that failed says where."""
        told: dict[str, Any] = {"state": state, "message": message}
        if state == RunState.DONE:
            told |= {"progress": 1.0, "step": ""}
        _insisted(lambda: self._write(**told, finished_at=clock.now()))  # what failed the run may be the database

    def part(self, low: float, high: float) -> Progress:
        """Return a listener for a part of the whole."""
        return part_of(self.tell, low, high)

    def _noted(self, step: str, share: float) -> None:
        self._write(step=step[:200], progress=share)
        if share <= REGISTERS and self._is_asked_to_stop():
            raise Stopped

    def _is_asked_to_stop(self) -> bool:
        # After the share was written: from `REGISTERS` on nobody can ask any more.
        return TrainingRun.objects.filter(pk=self.run.pk).exclude(stop_asked_by="").exists()

    def _write(self, **fields: Any) -> None:
        for name, value in fields.items():
            setattr(self.run, name, value)
        self.run.heartbeat_at = clock.now()
        self.run.save(update_fields=[*fields, "heartbeat_at"])


def queue_training(
    *,
    actor: str,
    budget_s: int = 0,
    sampler: str = Sampler.TPE,
    study: str = "",
    exposure: float | None = None,
    seed: int = 7,
    forced: bool = False,
    hand_over: bool = True,
    slates: Path | None = None,
    message_id: str | None = None,
) -> TrainingRun:
    """Make the row of a run and, unless the caller runs it, hand it to a worker once the row is there.

    `budget_s` seconds go to tuning; `study` is a file in which the search for settings is kept, and gone on with where
    the data are the same: unnamed, `SEARCH_FILE` in the model directory. `exposure` is how strongly over-exposed items
    are held back, 0 to 1; not told, as the setting says. A `forced` run trains although a check of the data refuses it.
    `slates` is where the worker, on this machine, writes the held-out answers: see `run_training`. `message_id` is the
    message that asks for it, if one does. Raises InvalidInput for another exposure.
    """
    exposure = settings.EXPOSURE_STRENGTH if exposure is None else exposure
    if not 0 <= exposure <= 1:
        raise InvalidInput.of("exposure", f"a strength from 0 to 1, not {exposure:g}")
    close_silent_runs()
    with transaction.atomic():
        run = TrainingRun.objects.create(
            actor=actor,
            budget_s=budget_s,
            sampler=sampler,
            study=study,
            exposure=exposure,
            seed=seed,
            forced=forced,
            message_id=message_id,
        )
        wishes = {"budget_s": budget_s, "sampler": str(sampler), "exposure": f"{exposure:g}", "seed": seed}
        told = {**wishes, "forced": forced}
        record(category="model", action="training.queued", actor=actor, object=f"training_run:{run.pk}", data=told)
        if hand_over:
            transaction.on_commit(lambda: _to_worker(run.pk, slates))
    return run


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
    bar = Bar(run, listener)
    if not bar.begin():
        return run
    try:
        with _beating(run):
            message = _trained(bar, slates)
    except Stopped:
        # One whose worker died, and that began anew, may have registered a version before.
        made = (
            f"It was stopped. {_left_behind(run)}" if run.model_version_id else "It was stopped: no version came of it."
        )
        bar.end(RunState.STOPPED, message=made)
    except (DomainError, ValueError) as error:
        log.warning("training.failed run=%s error=%s", run.pk, error)
        bar.end(RunState.FAILED, message=str(error))
    except BaseException as error:
        told = "It was asked to stop" if isinstance(error, KeyboardInterrupt) else f"{type(error).__name__}: {error}"
        bar.end(RunState.FAILED, message=f"{told}. {_insisted(lambda: _left_behind(run))}")
        raise
    else:
        bar.end(RunState.DONE, message=message)
        prune(actor=run.actor)
    return run


def may_be_stopped(run: TrainingRun) -> bool:
    """Return whether a run can be asked to stop: one that waits or works, and does not register its version yet."""
    return run.state not in OVER and run.progress < REGISTERS and not run.stop_asked_by


def stop_training(run_id: int, *, actor: str) -> TrainingRun:
    """Ask a run to stop: one that works stops at its next step, one that waits never begins. No version comes of it.

    Raises NotFound, and Conflict where it is over, or registers its version already.
    """
    close_silent_runs()
    with transaction.atomic():
        run = TrainingRun.objects.select_for_update().filter(pk=run_id).first()
        if run is None:
            raise NotFound(f"There is no training run {run_id}.")
        if run.state in OVER:
            raise Conflict(f"Training {run.pk} is over.")
        if run.progress >= REGISTERS:
            raise Conflict(f"Training {run.pk} registers its version already: it can no longer be stopped.")
        if run.stop_asked_by:
            return run
        run.stop_asked_by = actor
        fields = ["stop_asked_by"]
        if run.state == RunState.QUEUED:
            run.state, run.message, run.finished_at = RunState.STOPPED, "It was stopped before it began.", clock.now()
            fields += ["state", "message", "finished_at"]
        run.save(update_fields=fields)
        data = {"step": run.step, "progress": f"{run.progress:.2f}"}
        record(category="model", action="training.stopped", actor=actor, object=f"training_run:{run.pk}", data=data)
    return run


def close_silent_runs(*, but: TrainingRun | None = None) -> None:
    """Mark runs as failed whose process died without a word."""
    silent = TrainingRun.objects.filter(state=RunState.RUNNING).exclude(pk__in=alive_runs().values("pk"))
    for run in silent if but is None else silent.exclude(pk=but.pk):
        log.warning("training.died run=%s heard=%s", run.pk, run.heartbeat_at)
        told = f"Its process died at {run.progress:.0%} ({run.step}). {_left_behind(run)}"
        TrainingRun.objects.filter(pk=run.pk, state=RunState.RUNNING, heartbeat_at=run.heartbeat_at).update(
            state=RunState.FAILED, message=told, finished_at=clock.now()
        )


def _left_behind(run: TrainingRun) -> str:
    """Return in words what came of a run that did not see its end."""
    if run.model_version_id is None:
        return "Nothing was changed: start another one."
    version = ModelVersion.objects.get(pk=run.model_version_id)
    live = version.state == ModelState.CHAMPION
    return f"{version.version} is live." if live else f"{version.version} was registered, and is not live."


@contextlib.contextmanager
def _beating(run: TrainingRun) -> Iterator[None]:
    """Note from time to time, beside the work, that the run lives."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(BEAT_SECONDS):
            try:
                TrainingRun.objects.filter(pk=run.pk).update(heartbeat_at=clock.now())
            except (DatabaseError, InterfaceError) as error:  # the run itself will meet it, if it lasts
                log.warning("training.beat_lost run=%s error=%s", run.pk, error)
            finally:
                connection.close()

    thread = threading.Thread(target=beat, name=f"training-{run.pk}-beats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _trained(bar: Bar, slates: Path | None) -> str:
    # Here, not above: the web processes, which only queue, need none of the learning libraries.
    from personalization.training.heldout import write_slates
    from personalization.training.pipeline import train
    from personalization.training.plan import ranked_sources

    run = bar.run
    names = ranked_sources(settings.EXTRA_SOURCES)
    live = champion()
    rival = _plan_of(live)
    dataset = _dataset(bar)
    with _searching(run) as search:
        trained = train(
            dataset,
            budget_s=run.budget_s,
            seed=run.seed,
            search=search,
            progress=bar.part(DATA_SHARE, TRAIN_SHARE),
            newest=KEPT,
            rival=rival,
            names=names,
            exposure=run.exposure,
        )
    message = _released(trained, dataset.user_ids, bar=bar, over=live.version if live else "")
    if search.lost:
        message += f". The search for settings could not be kept for the next training: {search.lost[0]}"
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
    from personalization.training.tune import Search

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
            log.warning("training.search_unkept run=%s error=%s", run.pk, error)
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


def _plan_of(live: Champion | None) -> "Plan | None":
    """Return the plan of the live version, None where there is none or this code can no longer follow it."""
    from personalization.training.rival import plan_of

    if live is None:
        return None
    try:
        return plan_of(unseal(live.directory, expected=live.artefact_hash))
    except ArtefactError as error:
        log.error("model.champion_unreadable version=%s error=%s", live.version, error)
        return None


def _dataset(bar: Bar) -> "Dataset":
    dataset = shop_dataset(read=lambda: bar.tell("Cleaning and coding", DATA_SHARE / 2))
    examine(dataset, bar.run)
    return dataset


def _released(trained: "TrainedBundle", user_ids: Sequence[str], *, bar: Bar, over: str) -> str:
    """Register the bundle, judge it, and promote it where it passed; say where shoppers will see another shop.

    `over` is the version that was live when the training began, "" for none: where another is live by now, nobody has
    compared the two.
    """
    close_old_connections()  # fitting took long
    actor = bar.run.actor
    bar.tell("Comparing answers with those of what is live", TRAIN_SHARE)
    steady = _insisted(lambda: steadiness_of(trained))
    report = {**trained.report, "stability": asdict(steady)} if steady else trained.report
    bar.tell("Registering the version", REGISTERS)
    version = _insisted(lambda: register(trained.bundle, report=report, actor=actor))
    bar.made(version)
    bar.tell("Judging at the gate", TRAIN_SHARE + 0.02)

    def judging() -> ModelVersion:
        row = version_named(version.version)
        # Where the database went away before it could say so, the verdict is written already.
        return row if row.gate else judge_training(row.version, trained, user_ids, actor=actor, over=over)

    judged = bar.run.model_version = _insisted(judging)
    if not judged.passed:
        return f"{version.version} was refused: {judged.refusal}"
    try:
        bar.run.model_version = _insisted(lambda: promote(version.version, actor=actor, over=over))
    except Conflict as error:
        return f"{version.version} passed, but was not promoted. {error.detail}"
    return f"{version.version} is live"


def _insisted(step: Callable[[], Found]) -> Found:
    """Return what the step returns; it is tried again, on another connection, where it lost the database meanwhile."""
    for wait in WAITS:
        try:
            return step()
        except (OperationalError, InterfaceError) as error:
            log.warning("training.database_lost error=%s", error)
            time.sleep(wait)
            _reconnect()
    return step()


def queue_night(message_id: str | None, *, budget_s: int) -> TrainingRun:
    """Return the run that the schedule's message asks for, a new one unless that message came before.

    The broker delivers a night that lasts longer than it waits again, to whoever is free then.
    """
    if message_id is not None and (known := _asked_by(message_id)):
        return known
    try:
        return queue_training(actor="system:schedule", budget_s=budget_s, hand_over=False, message_id=message_id)
    except IntegrityError:  # another worker had it at the same moment
        return TrainingRun.objects.get(message_id=message_id)


def _asked_by(message_id: str) -> TrainingRun | None:
    known = TrainingRun.objects.filter(message_id=message_id).first()
    if known is not None:
        log.warning("training.night_came_again run=%s state=%s message=%s", known.pk, known.state, message_id)
    return known


def queue_once(*, actor: str, **wishes: Any) -> tuple[TrainingRun, bool]:
    """Queue a training, unless one with the same wishes waits; return it, and whether it is new.

    Of one that waits a worker is told again: its message may be lost, and one that comes twice changes nothing.
    """
    with transaction.atomic():
        one_at_a_time()  # else both clicks of a double click find none
        waiting = TrainingRun.objects.filter(state=RunState.QUEUED, **wishes).first()
        if waiting is None:
            return queue_training(actor=actor, **wishes), True
    _to_worker(waiting.pk, None)
    return waiting, False


def _to_worker(run_id: int, slates: Path | None) -> None:
    path = str(slates.resolve()) if slates else None
    current_app.send_task("personalization.train", args=[run_id], kwargs={"slates": path})


def _reconnect() -> None:
    """Let the next query open a connection anew, where nothing is under way on this one."""
    if not connection.in_atomic_block:
        connection.close()
