"""Events that wait for their shopper's first decision: they enter, are released by it, or are counted after their time.

A decision is written to the cache before anybody looks who waits for it, and an event enters before the cache is read
once more. So of two requests at the same moment at least one sees the other.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from django.conf import settings

from common import redis
from consents import cache
from consents.cache_updates import link
from consents.person import person_of
from consents.selectors import consent_rules, states_of_people
from events.allowed_fields import field_list
from events.dropped_fields import drop_counter
from events.log import get_log, get_waiting_room
from events.log.base import Entry
from events.log.waiting_room import Waiting
from events.services.acceptance import Acceptance, counted
from events.services.submission import Submission
from events.stream.tail import tail
from events.types.base import Event

AT_ONCE: Final = 500
MOST_ROUNDS: Final = 20
"""How far one decision follows links that the released events make. What is further waits until its time is over."""
CLAIMED: Final = "claimed:"
NOBODY_ASKED: Final = "not_asked"
NO_ROOM: Final = "no_room"
"""Reason of a count: too many events waited at that moment."""


def write(
    acceptance: Acceptance, submissions: Sequence[Submission], accepted: Sequence[Entry | None], others: Sequence[Entry]
) -> None:
    """Write what a request accepted; return once the log or the waiting room holds all of it.

    `accepted` holds each event's entry, or None where it waits. `others` are entries without a verdict. Raises
    Unavailable or redis errors; the same may be written again.
    """
    waiting = [one for one, entry in zip(submissions, accepted, strict=True) if entry is None]
    if not settings.CONSENT_WAIT_SECONDS:
        others, waiting = [*others, *(counted(one.event, NOBODY_ASKED) for one in waiting)], []
    # After a crash here the recorder writes these decisions again, but only a replay writes the links again.
    link(acceptance.writes.links)
    entries = [entry for entry in accepted if entry is not None]
    if entries := [*entries, *acceptance.writes.notices, *others]:
        get_log().append(entries)
    release(_enter(acceptance, waiting))


def release(raw_ids: Collection[str]) -> None:
    """Judge again what waits for a decision of these raw ids; return once the log holds what came out of it.

    Raises Unavailable or redis errors; what is left is released by the next decision, or when its time is over.
    """
    done: set[str] = set()
    new = set(raw_ids)
    for _ in range(MOST_ROUNDS):
        if not new:
            return
        done |= new
        waiting = [Submission.decode(body) for body in get_waiting_room().bodies_of(new)]
        new = {raw_id for start in range(0, len(waiting), AT_ONCE) for raw_id in _settle(waiting[start:][:AT_ONCE])}
        new -= done


def release_for(subject: str) -> None:
    """Release what waits for a decision of the subject's person. Raises Unavailable or redis errors."""
    release(person_of([subject], states_of_people([subject])).states.keys())


def count_overdue(*, seconds_ahead: float = 0.0) -> int:
    """Count events whose time is over, without ids, or keep them where a yes came; return how many those were.

    `seconds_ahead` moves the time. Raises Unavailable or redis errors.
    """
    done = 0
    while bodies := get_waiting_room().overdue(count=AT_ONCE, seconds_ahead=seconds_ahead):
        _settle([Submission.decode(body) for body in bodies], time_is_over=True)
        done += len(bodies)
    return done


def _enter(acceptance: Acceptance, waiting: Sequence[Submission]) -> set[str]:
    """Write the cache and the waiting events in one trip; return the raw ids for whose decision nothing need wait."""
    room, states, affected = get_waiting_room(), acceptance.waiting_states(waiting), acceptance.affected_ids()
    if not waiting and not affected and not acceptance.writes.regions:
        return set()
    pipe = redis.client().pipeline(transaction=False)
    room.queue_add(pipe, [_waiting(one) for one in waiting], seconds=settings.CONSENT_WAIT_SECONDS)
    before_states = len(pipe)
    for raw_id in states:
        pipe.hgetall(cache.key(raw_id))
    acceptance.writes.queue_cache(pipe)
    if affected:
        room.queue_count(pipe, affected)
    answers: list[Any] = pipe.execute()
    entered = answers[before_states - len(waiting) : before_states]
    if outside := [one for one, answer in zip(waiting, entered, strict=True) if answer == -1]:
        get_log().append([counted(one.event, NO_ROOM) for one in outside])
    now = map(cache.parse, answers[before_states : before_states + len(states)])
    meanwhile = {raw_id for (raw_id, before), state in zip(states.items(), now, strict=True) if state != before}
    return meanwhile | (affected if affected and answers[-1] else set())


def _settle(submissions: Sequence[Submission], *, time_is_over: bool = False) -> set[str]:
    """Judge waiting events once more and move those that wait no longer; return the raw ids that this links anew."""
    states = states_of_people(raw_id for one in submissions for raw_id in one.raw_ids)
    acceptance = Acceptance(states, consent_rules(), field_list())
    pairs = list(zip(submissions, acceptance.take(submissions), strict=True))
    settled = [(one, entry) for one, entry in pairs if entry is not None]
    if time_is_over:
        settled += [(one, counted(one.event, NOBODY_ASKED)) for one, entry in pairs if entry is None]
    link(acceptance.writes.links)
    if acceptance.writes.notices:
        get_log().append(acceptance.writes.notices)
    get_waiting_room().settle([(_waiting(one), entry) for one, entry in settled])
    tail.note_events([(one.event, entry) for one, entry in settled])
    pipe = redis.client().pipeline(transaction=False)
    acceptance.writes.queue_cache(pipe)
    pipe.execute()
    drop_counter.note(acceptance.drops)
    return acceptance.affected_ids()


def forget(raw_ids: Collection[str]) -> int:
    """Remove what waits and belongs to these raw ids, for the erasure of a shopper; return how many events those were.

    Raises Unavailable.
    """
    return get_waiting_room().forget(map(_waiting, _belonging_to(raw_ids)))


def count_of(raw_ids: Collection[str]) -> int:
    """Return how many waiting events belong to these raw ids. Raises Unavailable."""
    return len(_belonging_to(raw_ids))


def _belonging_to(raw_ids: Collection[str]) -> list[Submission]:
    claims = [f"{CLAIMED}{raw_id}" for raw_id in raw_ids]
    every = map(Submission.decode, get_waiting_room().bodies_of([*raw_ids, *claims]))
    # Another account's event on a shared device belongs to that account.
    return [one for one in every if one.event.raw_id in raw_ids or f"user:{one.event.claimed_user_id}" in raw_ids]


def _waiting(submission: Submission) -> Waiting:
    """Return what waits, under the key by which the recorder knows it again.

    An erasure finds a claimed user too. It has an index of its own, for a decision of that user releases no claim.
    """
    claimed = submission.event.claimed_user_id
    raw_ids = (*submission.raw_ids, *([f"{CLAIMED}user:{claimed}"] if claimed else []))
    return Waiting(message_key(submission.event), raw_ids, submission.encode())


def message_key(event: Event) -> str:
    """Return the key of a message id. A browser's counts for its own raw id alone, as when it is recorded."""
    return f"{event.raw_id}\0{event.message_id}" if event.sender else event.message_id
