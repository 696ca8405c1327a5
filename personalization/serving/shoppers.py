"""The shopper of one request: may we, and what do we know, in one Redis round trip."""

import logging
from dataclasses import dataclass, field, replace

import numpy as np
import redis
from django.conf import settings

from common.cooldown import Cooldown
from consents.person import person_of
from consents.selectors import rule_of, terms
from events.types.base import Interaction
from personalization.serving.answers import Degraded
from personalization.serving.asking import Who
from personalization.serving.snapshot import Snapshot
from personalization.serving.snapshot_refresher import keeper
from profiles.history import distinct
from profiles.selectors import Person, read_person
from recsys.arrays import Floats, Ints
from recsys.data.attributes import named
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
MOMENT_SECONDS = 3600.0
LATELY = 3
"""Products of the latest events that likeness by words goes by."""
log = logging.getLogger(__name__)
rest = Cooldown(0.5)


@dataclass(frozen=True, slots=True)
class Shopper:
    """What serving may use of a shopper. `personal` is false where nothing of them may be, or is, known.

    Who did nothing yet and of whom attributes are known is a newcomer: personal, with an empty history.

    `latest` maps an item code to the signal of the shopper's latest event on it, in order of time.
    """

    profile: Profile
    personal: bool = False
    degraded: Degraded | None = None
    latest: dict[int, str] = field(default_factory=dict)
    opinions: Opinions = NO_OPINIONS

    @property
    def lately(self) -> list[int]:
        """Codes of the first few items of `latest` from its end, the latest first."""
        return list(reversed(self.latest))[:LATELY]

    @property
    def bought(self) -> Ints:
        """Codes of the items the shopper bought."""
        bought: Ints = self.profile.items[self.profile.signals == PURCHASE]
        return bought

    def bought_within(self, days: int) -> Ints:
        """Return the codes of the items the shopper bought in the last `days`, as of the profile's hour."""
        lately = self.profile.times > self.profile.now - days * DAY
        bought: Ints = self.profile.items[(self.profile.signals == PURCHASE) & lately]
        return bought


def nobody(now: float, degraded: Degraded | None = None) -> Shopper:
    """Return the shopper of whom nothing is known."""
    return Shopper(Profile.empty(_moment(now)), degraded=degraded)


def read_shopper(who: Who, *, snapshot: Snapshot, now: float) -> Shopper:
    """Return what may be used of the shopper whom a request names."""
    if not who.named:
        return nobody(now)
    person = _read(who)
    if person is None:
        return nobody(now, "store_down")
    keeper.hint(config_version=person.config_version, catalog_version=person.catalog_version)
    if not allowed(person, gpc=who.gpc, region=who.region):
        return nobody(now, "no_consent")
    attributes = named(person.attributes, settings.SHOPPER_ATTRIBUTES)
    known = [
        (code, one)
        for one in distinct(person.history)
        if (code := snapshot.shelf.codes.get(one.product_id)) is not None
    ]
    if not known:
        return newcomer(now, attributes) if attributes else nobody(now, "no_profile")
    profile = replace(profile_of(known, weights=snapshot.weights, now=now), attributes=attributes)
    opinions = opinions_of(profile, rated=snapshot.bundle is None or snapshot.bundle.ratings_differ)
    latest: dict[int, str] = {}
    for code, one in known:
        latest.pop(code, None)
        latest[code] = one.signal
    if len(opinions.disliked):
        profile = without_disliked(profile, opinions)
        disliked = set(opinions.disliked.tolist())
        latest = {code: signal for code, signal in latest.items() if code not in disliked}
    return Shopper(profile, personal=True, latest=latest, opinions=opinions)


def newcomer(now: float, attributes: tuple[str, ...]) -> Shopper:
    """Return the shopper of whom only attributes are known."""
    return Shopper(replace(Profile.empty(_moment(now)), attributes=attributes), personal=True)


def allowed(person: Person, *, gpc: bool, region: str | None = None) -> bool:
    """Return whether the person may be shown what their behavior suggests.

    By the ids that were named, as the other doors ask, and by all of them, for the history of all would be used.
    """
    people = [person_of(ids, person.consent_states) for ids in (person.requested_ids, person.ids)]
    return all(
        whom.verdict(terms().get(PURPOSE), rule=rule_of(region or whom.region), gpc=gpc).allowed for whom in people
    )


def profile_of(history: list[tuple[int, Interaction]], *, weights: Floats, now: float) -> Profile:
    """Return the columns of a history that is sorted by time."""
    n = len(history)
    signals = np.fromiter((SIGNAL_CODES[one.signal] for _, one in history), np.int8, n)
    times = np.fromiter((one.at / 1e6 for _, one in history), np.float64, n)
    return Profile(
        items=np.fromiter((code for code, _ in history), np.int32, n),
        times=times,
        signals=signals,
        weights=weights[signals],
        values=np.fromiter((one.value for _, one in history), np.float32, n),
        now=max(_moment(now), float(times[-1])),
    )


def _moment(now: float) -> float:
    """Return the full hour: a shopper who did nothing gets the same answer to the same question."""
    return now // MOMENT_SECONDS * MOMENT_SECONDS


def _read(who: Who) -> Person | None:
    if rest.active():
        return None
    try:
        return read_person(user_id=who.user_id, anonymous_id=who.anonymous_id)
    except (redis.ConnectionError, redis.TimeoutError) as error:
        rest.start()
        log.warning("profile.store_down error=%s", error)
        return None
