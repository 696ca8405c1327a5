"""The shopper of one request: consent and history, read in one Redis round trip."""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
import redis
from django.conf import settings

from common.cooldown import Cooldown
from consents.person import person_of
from consents.selectors import rule_of, terms
from events.types.base import Interaction
from personalization.serving.answers import FallbackReason
from personalization.serving.asking import Who
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import snapshot_refresher
from profiles.history import distinct
from profiles.selectors import Person, read_person
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
from recsys.data.signals import PURCHASE, SIGNAL_CODES

PURPOSE = "personalization"
HOUR_SECONDS = 3600.0
N_LATEST = 3
"""Text similarity uses the products of this many latest events."""
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

    @property
    def latest_items(self) -> list[int]:
        """Codes of the last `N_LATEST` items of `latest`, the latest first."""
        return list(reversed(self.latest))[:N_LATEST]

    @property
    def bought(self) -> Ints:
        """Codes of the items the shopper bought."""
        codes: Ints = self.profile.items[self.profile.signals == PURCHASE]
        return codes

    def bought_within(self, days: int) -> Ints:
        """Return the codes of the items the shopper bought in the last `days`, as of the profile's hour."""
        recent = self.profile.times > self.profile.now - days * DAY
        codes: Ints = self.profile.items[(self.profile.signals == PURCHASE) & recent]
        return codes


def nobody(now: float, fallback_reason: FallbackReason | None = None) -> Shopper:
    """Return a shopper without any data."""
    return Shopper(Profile.empty(_full_hour(now)), fallback_reason=fallback_reason)


def read_shopper(who: Who, *, snapshot: Snapshot, now: float) -> Shopper:
    """Return the data of the request's shopper that may be used."""
    if not who.has_id:
        return nobody(now)
    person = _read(who)
    if person is None:
        return nobody(now, "store_down")
    snapshot_refresher.hint(config_version=person.config_version, catalog_version=person.catalog_version)
    if not may_personalize(person, gpc=who.gpc, region=who.region):
        return nobody(now, "no_consent")
    segments = frozenset(person.segments)
    attributes = attribute_strings(person.attributes, settings.SHOPPER_ATTRIBUTES)
    history = [
        (code, one)
        for one in distinct(person.history)
        if (code := snapshot.serving_catalog.codes.get(one.product_id)) is not None
    ]
    if not history:
        unknown = newcomer(now, attributes) if attributes else nobody(now, "no_profile")
        return replace(unknown, segments=segments)
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
    return Shopper(profile, personal=True, latest=latest, opinions=opinions, segments=segments)


def newcomer(now: float, attributes: tuple[str, ...]) -> Shopper:
    """Return a shopper with attributes and without history."""
    return Shopper(replace(Profile.empty(_full_hour(now)), attributes=attributes), personal=True)


def may_personalize(person: Person, *, gpc: bool, region: str | None = None) -> bool:
    """Return whether the person's behavior may be used for recommendations.

    Both the ids of the request and all ids of the person must allow it, because the history of all ids is used.
    """
    people = [person_of(ids, person.consent_states) for ids in (person.requested_ids, person.ids)]
    return all(
        whom.verdict(terms().get(PURPOSE), rule=rule_of(region or whom.region), gpc=gpc).allowed for whom in people
    )


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
        now=max(_full_hour(now), float(times[-1])),
    )


def _full_hour(now: float) -> float:
    """Return the full hour, so that a shopper without new events gets the same answer to the same request."""
    return now // HOUR_SECONDS * HOUR_SECONDS


def _read(who: Who) -> Person | None:
    if rest.active():
        return None
    try:
        return read_person(user_id=who.user_id, anonymous_id=who.anonymous_id)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        rest.start()
        log.warning("profile.store_down error=%s", error)
        return None
