"""Writes of consents: a decision made at our own door, and the decisions that events carried."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from django.db import transaction

from audit.services import record
from common import clock
from common.errors import FieldError, InvalidInput, Unavailable
from common.ids import uuid7
from consents import cache_updates, recording, selectors
from consents.recording import DecisionRecord
from consents.state import GPC
from consents.subjects import is_user, raw_ids


@dataclass(frozen=True, slots=True)
class Change:
    """Decisions of one subject, made at this moment. `at` in microseconds since the epoch."""

    message_id: str
    raw_id: str
    decisions: Mapping[str, bool]
    at: int
    source: str
    policy_version: str
    region: str


_log_writers: list[Callable[[Change], None]] = []
_releasers: list[Callable[[str], None]] = []


def log_with(writer: Callable[[Change], None], *, release: Callable[[str], None]) -> None:
    """Name who writes a change to the event log, for replay, and who releases what waited for a subject's decision; the
    events room does so once, when the process starts.
    """
    _log_writers[:] = [writer]
    _releasers[:] = [release]


def _write_to_log(change: Change) -> None:
    """Write the change to the log. Raises Unavailable where that fails."""
    if not _log_writers:
        raise Unavailable("No event log is attached.")
    _log_writers[0](change)


class DecidingEvent(Protocol):
    """An event as the recorder hands it over: `consents` are the decisions it carried."""

    @property
    def message_id(self) -> str: ...
    @property
    def at(self) -> int: ...
    @property
    def user_id(self) -> str | None: ...
    @property
    def anonymous_id(self) -> str | None: ...
    @property
    def consents(self) -> dict[str, bool]: ...
    @property
    def context(self) -> dict[str, Any]: ...
    @property
    def source(self) -> str: ...


def record_decisions(events: Iterable[DecidingEvent]) -> int:
    """Record the decisions that events carried; return how many proofs that were. Called in the recorder's transaction.

    An event may come twice and late. Decisions hold for both ids of the event. The cache is written again after
    commit, so that it heals where an earlier write of it was lost.
    """
    decisions = [one for event in events if event.consents for one in _carried(event)]
    if not decisions:
        return 0
    changed = recording.write(decisions, versions=_versions())
    transaction.on_commit(lambda: cache_updates.write(decisions))
    return changed


def _carried(event: DecidingEvent) -> list[DecisionRecord]:
    consent = event.context.get("consent")
    policy = str(consent.get("policy_version", "")) if isinstance(consent, dict) else ""
    region = str(event.context.get("region", ""))
    return [
        DecisionRecord(
            raw_id=raw_id,
            purpose=purpose,
            given=given,
            at=event.at,
            message_id=event.message_id,
            source=event.source,
            policy_version=policy,
            region=region,
        )
        for raw_id in raw_ids(event.user_id, event.anonymous_id)
        for purpose, given in event.consents.items()
    ]


def decide_for(
    subject: str,
    *,
    decisions: Mapping[str, bool],
    actor: str,
    source: str = "",
    policy_version: str = "",
    region: str | None = None,
    gpc: bool = False,
) -> None:
    """Record the decisions that a subject makes now: proof, audit and log, then the cache, before this returns.

    `gpc` tells that the request carried the signal: a known account remembers it.
    Raises InvalidInput for unknown or essential purposes and for a version of a policy text that was never published,
    Unavailable where the log is down (nothing is written then).
    """
    _refuse_unknown(decisions)
    if policy_version and not selectors.policy_hash(policy_version):
        raise InvalidInput.of("policy_version", "no policy text of this version was published")
    taken = {**decisions, GPC: True} if gpc and is_user(subject) else dict(decisions)
    at, message_id = _moment_after(subject, taken), str(uuid7())
    rows = [
        DecisionRecord(subject, purpose, given, at, message_id, source, policy_version, region or "")
        for purpose, given in taken.items()
    ]
    change = Change(message_id, subject, taken, at, source, policy_version, region or "")
    with transaction.atomic():
        recording.write(rows, versions=_versions())
        record(
            category="consent",
            action="consent.decided",
            actor=actor,
            object="consent",
            subject=subject,
            data={"decisions": taken},
            detail=_without_empty({"policy_version": policy_version, "source": source}),
        )
        # Before the commit: when the log is down nothing is written, and when the commit fails the recorder, which
        # reads the log, writes the same rows.
        _write_to_log(change)
    cache_updates.write(rows, again=False)
    for release in _releasers:
        release(subject)


def _moment_after(subject: str, purposes: Iterable[str]) -> int:
    """Return now or, where the clock was put back or another host's is ahead, a moment after the latest decision.

    The later decision holds, and this one is made now.
    """
    states = selectors.states_of_people([subject]).values()
    times = (known.at for state in states for name in purposes if (known := state.on(name)))
    return max(clock.epoch_us(), max(times, default=0) + 1)


def _without_empty(words: Mapping[str, str]) -> dict[str, str]:
    """Return the texts that are not empty. A browser may write anything in them: they go where erasure reaches."""
    return {name: text for name, text in words.items() if text}


def _refuse_unknown(decisions: Mapping[str, bool]) -> None:
    terms = selectors.terms()
    there = ", ".join(sorted(name for name, term in terms.items() if not term.essential))
    unknown = f"is not a purpose; there are {there}"
    errors = [
        FieldError(f"decisions.{name}", unknown if name not in terms else "needs no consent")
        for name in decisions
        if name not in terms or terms[name].essential
    ]
    if errors:
        raise InvalidInput(str(errors[0]), errors=tuple(errors))


def _versions() -> dict[str, int]:
    return {name: terms.version for name, terms in selectors.terms().items()}
