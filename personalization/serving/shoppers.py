"""The shopper of one request: consent and history, read in one Redis round trip."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import redis
from cachetools import LRUCache
from django.conf import settings

from access.throttles import RequestCount
from common.cooldown import Cooldown
from common.errors import Unavailable
from common.redis import run_scripts
from consents.person import ConsentPerson, person_of
from consents.selectors import rule_of, terms
from consents.subjects import raw_ids
from events.types.base import Interaction
from experiments.selectors.sticky import StickyRead
from personalization.rules.filter_columns import folded
from personalization.serving.answer_inputs import HistoryRead, digest_of
from personalization.serving.answer_memory import OWN_ANSWERS, SHARED_ANSWERS, AnswerMemory
from personalization.serving.answers import FallbackReason
from personalization.serving.asking import Who
from personalization.serving.caught_up import caught_up
from personalization.serving.experiment_subject import PURPOSE as EXPERIMENTS
from personalization.serving.experiment_subject import ExperimentSubject, subject_of_request
from personalization.serving.gauges import LOOKUPS
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles.history import distinct
from profiles.selectors import Person, PersonRead, person_call, person_read
from profiles.services import apply_named
from recsys.arrays import Floats, Ints
from recsys.data.attributes import attribute_strings
from recsys.data.interactions import DAY
from recsys.data.opinions import (
    NO_OPINIONS,
    Opinions,
    opinions_of,
    without_disliked,
)
from recsys.data.profile import Profile
from recsys.data.signals import CART, PURCHASE, REMOVE, SIGNAL_CODES

PURPOSE = "personalization"
HOUR_SECONDS = 3600.0
CART_SIGNALS = (CART, REMOVE, PURCHASE)
N_LATEST = 3
"""Text similarity uses the products of this many latest events."""
MOST_ROUNDS = 4
"""How far a read follows logins that no profile holds yet."""
MOST_SHOPPERS = 5_000
"""Shoppers remembered by one process: some 10 KB each, with their answers some 60."""
Ids = tuple[str | None, str | None]
log = logging.getLogger(__name__)
rest = Cooldown(0.5)


@dataclass(frozen=True, slots=True)
class Shopper:
    """What serving may use of a shopper. `personal` is false where nothing is known, or may be used.

    A newcomer has attributes and no history: personal, with an empty profile. `latest` maps an item code to the signal
    of the shopper's latest event on it, in order of time.
    """

    profile: Profile
    personal: bool = False
    fallback_reason: FallbackReason | None = None
    latest: dict[int, str] = field(default_factory=dict)
    opinions: Opinions = NO_OPINIONS
    segments: frozenset[str] = frozenset()
    subject: str = ""
    """The raw id by which rules draw lots; "" where none may be used, or the request's id is as good."""
    memory: AnswerMemory[Any] | None = field(default=None, compare=False, repr=False)
    """Prepared answers to this shopper; None where nothing is remembered, as in previews."""
    history: HistoryRead | None = field(default=None, compare=False)
    """What the exposure keeps of the read; None where nothing is used."""
    trial_subject: ExperimentSubject | None = field(default=None, compare=False, repr=False)
    """The shopper as experiments see them; None where none decides about answers, and for nobody."""

    @property
    def latest_items(self) -> list[int]:
        """Codes of the last `N_LATEST` items of `latest`, the latest first."""
        return list(reversed(self.latest))[:N_LATEST]

    @property
    def bought(self) -> Ints:
        """Codes of the items the shopper bought."""
        codes: Ints = self.profile.items[self.profile.signals == PURCHASE]
        return codes

    def in_cart(self, *, days: float) -> Ints:
        """Return the codes of what was put into the cart in the last `days`, and neither taken out nor bought since."""
        profile = self.profile
        of_cart = np.isin(profile.signals, CART_SIGNALS) & (profile.times > profile.now - days * DAY)
        latest = dict(zip(profile.items[of_cart].tolist(), profile.signals[of_cart].tolist(), strict=True))
        return np.asarray([code for code, signal in latest.items() if signal == CART], np.int32)

    def bought_within(self, days: int) -> Ints:
        """Return the codes of the items the shopper bought in the last `days`, as of the profile's hour."""
        recent = self.profile.times > self.profile.now - days * DAY
        codes: Ints = self.profile.items[(self.profile.signals == PURCHASE) & recent]
        return codes


def nobody(now: float, fallback_reason: FallbackReason | None = None) -> Shopper:
    """Return a shopper without any data."""
    return Shopper(Profile.empty(full_hour(now)), fallback_reason=fallback_reason)


def read_shopper(who: Who, *, snapshot: Snapshot, now: float, count: RequestCount | None = None) -> Shopper:
    """Return the data of the request's shopper that may be used.

    `count` counts the request in the same round trip, and raises Throttled.
    """
    if not who.has_id:
        if count is not None:
            count.run()
        return stranger(snapshot, now)
    key = (who.user_id, who.anonymous_id)
    cached = shopper_cache.get(key, snapshot=snapshot, hour=full_hour(now))
    sticky = StickyRead(raw_ids(*key)) if snapshot.experiments.decides_answers else None
    read = _read(who, b"" if cached is None else cached.fingerprint, count, sticky)
    if read is None:
        return nobody(now, "store_down")
    if read.pending:
        read = _caught_up(who, read)
    snapshot_refresher.hint(config_version=read.config_version, catalog_version=read.catalog_version)
    LOOKUPS.labels(level="shopper", outcome="hit" if read.person is None else "miss").inc()
    if read.person is not None:
        cached = _known_shopper(read.person, read, snapshot=snapshot, now=now)
        shopper_cache.put(key, cached, snapshot=snapshot)
    assert cached is not None  # a read that knew no fingerprint brings the person
    may_personalize = cached.may_personalize(gpc=who.gpc, region=who.region)
    shopper = cached.shopper if may_personalize else stranger(snapshot, now, "no_consent")
    shopper = shopper or stranger(snapshot, now, "no_profile")
    if sticky is None:
        return shopper
    consents = may_personalize and _allowed(cached.people, gpc=who.gpc, region=who.region, purpose=EXPERIMENTS)
    whom = subject_of_request(
        who,
        consents=consents,
        sticky=sticky.by_id,
        person=cached.person if may_personalize else None,
        catalog=snapshot.serving_catalog,
        now=now,
    )
    return replace(shopper, trial_subject=whom)


def ids_behind(who: Who, *, snapshot: Snapshot) -> tuple[str, ...]:
    """Return the raw ids that the last read of this shopper was about; none if it is forgotten."""
    entry = shopper_cache.get((who.user_id, who.anonymous_id), snapshot=snapshot)
    return () if entry is None else entry.raw_ids


@dataclass(frozen=True, slots=True)
class KnownShopper:
    """A shopper as read in one hour. `shopper` is None where nothing is known. `raw_ids` are all ids that were read.

    Whether anything may be used is asked for each request: the terms may change, and the region may differ.
    """

    hour: float
    fingerprint: bytes
    people: tuple[ConsentPerson, ...]
    shopper: Shopper | None
    raw_ids: tuple[str, ...] = ()
    person: Person | None = None
    """Only where conditions of experiments read it."""

    def may_personalize(self, *, gpc: bool, region: str | None) -> bool:
        """Return whether the behavior may be used for recommendations."""
        return _allowed(self.people, gpc=gpc, region=region)


class ShopperCache:
    """The shoppers of the latest requests of this process, and the answers shared by all strangers.

    It holds those of the process's snapshot alone. A preview's draft, or a request that began under the snapshot
    before, neither finds nor leaves anything here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._identity: object = None
        self._shoppers: LRUCache[Ids, KnownShopper] = LRUCache(MOST_SHOPPERS)
        self._shared: dict[FallbackReason | None, Shopper] = {}

    def get(self, key: Ids, *, snapshot: Snapshot, hour: float | None = None) -> KnownShopper | None:
        """Return the shopper of these ids under this snapshot, as read in this hour if it is given, or None."""
        with self._lock:
            cached = self._shoppers.get(key) if self._holds(snapshot) else None
        return cached if cached is not None and hour in (None, cached.hour) else None

    def put(self, key: Ids, shopper: KnownShopper, *, snapshot: Snapshot) -> None:
        """Remember a shopper."""
        with self._lock:
            if self._holds(snapshot):
                self._shoppers[key] = shopper

    def stranger(self, snapshot: Snapshot, now: float, fallback_reason: FallbackReason | None) -> Shopper:
        """Return the shopper of whom nothing is used; all of one reason share their answers."""
        with self._lock:
            if not self._holds(snapshot):
                return nobody(now, fallback_reason)
            cached = self._shared.get(fallback_reason)
            if cached is None or cached.profile.now != full_hour(now):
                cached = replace(nobody(now, fallback_reason), memory=AnswerMemory(SHARED_ANSWERS, level="shared"))
                self._shared[fallback_reason] = cached
        return cached

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._shoppers.clear()
            self._shared.clear()

    def _holds(self, snapshot: Snapshot) -> bool:
        """Return whether this is the process's snapshot; forget what belongs to the one before."""
        latest = snapshot_refresher.latest
        if latest is None or snapshot.identity is not latest.identity:
            return False
        if self._identity is not snapshot.identity:
            self._shoppers.clear()
            self._shared.clear()
            self._identity = snapshot.identity
        return True


shopper_cache = ShopperCache()
"""The cache of this process."""


def stranger(snapshot: Snapshot, now: float, fallback_reason: FallbackReason | None = None) -> Shopper:
    """Return a shopper without any data, who shares prepared answers with all others."""
    return shopper_cache.stranger(snapshot, now, fallback_reason)


def _known_shopper(person: Person, read: PersonRead, *, snapshot: Snapshot, now: float) -> KnownShopper:
    return KnownShopper(
        hour=full_hour(now),
        fingerprint=read.fingerprint,
        people=_people(person),
        shopper=shopper_of_person(person, snapshot=snapshot, now=now, offset=read.offset),
        raw_ids=tuple(dict.fromkeys((*person.requested_ids, *person.ids, *person.consent_states))),
        person=person if snapshot.experiments.attributes else None,
    )


def shopper_of_person(person: Person, *, snapshot: Snapshot, now: float, offset: int = 0) -> Shopper | None:
    """Return what serving may use of a person; None where nothing is known. `offset` is how far the log was read."""
    attributes = attribute_strings(person.attributes, settings.SHOPPER_ATTRIBUTES)
    history = [
        (code, one)
        for one in distinct(person.history)
        if (code := snapshot.serving_catalog.codes.get(one.product_id)) is not None
    ]
    memory, segments = AnswerMemory[Any](OWN_ANSWERS, level="answer"), frozenset(person.segments)
    named_segments = frozenset(one for one in segments if snapshot.rules.segments.intersection(folded([one])))
    read = HistoryRead(offset, _digest(history, attributes), named_segments)
    if not history:
        if not attributes and not segments:
            return None
        unknown = newcomer(now, attributes) if attributes else nobody(now, "no_profile")
        return replace(unknown, segments=segments, subject=person.subject, memory=memory, history=read)
    profile = replace(profile_of(history, weights=snapshot.weights, now=now), attributes=attributes)
    opinions = opinions_of(profile, use_stars=snapshot.bundle is None or snapshot.bundle.ratings_differ)
    latest: dict[int, str] = {}
    for code, one in history:
        latest.pop(code, None)
        latest[code] = one.signal
    if len(opinions.disliked):
        profile = without_disliked(profile, opinions)
        disliked = set(opinions.disliked.tolist())
        latest = {code: signal for code, signal in latest.items() if code not in disliked}
    return Shopper(
        profile,
        personal=True,
        latest=latest,
        opinions=opinions,
        segments=segments,
        subject=person.subject,
        memory=memory,
        history=read,
    )


def _digest(history: Sequence[tuple[int, Interaction]], attributes: Sequence[str]) -> str:
    """Return a hash of all that an answer reads of a history: it shows whether a rebuilt one is the same."""
    signals = ",".join(f"{one.at} {one.signal} {one.value} {one.product_id}" for _, one in history)
    return digest_of(signals.encode(), *(text.encode() for text in attributes))


def newcomer(now: float, attributes: tuple[str, ...]) -> Shopper:
    """Return a shopper with attributes and without history."""
    return Shopper(replace(Profile.empty(full_hour(now)), attributes=attributes), personal=True)


def may_personalize(person: Person, *, gpc: bool, region: str | None = None) -> bool:
    """Return whether the person's behavior may be used for recommendations.

    Both the ids of the request and all ids of the person must allow it, because the history of all ids is used.
    """
    return _allowed(_people(person), gpc=gpc, region=region)


def _people(person: Person) -> tuple[ConsentPerson, ...]:
    groups = dict.fromkeys((person.requested_ids, person.ids))  # often the same
    return tuple(person_of(ids, person.consent_states) for ids in groups)


def _allowed(people: tuple[ConsentPerson, ...], *, gpc: bool, region: str | None, purpose: str = PURPOSE) -> bool:
    purpose_terms = terms().get(purpose)
    return all(whom.verdict(purpose_terms, rule=rule_of(region or whom.region), gpc=gpc).allowed for whom in people)


def profile_of(history: list[tuple[int, Interaction]], *, weights: Floats, now: float) -> Profile:
    """Return the profile of a history, which is sorted by time."""
    n = len(history)
    signals = np.fromiter((SIGNAL_CODES[one.signal] for _, one in history), np.int8, n)
    times = np.fromiter((one.at / 1e6 for _, one in history), np.float64, n)
    return Profile(
        items=np.fromiter((code for code, _ in history), np.int32, n),
        times=times,
        signals=signals,
        weights=weights[signals],
        values=np.fromiter((one.value for _, one in history), np.float32, n),
        now=max(full_hour(now), float(times[-1])),
    )


def full_hour(now: float) -> float:
    """Return the full hour, so that a shopper without new events gets the same answer to the same request."""
    return now // HOUR_SECONDS * HOUR_SECONDS


def _caught_up(who: Who, read: PersonRead) -> PersonRead:
    """Return the person after the log's entries about them that the profiler has not applied yet.

    They are applied here: every write of profiles may happen twice. So an answer knows all that was acknowledged. A
    login among them makes further ids the person's, with entries of their own.
    """
    try:
        for _ in range(MOST_ROUNDS):
            if caught_up.covers(read.pending):
                break
            apply_named(read.pending)
            caught_up.note(read.pending)
            read = _read(who, b"", None) or read
    except (redis.RedisError, Unavailable) as error:
        log.warning("profile.behind error=%s", error)
    return read


def _read(
    who: Who, fingerprint: bytes, count: RequestCount | None, sticky: StickyRead | None = None
) -> PersonRead | None:
    """Return the person, read in one round trip with the count of the request and the shopper's sticky arms.

    None while Redis is down.
    """
    if rest.active():
        return None
    ids = {"user_id": who.user_id, "anonymous_id": who.anonymous_id}
    companions = [one for one in (count, sticky) if one is not None]
    try:
        answer, *others = run_scripts(person_call(**ids, fingerprint=fingerprint), *(one.call for one in companions))
    except (redis.ConnectionError, redis.TimeoutError) as error:
        rest.start()
        log.warning("profile.store_down error=%s", error)
        return None
    for companion, other in zip(companions, others, strict=True):
        companion.settle(other)
    return person_read(answer, **ids)
