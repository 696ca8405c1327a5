"""How long each step of a training took."""

from dataclasses import dataclass

from common import clock
from modelops.models import TrainingRun
from modelops.selectors.runs import state_of


@dataclass(frozen=True, slots=True)
class StepBar:
    """One step: when it began and how long it took, in seconds, and both in percent of the whole run."""

    name: str
    began_s: float
    seconds: float
    left: float
    width: float

    @property
    def duration(self) -> str:
        """The time it took, in words."""
        return duration_text(self.seconds)


def step_bars(run: TrainingRun) -> list[StepBar]:
    """Return the steps of a run in the order of time; the last one lasts until its end, or until now."""
    if not run.steps or run.started_at is None:
        return []
    total = max(seconds_of(run) or 0.0, run.steps[-1][1], 0.1)
    ends = [*(began for _, began in run.steps[1:]), total]
    return [
        StepBar(name, began, after - began, 100 * began / total, max(0.4, 100 * (after - began) / total))
        for (name, began), after in zip(run.steps, ends, strict=True)
    ]


def seconds_of(run: TrainingRun) -> float | None:
    """Return how long a run took, until now if it still runs; None before its start."""
    if run.started_at is None:
        return None
    is_alive = state_of(run) == run.state and run.finished_at is None
    end = clock.now() if is_alive else run.finished_at or run.heartbeat_at or run.started_at
    return max(0.0, (end - run.started_at).total_seconds())


def duration_text(seconds: float) -> str:
    """Return a duration as `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
