"""Whom an evaluation is about: ids, consent, sticky arms, and what the server knows for conditions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from common import clock
from consents.person import Verdict, person_of
from consents.selectors import rule_of, states_of_people, terms
from consents.subjects import raw_ids
from experiments.arms import Subject
from experiments.design import FALLBACK_ATTRIBUTE, HASH_ATTRIBUTE, SERVER_ATTRIBUTES, LiveExperiments
from experiments.growthbook import CONSENT, PURPOSE
from experiments.selectors.sticky import StickyById, merged, read_sticky
from profiles.customer_profile import segments_of_person, traits_of_person
from profiles.selectors import read_person
from profiles.shopper_states import is_allowed
from profiles.traits.context import own_attributes

MOST_EXACT: Final = 2**53
"""Beyond it JavaScript knows no whole number exactly."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Who is asked about. `user_id` is proven; `anonymous_id` is the browser's own secret.

    `named` are the raw ids that the attributes name, proven or not: only test units are looked up by them.
    """

    attributes: Mapping[str, Any]
    named: tuple[str, ...] = ()
    user_id: str | None = None
    anonymous_id: str | None = None
    gpc: bool = False
    region: str | None = None

    @property
    def raw_ids(self) -> tuple[str, ...]:
        """The ids that may be read, the user first."""
        return tuple(raw_ids(self.user_id, self.anonymous_id))


@dataclass(frozen=True, slots=True)
class KnownSubject:
    """A subject, the ids that its arms may be kept for, and the sticky arms of each id of the person.

    `refuses` tells who said no; who was not asked yet does not.
    """

    subject: Subject
    own_ids: tuple[str, ...]
    sticky: StickyById
    refuses: bool


def read_subject(asker: Asker, live: LiveExperiments) -> KnownSubject:
    """Return the subject. Raises redis errors, and OperationalError while PostgreSQL is down."""
    own_ids = asker.raw_ids
    person = person_of(own_ids, states_of_people(own_ids))
    verdicts = person.verdicts(terms(), rule=rule_of(asker.region or person.region), gpc=asker.gpc)
    attributes = {name: value for name, value in asker.attributes.items() if name not in SERVER_ATTRIBUTES}
    if any(design.server_only for design in live.designs):
        attributes |= _known_attributes(asker, verdicts)
    for name in (HASH_ATTRIBUTE, FALLBACK_ATTRIBUTE):
        attributes[name] = id_text(asker.attributes.get(name))
    verdict, claim = verdicts.get(PURPOSE), consent_claim(asker.attributes)
    consents = may_experiment(verdict, claim=claim)
    sticky = {} if live.is_empty else read_sticky(list(person.states))
    subject = Subject(attributes, asker.named, merged(sticky) if consents else {}, consents)
    refuses = claim is False or (verdict is not None and verdict.reason in ("refused", "gpc"))
    return KnownSubject(subject, own_ids, sticky, refuses)


def may_experiment(verdict: Verdict | None, *, claim: bool | None) -> bool:
    """Return whether a shopper may be experimented on, by the stored decision and by what the page claims.

    The claim may say yes for who was not asked yet, as it does in SDKs that decide locally. It may always say no.
    """
    if verdict is None or claim is False:
        return False
    return verdict.allowed or (claim is True and verdict.reason == "not_asked")


def consent_claim(attributes: Mapping[str, Any]) -> bool | None:
    """Return what the attribute `consent` says of experiments, None for nothing."""
    consent = attributes.get(CONSENT)
    claim = consent.get(PURPOSE) if isinstance(consent, Mapping) else None
    return claim if isinstance(claim, bool) else None


def id_text(value: Any) -> str:
    """Return an id as SDKs hash it: a number as JavaScript writes it, and "" for what is no id."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < MOST_EXACT:
        return str(int(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _known_attributes(asker: Asker, verdicts: Mapping[str, Verdict]) -> dict[str, Any]:
    """Return traits, segments and attributes of who allows personalization, and all decisions on consent."""
    consent = {name: verdict.allowed for name, verdict in verdicts.items()}
    result: dict[str, Any] = {"segments": [], "traits": {}, "attributes": {}, "consent": consent}
    if not asker.raw_ids:
        return result
    person = read_person(user_id=asker.user_id, anonymous_id=asker.anonymous_id)
    if is_allowed(person) and consent.get("personalization"):
        result["segments"] = [segment.key for segment in segments_of_person(person)]
        result["traits"] = traits_of_person(person, now=clock.now())
        result["attributes"] = own_attributes(person.attributes)
    return result
