"""Remote evaluation: the arm of one subject in each live experiment, kept for later visits."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from experiments.arms import Assignment, Subject, assign
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE, LiveExperiments
from experiments.selectors.live import latest_experiments
from experiments.selectors.subjects import Asker, KnownSubject, read_subject
from experiments.services.sticky import arm_keeper


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The arms of a subject by the key of the experiment, without the hold-out."""

    subject: Subject
    assignments: Mapping[str, Assignment]

    @property
    def hash_attribute(self) -> str:
        """The attribute that was hashed."""
        return HASH_ATTRIBUTE if self.subject.attributes.get(HASH_ATTRIBUTE) else FALLBACK_ATTRIBUTE


def evaluate(asker: Asker, *, only: str | None = None) -> Evaluation:
    """Return the arms of a subject in all live experiments, or in one, and keep them.

    An evaluation is an assignment and no exposure. Raises redis errors, and OperationalError while PostgreSQL is down.
    """
    live = latest_experiments()
    if only is not None and only not in {design.key for design in live.designs}:
        return Evaluation(Subject({}), {})
    reading = read_subject(asker, live)
    designs = [design for design in live.designs if only in (None, design.key)]
    assignments = {design.key: assign(design, reading.subject, live) for design in designs}
    _keep([*assignments.values(), *_holdout(live, reading.subject)], reading)
    return Evaluation(reading.subject, assignments)


def _keep(assignments: Iterable[Assignment], reading: KnownSubject) -> None:
    """Keep the arms for the ids that are the subject's own. A user id that nobody proved is none of them.

    Of who said no meanwhile, what was kept is deleted.
    """
    if reading.refuses and any(reading.sticky.values()):
        arm_keeper.release(reading.own_ids)
    owner = replace(reading.subject, raw_ids=reading.own_ids)
    for one in assignments:
        arm_keeper.keep(one, owner, reading.sticky)


def _holdout(live: LiveExperiments, subject: Subject) -> list[Assignment]:
    return [] if live.holdout is None else [assign(live.holdout, subject)]
